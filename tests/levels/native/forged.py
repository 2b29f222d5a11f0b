"""Forged and damaged graphs: what one change to three make of a cell's JSON.

    python tests/levels/native/forged.py 100000 --seconds 800

Case n is made from seed n alone. It is read; if it is accepted it must be a good cell: the text of
every level compiles, and native code, its memory between forbidden pages, gives what the level
torch gives. Native code is run until the seconds are used up, once for each graph. Cases run in
child processes, so that a crash is counted, and told with its number.
"""

import argparse
import contextlib
import copy
import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "torch")
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import torch
from hypothesis import Phase, given, settings

import programs
from every import EVERY
from ostinato import cells, levels
from ostinato.equation import Cell, Graph
from ostinato.equation.stored import graph_from_json
from ostinato.errors import CellError
from ostinato.report.diagrams import cell_diagram
from tolerances import BESIDE, EQUAL

OPS = (
    "add sub mul div neg sigmoid tanh relu exp log maximum affine normalize vector constant input "
    "state still adjoint transposed normalize_backward positive greater mean product copy masked"
).split()
SIZES = ["D", "H", "H", "R", "1", "M", "T", "h", "", "HH"]
WORDS = [
    *"x h c i z_i W_xi W_xh b_i w_ci gain_i p k d t B D H R M np torch tape grads states".split(),
    *"outputs ended signals self ops linear layer_norm normalize sigmoid tanh max len zip".split(),
    *"dict float reversed range matvec add h_prev dh dh_next z_xi normal_i class None".split(),
    *"__debug__ _ __class__ lambda \u03bc \uff50 \ufb01 1 weight_ih bias_ih kernel keras".split(),
    *"print bool number scan step lift forward batch_sizes".split(),
    *["", "a b", "h\n", "x)", "\u202e", "\ud800", "a" * 1200, "µ", "#", '"""', "\\"],
]
NUMBERS = [0, 1, 2, -1, 5, 10**6, 10**30, -(10**400), 0.5, -0.0, 1e-5, 1e-320, 1e38, 1e300, -1e300,
           float("nan"), float("inf"), True, False]  # fmt: skip
LETTERS = {"D": 3, "H": 7, "R": 2}


# ---------------------------------------------------------------------------------- mutations


def _resized(r: random.Random, graph: dict, other: dict) -> None:
    for node in r.sample(graph["nodes"], min(len(graph["nodes"]), r.choice([1, 1, 2, 9]))):
        node["size"] = r.choice(SIZES)


def _rewired(r: random.Random, graph: dict, other: dict) -> None:
    at = r.randrange(len(graph["nodes"]))
    args = graph["nodes"][at]["args"]
    near = r.randrange(at or 1)
    far = r.choice([near, at, len(graph["nodes"]), -1, near, near, near])
    if args and r.random() < 0.8:
        args[r.randrange(len(args))] = far
    else:
        args.insert(r.randint(0, len(args)), far)


def _shortened(r: random.Random, graph: dict, other: dict) -> None:
    node = r.choice(graph["nodes"])
    for field in ("args", "parameters"):
        if node[field] and r.random() < 0.7:
            node[field].pop(r.randrange(len(node[field])))


def _another_op(r: random.Random, graph: dict, other: dict) -> None:
    nodes = graph["nodes"]
    node = r.choice([n for n in nodes if n["args"]] or nodes)
    alike = [["add", "sub", "mul", "div", "maximum"], OPS[4:10], OPS]
    node["op"] = r.choice(next(ops for ops in alike if node["op"] in ops or ops is OPS))
    if r.random() < 0.1:
        r.choice(nodes)["op"] = r.choice(OPS)


def _outputs(r: random.Random, graph: dict, other: dict) -> None:
    listed = graph[r.choice(["inputs", "states", "outputs", "outputs", "outputs"])]
    any_node = r.choice([r.randrange(len(graph["nodes"])), -1, len(graph["nodes"])])
    match r.randrange(5):
        case 0:
            listed.append(any_node)
        case 1 if listed:
            listed.pop(r.randrange(len(listed)))
        case 2:
            r.shuffle(listed)
        case _ if listed:
            listed[r.randrange(len(listed))] = r.randrange(len(graph["nodes"]))


