"""A graph that was stored with a trained model; it may come from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from ostinato.equation.check import check
from ostinato.equation.graph import Alias, Graph, Node, Parameter
from ostinato.errors import CellError


def graph_from_json(data: Mapping[str, object]) -> Graph:
    """The graph that `Graph.to_json` wrote, also after a journey through JSON.

    Raises:
        CellError: where something is missing or unknown, and where the graph is not one step of a
            cell (`check`): levels make code of it.
    """
    known = _fields(Graph, data, "the cell")
    for what in ("parameters", "names", "notes", "ranges"):
        if not isinstance(known.get(what, {}), dict):
            raise CellError(f"{what}: not an object")
    for what in ("nodes", "aliases"):
        if not isinstance(known.get(what, ()), tuple):
            raise CellError(f"{what}: not a list")
    graph = Graph(
        **known
        | {
            "nodes": tuple(
                Node(**_fields(Node, n, f"node {k}")) for k, n in enumerate(known["nodes"])
            ),
            "parameters": {
                name: Parameter(**_fields(Parameter, p, "a parameter"))
                for name, p in known["parameters"].items()
            },
            "names": {_index(i): name for i, name in known.get("names", {}).items()},
            "notes": {_index(i): note for i, note in known.get("notes", {}).items()},
            "aliases": tuple(
                Alias(**_fields(Alias, a, "an alias")) for a in known.get("aliases", ())
            ),
            "ranges": {
                state: tuple(pair) if isinstance(pair, list) else pair
                for state, pair in known.get("ranges", {}).items()
            },
        }
    )
    check(graph)
    return graph


def _fields(kind: type, data: object, where: str) -> dict[str, Any]:
    """The fields of a data class as JSON has them, lists as tuples; none is missing or unknown."""
    if not isinstance(data, dict):
        raise CellError(f"{where}: not an object")
    own = {f.name: f.default is MISSING and f.default_factory is MISSING for f in fields(kind)}
    for name in data:
        if name not in own:
            raise CellError(f"{where}: unknown field {ascii(name)[:60]}")
    for name, required in own.items():
        if required and name not in data:
            raise CellError(f"{where}: missing field {name!r}")
    return {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}


def _index(key: object) -> object:
    """A node's number, which JSON has as text where it is the key of an object."""
    if isinstance(key, str) and len(key) < 9 and key.isdecimal() and key == str(int(key)):
        return int(key)
    return key
