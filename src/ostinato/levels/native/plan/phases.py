"""Second stage: what is computed when, and what each part must find in memory.

The work falls into five passes:

| pass | its rows | computes |
|---|---|---|
| `lift` | tokens, some steps at a time | what depends on the input alone |
| `loop` | the sequences that have this step, first step to last | the new states |
| `back` | the same, last step to first | dL/d(old states) and the gradients of the products |
| `post` | tokens, after the loop | what the gradients of lifted weights sum |
| `dx` | the same, after `post` | dL/dx |

A pass is a list of phases. A phase opens with products and with means whose operands are
complete, and continues with pointwise work, panel of units by panel of units; what needs all units
of something that the phase computes waits for the next.

Results of products and of functions are kept in memory where another phase or pass reads them;
sums and products of two numbers are cheap, so they are computed again from what is kept.

What a call requires decides which passes run: `dx` for dL/dx, `post` for it too and for the
gradients of the parameters in `Plan.late`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ostinato.equation.graph import LEAVES, Node, reachable
from ostinato.levels.native.plan.lower import NUMBER, Program

PASSES = ("lift", "loop", "back", "post", "dx")
_BACKWARD = (*PASSES[2:], "gradient")
"""The passes that read the tape in the backward call."""
_EXPENSIVE = frozenset({"product", "mean", "sigmoid", "tanh", "exp", "log"})
"""Operations whose results are stored rather than recomputed."""


@dataclass
class Unit:
    """The work of one phase on vectors of one size, or on the numbers that a row has.

    Attributes:
        size: the size letter; `1` for numbers.
        nodes: what is computed, in order; a `product` is found in the panel buffer.
        stores: (place, node) pairs; a node may have several places.
        means: for vectors, the means that gather their argument here; for numbers, those that
            become a number here.
        sums: (parameter, node): what is added up over a sequence's steps.
    """

    size: str
    nodes: list[int] = field(default_factory=list)
    stores: list[tuple[str, int]] = field(default_factory=list)
    means: list[int] = field(default_factory=list)
    sums: list[tuple[str, int]] = field(default_factory=list)

    def products(self, nodes: tuple[Node, ...]) -> list[int]:
        """The products that the unit reads."""
        return [i for i in self.nodes if nodes[i].op == "product"]


@dataclass
class Phase:
    """Numbers first, then the vectors, one unit for each size."""

    numbers: Unit
    vectors: list[Unit]


@dataclass(frozen=True)
class Plan:
    """A program in passes.

    Attributes:
        program: what is planned.
        passes: the phases of each pass.
        places: where each node that is kept lies, by the pass that reads it: (pass, node) → the
            name of a kind of row (`memory` lists them).
        slots: what the rows of each kind hold, in order.
        left: for each parameter where the terms of its gradient lie: `grads` (a slot of these
            rows) or `sums` (already added up for each sequence).
        late: the parameters whose terms the pass `post` computes.
    """

    program: Program
    passes: dict[str, list[Phase]]
    places: dict[tuple[str, int], str]
    slots: dict[str, list[int]]
    left: dict[str, str]
    late: frozenset[str]


def plan(program: Program) -> Plan:
    """Puts a program's work into passes and phases."""
    return _Planner(program).plan()