def _parameters(r: random.Random, graph: dict, other: dict) -> None:
    known = graph["parameters"]
    if not known:
        return
    name = r.choice([*known])
    match r.randrange(7):
        case 0:
            known[name]["shape"] = [r.choice(SIZES) for _ in range(r.randint(0, 3))]
        case 1:
            known[name]["init"] = [r.choice(NUMBERS), r.choice(NUMBERS)]
        case 2:
            known[r.choice(WORDS)] = known.pop(name)
        case 3:
            _renamed(graph, name, r.choice([w[:2] for w in known]) + r.choice(WORDS))
        case 4:
            node = r.choice(graph["nodes"])
            node["parameters"].append(name)
        case 5:
            known[f"W_{len(known)}"] = copy.deepcopy(known[name])
        case _:
            items = [*known.items()]
            r.shuffle(items)
            graph["parameters"] = dict(items)


def _renamed(graph: dict, old: str, new: str) -> None:
    graph["parameters"] = {new if k == old else k: v for k, v in graph["parameters"].items()}
    for node in graph["nodes"]:
        node["parameters"] = [new if p == old else p for p in node["parameters"]]


def _names(r: random.Random, graph: dict, other: dict) -> None:
    names = graph[r.choice(["names", "names", "notes"])]
    for _ in range(r.choice([1, 2, 5])):
        if names and r.random() < 0.8:
            names[r.choice([*names])] = r.choice(WORDS)
        else:
            names[str(r.randint(-1, len(graph["nodes"])))] = r.choice(WORDS)


def _labels(r: random.Random, graph: dict, other: dict) -> None:
    for node in r.sample(graph["nodes"], min(len(graph["nodes"]), r.choice([1, 3]))):
        node["label"] = r.choice([*WORDS, *(n["label"] for n in graph["nodes"])])
    if r.random() < 0.1:
        graph["name"] = r.choice(WORDS)


def _numbers(r: random.Random, graph: dict, other: dict) -> None:
    numbers = [n for n in graph["nodes"] if n["op"] in ("constant", "normalize")]
    r.choice(numbers or graph["nodes"])["value"] = r.choice(NUMBERS)


def _removed(r: random.Random, graph: dict, other: dict) -> None:
    """Takes a node out; often those behind it move up, and who read it reads its argument."""
    at = r.randrange(len(graph["nodes"]))
    gone = graph["nodes"].pop(at)
    if r.random() < 0.8:
        args = gone["args"] or [max(at - 1, 0)]
        _renumber(graph, lambda i: r.choice(args) if i == at else i - (i > at))
        if r.random() < 0.9:
            for name in gone["parameters"]:
                graph["parameters"].pop(name, None)


def _inserted(r: random.Random, graph: dict, other: dict) -> None:
    """Puts a node in, which is read by some of those behind it."""
    at = r.randint(1, len(graph["nodes"]))
    source = r.choice(graph["nodes"] + other["nodes"])
    node = copy.deepcopy(source)
    _renumber(graph, lambda i: i + (i >= at))
    node["args"] = [r.randrange(at) for _ in node["args"]]
    if node["args"] and r.random() < 0.8:
        node["size"] = graph["nodes"][node["args"][-1]]["size"]
    fresh = [f"{name}_{at}" for name in node["parameters"]]
    for name, new in zip(node["parameters"], fresh, strict=True):
        shape = (graph["parameters"] | other["parameters"]).get(name)
        graph["parameters"][new] = copy.deepcopy(shape)
    node["parameters"] = fresh
    graph["nodes"].insert(at, node)
    for k in range(at + 1, len(graph["nodes"])):
        args = graph["nodes"][k]["args"]
        if args and r.random() < 0.4:
            args[r.randrange(len(args))] = at
    if r.random() < 0.3 and graph["outputs"]:
        graph["outputs"][r.randrange(len(graph["outputs"]))] = at


def _renumber(graph: dict, new: Callable[[int], int]) -> None:
    for node in graph["nodes"]:
        node["args"] = [new(a) for a in node["args"]]
    for what in ("inputs", "states", "outputs"):
        graph[what] = [new(i) for i in graph[what]]
    for what in ("names", "notes"):
        graph[what] = {
            str(new(int(i))): v for i, v in graph[what].items() if i.lstrip("-").isdigit()
        }


def _spliced(r: random.Random, graph: dict, other: dict) -> None:
    """The beginning of one graph and the end of another."""
    at, there = r.randrange(len(graph["nodes"])), r.randrange(len(other["nodes"]))
    tail = copy.deepcopy(other["nodes"][there:])
    for node in tail:
        node["args"] = [max(a - there + at, a % (at + 1)) for a in node["args"]]
    graph["nodes"][at:] = tail
    graph["parameters"] |= copy.deepcopy(other["parameters"])
    graph["outputs"] = [len(graph["nodes"]) - 1 - k for k in range(len(graph["states"]))]


