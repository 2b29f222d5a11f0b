"""Damage to files: other bytes, or other content under checksums that are right."""

import copy
import gzip
import hashlib
import json
import random
import tomllib
from pathlib import Path
from typing import Any

import tomli_w
import torch

from ostinato.train.tensors import packed, unpacked

TOKENS = [b'"', b",", b"\n", b"\r", b"\t", b"\0", b"\xff", b"{", b"}", b"[", b"null", b"\\ud800"]
TOKENS += [b"\xef\xbb\xbf", b"PAR1", b"\x1f\x8b", b"1e999", b" ", b"\xc3", "\u2028".encode()]
TOKENS += [b"-1", b"nan", b"1_0", "１".encode(), b"9" * 5000, b"#", b":", b"-", b"@", b"Infinity"]
TOKENS += ["\u0301".encode() * 50, "Ⅷ".encode(), b"\n\n", b"x" * 3000, b"true", b"99999999999"]
VALUES: list[Any] = [None, True, False, 0, 1, -1, 2, 3, 0.5, -0.5, 7, 10**6, 10**30, 1e-320, 1e308]
VALUES += ["", "x", "0", "1e5", "\n", "\u202e", "é" * 300, "lstm", "gru", "word", "char", "nan"]
VALUES += [float("nan"), float("inf"), -float("inf"), [], {}, [[]], [0], ["x"], {"x": 1}, [None]]


def mutated(raw: bytes, draw: random.Random) -> bytes:
    """Bytes, fields, lines, the encoding or the packing changed, in a few places."""
    for _ in range(draw.choice([1, 1, 2, 5])):
        at = draw.randint(0, len(raw))
        to = min(len(raw), at + draw.choice([1, 2, 8, 64]))
        match draw.randrange(10):
            case 0:
                raw = raw[:at]
            case 1:
                raw = raw[:at] + raw[to:]
            case 2 | 3:
                raw = raw[:at] + draw.choice(TOKENS) + raw[at:]
            case 4:
                raw = raw[:at] + draw.choice(TOKENS) + raw[to:]
            case 5:
                raw = raw[:at] + draw.randbytes(to - at) + raw[to:]
            case 6 if at < len(raw):
                raw = raw[:at] + bytes([raw[at] ^ (1 << draw.randrange(8))]) + raw[at + 1 :]
            case 7:
                lines = raw.splitlines(keepends=True)
                draw.shuffle(lines)
                raw = b"".join(lines[: draw.randint(0, len(lines))])
            case 8:
                raw = raw[:at] + raw[at:to] * 2 + raw[to:]
            case 9 if draw.random() < 0.2:
                text = raw.decode("utf-8", "replace")
                raw = draw.choice([gzip.compress(raw), text.encode("utf-16"), b"", raw[:1] * 2000])
    return raw


def resealed(run: Path, name: str, draw: random.Random) -> dict[Path, bytes]:
    """A file of a run whose content is another, and the manifest that lists it as it is now."""
    raw = (run / name).read_bytes()
    match Path(name).suffix:
        case ".json":
            changed = _json(_other(json.loads(raw), draw))
        case ".jsonl":
            changed = b"".join(_json(_other(json.loads(x), draw)) for x in raw.splitlines())
        case ".toml":
            changed = tomli_w.dumps(_writable(_other(tomllib.loads(raw.decode()), draw))).encode()
        case ".safetensors":
            changed = _other_tensors(raw, draw)
        case _:
            changed = mutated(raw, draw)
    if draw.random() < 0.2:
        changed = mutated(changed, draw)
    files = {run / name: changed}
    if name == "manifest.json":
        files[run / name] = _sealed(changed)
    elif "/" not in name:
        values = json.loads((run / "manifest.json").read_bytes())
        values["files"][name] = hashlib.sha256(changed).hexdigest()
        files[run / "manifest.json"] = _sealed(_json(values))
    return files


def _sealed(manifest: bytes) -> bytes:
    """A manifest whose own SHA-256 is right, if it is one."""
    try:
        values = json.loads(manifest)
        values.pop("sha256", None)
        text = json.dumps(values, sort_keys=True)
        return _json(values | {"sha256": hashlib.sha256(text.encode()).hexdigest()})
    except (ValueError, AttributeError, TypeError):
        return manifest


def _json(values: Any) -> bytes:
    return json.dumps(values).encode() + b"\n"


def _other(values: Any, draw: random.Random) -> Any:
    """Plain data in which some place holds something else, twice as much, or nothing."""
    values = copy.deepcopy(values)
    for _ in range(draw.choice([1, 1, 1, 2, 4])):
        places = list(_places(values))
        if not places:
            return draw.choice(VALUES)
        inside, key = draw.choice(places)
        value = inside[key]
        near = [value + 1, -value, value * 3] if isinstance(value, int | float) else [str(value)]
        match draw.randrange(6):
            case 0:
                del inside[key]
            case 1 if isinstance(inside, list):
                inside.insert(draw.randint(0, len(inside)), copy.deepcopy(value))
            case 1:
                inside[str(draw.choice(VALUES))[:9]] = value
            case 2:
                inside[key] = copy.deepcopy(draw.choice(places)[0])
            case 3:
                inside[key] = draw.choice(near)
            case _:
                inside[key] = copy.deepcopy(draw.choice(VALUES))
    return values


def _places(values: Any) -> Any:
    for key in values if isinstance(values, dict) else range(len(values)):
        yield values, key
        if isinstance(values[key], dict | list):
            yield from _places(values[key])


def _writable(values: Any) -> Any:
    """What TOML can say of plain data: it knows no null."""
    if isinstance(values, dict):
        return {str(k): _writable(v) for k, v in values.items() if v is not None}
    return [_writable(v) for v in values if v is not None] if isinstance(values, list) else values


def _other_tensors(raw: bytes, draw: random.Random) -> bytes:
    """Tensors and notes of which some are other ones, with the SHA-256 of what they are now."""
    tensors, notes = unpacked(raw)
    for _ in range(draw.choice([1, 1, 2])):
        name = draw.choice(sorted(tensors))
        tensor = tensors[name]
        match draw.randrange(8):
            case 0 if len(tensors) > 1:
                del tensors[name]
            case 1:
                tensors[draw.choice([name + "x", "", "optimizer.x.y", "carried.9"])] = (
                    tensor.clone()
                )
            case 2:
                tensors[name] = tensor.reshape(-1)[: draw.randrange(tensor.numel() + 1)].clone()
            case 3:
                tensors[name] = tensor[None].clone()
            case 4:
                kind = draw.choice([torch.float64, torch.int64, torch.bfloat16, torch.bool])
                tensors[name] = tensor.to(kind)
            case 5:
                tensors[name] = torch.full_like(tensor, draw.choice([0, 1, 77, 127]))
            case 6 if notes:
                key = draw.choice(sorted(notes))
                told = _other([json.loads(notes[key])], draw) if notes[key] else [None]
                notes[key] = json.dumps(told[0] if isinstance(told, list) and told else None)
            case _ if tensor.is_floating_point():
                kinds = [float("nan"), float("inf"), 3e38, -1e30, 1e-40]
                tensors[name] = torch.full_like(tensor, draw.choice(kinds))
    return packed(tensors, notes)
