"""Tensors and short notes as the content of a safetensors file that holds a SHA-256 of both."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

_DIGEST = "digest"
_TENSORS_ONLY = "sha256"  # the digest of files from before notes were a part of it


def packed(tensors: Mapping[str, Tensor], notes: Mapping[str, str] | None = None) -> bytes:
    """The content of the file."""
    whole = {k: t.detach().cpu().contiguous() for k, t in tensors.items()}
    kept = dict(notes or {})
    return save(whole, kept | {_DIGEST: _digest(whole, kept)})


def unpacked(content: bytes, whole: bool = False) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and notes of a file.

    Args:
        content: that of the file.
        whole: whether it is known to be whole; else its digest says so, and must be there.

    Raises:
        ValueError: when it is damaged.
    """
    try:
        tensors = load(content)
        (size,) = struct.unpack("<Q", content[:8])
        notes: dict[str, str] = json.loads(content[8 : 8 + size]).get("__metadata__") or {}
    except (SafetensorError, KeyError, RecursionError) as error:  # a dtype that PyTorch lacks
        raise ValueError(str(error)) from None
    told, older = notes.pop(_DIGEST, None), notes.pop(_TENSORS_ONLY, None)
    if whole:
        return tensors, notes
    found = _digest(tensors, notes if told else {})
    if found != (told or older):
        raise ValueError("damaged: its SHA-256 does not match")
    return tensors, notes


def on(device: torch.device, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors on a device."""
    return {name: tensor.to(device) for name, tensor in tensors.items()}


def misfit(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str | None:
    """In what tensors differ from others by name, shape or dtype; None where they do not.

    The others may be without memory, on PyTorch's device `meta`.
    """
    for name in sorted({*found, *wanted}):
        if name not in wanted or name not in found:
            return f"{name} is {'missing' if name in wanted else 'not known'}"
        for what in ("shape", "dtype"):
            has, needs = (getattr(each[name], what) for each in (found, wanted))
            if has != needs:
                return f"{name} has {what} {has}, not {needs}"
    return None


def size_of(tensors: Mapping[str, Tensor]) -> int:
    """The bytes that tensors take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _digest(tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> str:
    """SHA-256 (hex) over tensors of any dtype, by name, and over notes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    if notes:
        digest.update(json.dumps(dict(notes), sort_keys=True).encode())
    return digest.hexdigest()