def _swapped(r: random.Random, graph: dict, other: dict) -> None:
    nodes = graph["nodes"]
    one, two = r.randrange(len(nodes)), r.randrange(len(nodes))
    if r.random() < 0.5:
        nodes[one], nodes[two] = nodes[two], nodes[one]
    else:
        field = r.choice([*nodes[one]])
        nodes[one][field], nodes[two][field] = nodes[two][field], nodes[one][field]


def _retyped(r: random.Random, graph: dict, other: dict) -> None:
    """Any part of the JSON becomes something else, goes, or comes twice."""
    spots: list[tuple[Any, Any]] = []
    waiting: list[Any] = [graph]
    while waiting:
        part = waiting.pop()
        for key in part if isinstance(part, dict) else range(len(part)):
            spots.append((part, key))
            if isinstance(part[key], dict | list):
                waiting.append(part[key])
    part, key = r.choice(spots)
    values = [*NUMBERS, *WORDS, None, [], {}, [0], {"0": "h"}, part[key], str(part[key])]
    if r.random() < 0.2:
        del part[key]
    elif r.random() < 0.2 and isinstance(part, dict):
        part[r.choice(WORDS)] = part[key]
    else:
        part[key] = r.choice(values)


MUTATIONS = [
    _resized, _rewired, _rewired, _shortened, _another_op, _another_op, _outputs, _parameters,
    _names, _labels, _numbers, _removed, _inserted, _inserted, _spliced, _swapped, _retyped,
]  # fmt: skip


def damaged(r: random.Random, text: str) -> str:
    """Bytes that were flipped, cut, doubled or put in."""
    raw = bytearray(text, "utf-8", "surrogatepass")
    for _ in range(r.choice([1, 1, 2, 4])):
        at = r.randrange(len(raw) or 1)
        match r.randrange(5):
            case 0 if raw:
                raw[at % len(raw)] ^= 1 << r.randrange(8)
            case 1:
                del raw[at : at + r.choice([1, 1, 9, 10**6])]
            case 2:
                raw[at:at] = raw[at : at + r.randint(1, 40)]
            case 3:
                raw[at:at] = r.choice([b"0", b"-", b"1e9", b'"', b",", b"[", b"{}", b"null", b"\0"])
            case _ if raw:
                raw[at % len(raw)] = r.choice(b'0123456789DHR"[],')
    return raw.decode("utf-8", "replace")


def pool(count: int) -> list[dict]:
    """Graphs to begin with: every shipped cell, and so many random ones that are not large."""
    drawn: list[Graph] = []

    @settings(max_examples=count, derandomize=True, database=None, phases=[Phase.generate])
    @given(programs.programs(idle=True))
    def collect(text: str) -> None:
        drawn.append(programs.as_cell(text).graph)

    collect()
    graphs = [cells.find(name).graph for name in EVERY] + [g for g in drawn if len(g.nodes) < 30]
    return [json.loads(json.dumps(g.to_json())) for g in graphs]


def case(number: int, known: list[dict]) -> str:
    """The text of one forged file."""
    r = random.Random(number)
    graph, other = (copy.deepcopy(r.choice(known)) for _ in range(2))
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        with contextlib.suppress(LookupError, TypeError, ValueError, AttributeError):
            r.choice(MUTATIONS)(r, graph, other)  # which may find what another has broken
    text = json.dumps(graph)
    return damaged(r, text) if r.random() < 0.1 else text


# -------------------------------------------------------------------------------------- judges


def read(text: str) -> Graph | None:
    """The graph; None if it is refused in one line."""
    try:
        return graph_from_json(json.loads(text))
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError) or "integer string conversion" in str(error):
            return None  # no JSON, or a number of thousands of digits, which the reader says
        raise
    except CellError as error:
        said = str(error)
    assert 0 < len(said) < 400, said
    assert said.isprintable(), said
    return None


def check_texts(graph: Graph) -> None:
    """Every level's text compiles, and drawings are drawn."""
    cell = Cell(graph.name, graph)
    for level in ("python", "numpy", "torch", "keras"):
        compile(levels.find(level).source(cell, backward=True), level, "exec")
    assert levels.find("latex").source(cell, backward=True).count("\n") < 9999
    assert "<script" not in cell_diagram(json.loads(json.dumps(graph.to_json())), "#000")