class _Planner:
    def __init__(self, program: Program) -> None:
        self.program, self.nodes = program, program.nodes
        p = program
        roots = [i for i in (*p.outputs, *p.d_states, p.dx) if i is not None]
        roots += [s.left for s in p.shares.values()]
        rights = [s.right for s in p.shares.values() if s.right is not None]
        self.needed = reachable(self.nodes, [*roots, *rights])
        noise = p.inputs[1:]
        self.moved = p.moved_by((*p.states, *noise, *p.adjoints))
        self.backward = p.moved_by(p.adjoints)
        self.of_pass = self._passes()
        self.keep = self._kept(rights)
        self.level = self._levels()
        self.units: dict[tuple[str, int, str], Unit] = {}
        self.places: dict[tuple[str, int], str] = {}
        self.slots: dict[str, list[int]] = {k: [] for k in ("lifted", "tape", "grads", "sums")}
        self.slots |= {f"scratch_{name}": [] for name in PASSES}

    # which pass, kept or not, which phase

    def _passes(self) -> dict[int, str]:
        p = self.program
        carried = set(reachable(self.nodes, [d for d in p.d_states if d is not None]))
        terms = set(reachable(self.nodes, [s.left for s in p.shares.values()]))
        found: dict[int, str] = {}
        for i in self.needed:
            node = self.nodes[i]
            if node.op in LEAVES:
                continue
            if i in self.backward:
                after = node.op == "product" or any(
                    found.get(a) in ("post", "dx") for a in node.args
                )
                last = "post" if i in terms else "dx"
                found[i] = last if after and i not in carried else "back"
            else:
                found[i] = "loop" if i in self.moved else "lift"
        return found

    def _kept(self, rights: list[int]) -> set[int]:
        """Nodes that other phases than the one that computes them read from memory."""
        nodes, p = self.nodes, self.program
        inputs = p.moved_by(p.inputs) | self.moved
        kept = {i for i in self.needed if nodes[i].op in _EXPENSIVE and i in inputs}
        kept |= {i for i in self.needed if nodes[i].op in ("product", "mean")}
        kept |= {i for i in self.needed if nodes[i].size == NUMBER and nodes[i].op != "constant"}
        kept |= {a for i in self.needed if nodes[i].op == "product" for a in nodes[i].args}
        kept |= {*rights, *p.outputs, *(s.left for s in p.shares.values())}
        if p.dx is not None:
            kept.add(p.dx)
        for i in self.needed:  # what another pass cannot compute again
            own = self.of_pass.get(i)
            if own in ("post", "dx"):
                kept |= {
                    a for a in nodes[i].args if self.of_pass.get(a) in {"back", "post"} - {own}
                }
        maps = {i for i in self.needed if nodes[i].op == "product"}
        for i in self.needed:  # a map that is whole, with its bias, rather than its parts
            parts = {a for a in nodes[i].args if nodes[a].op != "vector"}
            if nodes[i].op == "add" and parts and parts <= maps:
                maps.add(i)
        return (kept | maps) - {i for i in kept if nodes[i].op in LEAVES}

    def _levels(self) -> dict[int, int]:
        level: dict[int, int] = {}
        for i in self.needed:
            node = self.nodes[i]
            own = [
                a for a in node.args if self.of_pass.get(a) == self.of_pass.get(i) and a in level
            ]
            ready = [level[a] + (self.nodes[a].op == "mean") for a in own]
            waits = node.op == "product" and bool(own)
            if node.op not in LEAVES:
                level[i] = max(ready, default=0) + waits
        return level

    # what each unit computes, from the last to the first

    def plan(self) -> Plan:
        left = self._results()
        for name in reversed(PASSES):
            phase = self._last(name)
            while phase >= 0:
                sizes = [s for n, k, s in self.units if (n, k) == (name, phase) and s != NUMBER]
                for size in [*sizes, NUMBER]:
                    if (name, phase, size) in self.units:
                        self._fill(name, phase, size)
                phase -= 1
        passes = {
            name: [self._phase(name, k) for k in range(self._last(name) + 1)] for name in PASSES
        }
        shares = self.program.shares.items()
        late = frozenset(name for name, s in shares if self.of_pass[s.left] == "post")
        return Plan(self.program, passes, self.places, self.slots, left, late)

    def _last(self, name: str) -> int:
        return max((k for n, k, _ in self.units if n == name), default=-1)

    def _phase(self, name: str, phase: int) -> Phase:
        units = {s: u for (n, k, s), u in self.units.items() if (n, k) == (name, phase)}
        numbers = units.pop(NUMBER, Unit(NUMBER))
        return Phase(numbers, [units[s] for s in sorted(units)])

    def _unit(self, name: str, phase: int, size: str) -> Unit:
        return self.units.setdefault((name, phase, size), Unit(size))

    def _home(self, i: int) -> tuple[str, int, str]:
        """The unit that computes a node; a mean is a number in the phase after it was gathered."""
        node, name = self.nodes[i], self.of_pass[i]
        mean = node.op == "mean"
        return name, self.level[i] + mean, node.size

    def _store_result(self, name: str, place: str, node: int, size: str) -> None:
        """Stores a result of a pass, whichever pass computes it; -1 stands for zeros."""
        own = self.of_pass.get(node) == name
        self._store(self._home(node) if own else (name, 0, size), place, node)

    def _store(self, key: tuple[str, int, str], place: str, node: int) -> None:
        unit = self._unit(*key)
        if (place, node) not in unit.stores:
            unit.stores.append((place, node))

    def _results(self) -> dict[str, str]:
        """Stores the results of the passes; says where each gradient's terms are left."""
        p, nodes = self.program, self.nodes
        for k, output in enumerate(p.outputs):
            self._store_result("loop", f"new_{k}", output, nodes[p.states[k]].size)
            if self.of_pass.get(output) == "loop":
                self.places |= {(name, output): f"new_{k}" for name in ("loop", *_BACKWARD)}
        for k, gradient in enumerate(p.d_states):
            node = -1 if gradient is None else gradient
            self._store_result("back", f"carry_{k}", node, nodes[p.states[k]].size)
        if p.dx is not None:
            self._store_result("dx", "dx", p.dx, nodes[p.inputs[0]].size)
        left = {}
        products = {s.left for s in p.shares.values() if s.right is not None}
        for name, share in p.shares.items():
            matrix = share.left in products
            left[name] = "grads" if matrix or self.of_pass[share.left] == "post" else "sums"
            if left[name] == "grads":
                self._keep_in("grads", share.left)
            else:
                self._unit(*self._home(share.left)).sums.append((name, share.left))
            if share.right is not None:
                self._want("gradient", share.right)
        return left

    def _keep_in(self, place: str, i: int) -> None:
        if i not in self.slots[place]:
            self.slots[place].append(i)
        if place != "sums":
            self._store(self._home(i), place, i)
            self.places[self.of_pass[i], i] = place
            for reader in _BACKWARD[1:]:
                self.places[reader, i] = place

    def _want(self, reader: str, i: int) -> None:
        """Arranges that a node is stored in memory for `reader`, a pass."""
        if self.nodes[i].op in LEAVES or (reader, i) in self.places:
            return
        home = self.of_pass[i]
        if home == reader:
            place = "lifted" if home == "lift" else f"scratch_{home}"
        elif (home, reader) == ("lift", "loop"):
            place = "lifted"
        elif home == "lift":  # the backward pass finds a copy on the tape
            self._want("loop", i)
            self._copy_to_tape(i)
            return
        else:
            place = "tape" if home == "loop" else "grads"
        if place == "grads":
            self._keep_in("grads", i)
            return
        if i not in self.slots[place]:
            self.slots[place].append(i)
        self._gather(i)
        self._store(self._home(i), place, i)
        readers = {"lifted": ("lift", "loop"), "tape": ("loop", *_BACKWARD)}
        for name in readers.get(place, (reader,)):
            self.places.setdefault((name, i), place)

    def _copy_to_tape(self, i: int) -> None:
        self.slots["tape"].append(i)
        self._store(("loop", 0, self.nodes[i].size), "tape", i)
        for name in _BACKWARD:
            self.places[name, i] = "tape"

    def _gather(self, i: int) -> None:
        """A mean that is wanted gathers its argument in the phase before it is a number."""
        if self.nodes[i].op == "mean":
            name, phase, _ = self._home(i)
            unit = self._unit(name, phase - 1, self.nodes[i].label)
            if i not in unit.means:
                unit.means.append(i)
                self._unit(name, phase, NUMBER).means.append(i)

    def _fill(self, name: str, phase: int, size: str) -> None:
        """Finds all nodes that a unit must compute, and what it must find in memory."""
        unit, key = self.units[name, phase, size], (name, phase, size)
        nodes, done = self.nodes, set[int]()

        def visit(first: int) -> None:
            waiting = [first]
            while waiting:
                i = waiting.pop()
                if i in done or i < 0 or nodes[i].op in LEAVES:
                    continue
                done.add(i)
                node = nodes[i]
                if node.op == "mean" and self._home(i) == key:
                    self._gather(i)
                    continue
                if i in self.keep and self._home(i) != key:
                    self._want(name, i)
                    continue
                if node.op == "product":
                    for a in node.args:
                        self._want(name, a)
                else:
                    waiting += reversed(node.args)
                unit.nodes.append(i)

        for _, i in unit.stores:
            visit(i)
        for _, i in unit.sums:
            visit(i)
        if size != NUMBER:
            for i in unit.means:
                for a in nodes[i].args:
                    visit(a)
        unit.nodes.sort()