def check_results(graph: Graph, number: int) -> None:
    """Native code within fences gives what the level torch gives."""
    import fences
    from batch import Batch, distance, results

    cell, dtype = Cell(graph.name, graph), (torch.float64, torch.float32)[number % 2]
    sizes = {
        letter: LETTERS.get(letter, 4) for letter in {n.size for n in graph.nodes} | {"H", "D"}
    }
    whole = Batch.draw(graph, [3, 1, 2], sizes, seed=number)
    with fences.around(("end", "begin")[number % 3 == 0]) as fence:
        held = {k: _fenced(v, fence, dtype) for k, v in vars(whole).items() if k != "batch_sizes"}
        found = results("native", cell, replace(whole, **held))
    expected = results("torch", cell, whole)
    if not (_finite(found) and _finite(expected)):
        narrow = results("torch", cell, whole.to(dtype))
        assert _finite(found) == _finite(narrow) or not _finite(expected), "finite at one level"
        return
    error = distance(found, expected)
    if error < EQUAL:
        return
    usual = distance(results("torch", cell, whole.to(dtype)), expected)
    shaken = replace(whole, x=whole.x * (1 + 1e-12), states=[s * (1 - 1e-12) for s in whole.states])
    moved = distance(results("torch", cell, shaken), expected) / 1e-12
    assert error <= BESIDE * (usual + (1 + moved) * torch.finfo(dtype).eps), (error, usual, moved)


def _fenced(value: Any, fence: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, dict):
        return {name: _fenced(v, fence, dtype) for name, v in value.items()}
    if isinstance(value, list):
        return [_fenced(v, fence, dtype) for v in value]
    return fence.copy(value.to(dtype))


def _finite(values: dict[str, list[torch.Tensor]]) -> bool:
    return all(bool(t.isfinite().all()) for several in values.values() for t in several)


# ---------------------------------------------------------------------------------- the walk


def walk(first: int, count: int, seconds: float, drawn: int = 60, batch: int = 250) -> None:
    """Judges cases `first` … `first + count - 1`; prints what became of them as JSON."""
    torch.set_num_threads(1)
    known, seen = pool(drawn), set[str]()
    figures: Counter[str] = Counter()
    wrong: list[str] = []
    end, at, until = first + count, first, time.monotonic() + seconds
    while at < end:
        run = _child(known, seen, at, min(at + batch, end), until)
        for kind, number, about in run:
            if kind in ("refused", "unread"):
                figures[kind] += 1
            elif kind == "accepted":
                figures[kind] += 1
                figures["distinct"] += about not in seen
                seen.add(about)
            elif kind == "run":
                figures[kind] += 1
            elif kind == "end":
                at = number
            else:
                figures[kind] += 1
                wrong.append(f"{kind} {number}: {about}")
                print(wrong[-1], file=sys.stderr, flush=True)
                at = number + 1 if kind == "crashed" else at
    print(json.dumps({"cases": count, **figures, "faults": wrong[:20]}))


def _child(known: list, seen: set, first: int, end: int, until: float) -> list:
    """What became of the cases, as far as a child process came."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        with os.fdopen(writer, "w", buffering=1) as out:
            _judge(known, seen, first, end, until, lambda *said: print(json.dumps(said), file=out))
        os._exit(0)
    os.close(writer)
    told: list = []
    with os.fdopen(reader) as lines:
        for line in lines:
            told.append(json.loads(line))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) or os.WEXITSTATUS(status):
        last = [number for kind, number, _ in told if kind == "begun"][-1]
        name = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "exit"
        told.append(("crashed", last, name))
    return [one for one in told if one[0] != "begun"]


def _judge(known: list, seen: set, first: int, end: int, until: float, say: Callable) -> None:
    seen = set(seen)
    for number in range(first, end):
        say("begun", number, "")
        signal.alarm(60)  # which ends the process: a hang is a crash
        try:
            text = case(number, known)
            graph = read(text)
            if graph is None:
                say("refused", number, "")
                continue
            whole = json.dumps(graph.to_json(), sort_keys=True)
            say("accepted", number, whole)
            if whole in seen:
                continue
            seen.add(whole)
            check_texts(graph)
            if time.monotonic() < until or len(seen) == 1:  # the first one in any case
                check_results(graph, number)
                say("run", number, "")
        except Exception:
            say("wrong", number, "".join(traceback.format_exc(limit=-2))[-900:])
    say("end", end, "")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("count", type=int)
    arguments.add_argument("--first", type=int, default=0)
    arguments.add_argument("--seconds", type=float, default=60)
    given_ = arguments.parse_args()
    walk(given_.first, given_.count, given_.seconds)
