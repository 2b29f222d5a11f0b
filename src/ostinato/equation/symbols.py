"""The language of cells: what stands in for a vector while a cell is read, and its functions.

The language is small on purpose; an operation goes in when a published cell needs it. Everything
that it does not have is refused at the line where a cell tries it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias, TypeGuard

from ostinato.equation.graph import Builder, Node, Parameter
from ostinato.errors import CellError, quoted

STATE_SIZES = ("H", "R")
"""The size letters of what a cell computes: hidden units, and a recurrent projection of them."""


class Notebook(Builder):
    """A graph in the making: nodes, the parameters they brought, and what role each plays."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters: dict[str, Parameter] = {}
        self.roles: dict[str, str] = {}
        self.sizes: frozenset[str] = frozenset({"H"})

    def parameter(self, role: str, *shape: str, init: tuple[float, float] | None = None) -> str:
        """A new parameter under a number; tracing gives it its name when the signals have theirs.

        Role is `W` (matrix), `b` (bias), `w` (vector), `gain` or `shift`.
        """
        name = f"{len(self.parameters)}"
        self.parameters[name] = Parameter(shape, init)
        self.roles[name] = role
        return name


class Symbol:
    """Stands for a vector of one step while a cell's function runs."""

    __slots__ = ("index", "notebook")
    __array_ufunc__ = None  # NumPy hands its operators to this class instead of taking it apart
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, notebook: Notebook, index: int) -> None:
        self.notebook = notebook
        self.index = index

    @property
    def node(self) -> Node:
        """The node that the symbol stands for."""
        return self.notebook.nodes[self.index]

    def __add__(self, other: Vector) -> Symbol:
        return _pointwise("add", self, other)

    def __radd__(self, other: Vector) -> Symbol:
        return _pointwise("add", other, self)

    def __sub__(self, other: Vector) -> Symbol:
        return _pointwise("sub", self, other)

    def __rsub__(self, other: Vector) -> Symbol:
        return _pointwise("sub", other, self)

    def __mul__(self, other: Vector) -> Symbol:
        return _pointwise("mul", self, other)

    def __rmul__(self, other: Vector) -> Symbol:
        return _pointwise("mul", other, self)

    def __truediv__(self, other: Vector) -> Symbol:
        return _pointwise("div", self, other)

    def __rtruediv__(self, other: Vector) -> Symbol:
        return _pointwise("div", other, self)

    def __neg__(self) -> Symbol:
        return _pointwise("neg", self)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # protocols ask objects what they can do: let them hear no
            raise AttributeError(name)
        raise CellError(f"a symbol has no attribute {name!r}")


Vector: TypeAlias = Symbol | float | int


def _refuse(method: str, why: str) -> None:
    def refused(self: Symbol, *args: object, **kwargs: object) -> NoReturn:
        raise CellError(why)

    setattr(Symbol, method, refused)


_CONTROL = (
    "the truth value of a symbol is not known here; write the condition as "
    "arithmetic: relu, maximum or a gate"
)
for _method in ("__bool__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"):
    _refuse(_method, _CONTROL)
for _method in ("__float__", "__int__", "__index__", "__complex__"):
    _refuse(_method, "a symbol has no value; use the functions of ostinato, not those of math")
for _method in ("__iter__", "__len__", "__getitem__", "__contains__"):
    _refuse(_method, "a symbol cannot be indexed or iterated: a cell acts on whole vectors")
for _method, _sign in {"pow": "**", "matmul": "@", "mod": "%", "floordiv": "//"}.items():
    _why = f"the language of cells has no {_sign}; it has + - * / and affine for products"
    _refuse(f"__{_method}__", _why)
    _refuse(f"__r{_method}__", _why)
_refuse("__abs__", "the language of cells has no abs; write maximum(a, -a)")


def affine(*operands: Symbol, size: str = "H", bias: bool = True) -> Symbol:
    """Σ_k W_k a_k + b: a learned affine map with weights of its own.

    Args:
        operands: vectors a_k, each of any size.
        size: the size letter of the result: H, or one that a state was declared with.
        bias: whether b is there.

    Raises:
        CellError: without operands, with a number among them, for an undeclared size, or a bias
            that is neither True nor False.
    """
    if not operands:
        raise CellError("affine needs at least one vector")
    book = _notebook("affine", *operands)
    if not isinstance(bias, bool):
        raise CellError(f"bias must be True or False, not {quoted(bias)}")
    if not isinstance(size, str) or size not in STATE_SIZES:
        raise CellError(
            f"the size of affine is H, hidden units, or R, their projection, not {quoted(size)}"
        )
    if size not in book.sizes:
        raise CellError(
            f"no state has the size {quoted(size)}; declare it: @cell(sizes={{'h': {size!r}}})"
        )
    weights = [book.parameter("W", size, a.node.size) for a in operands]
    biases = [book.parameter("b", size)] if bias else []
    args = tuple(a.index for a in operands)
    return Symbol(book, book.add(Node("affine", args, size, parameters=(*weights, *biases))))


def scale(a: Symbol, init: tuple[float, float] | None = None) -> Symbol:
    """w ⊙ a: each unit times a learned number of its own (peepholes, IndRNN).

    Args:
        a: a vector.
        init: the range (low, high) from which w is drawn at first; None: ±1/√H.

    Raises:
        CellError: for what is no vector, or an `init` that is no range.
    """
    book = _notebook("scale", a)
    return _vector(book, "w", a, None if init is None else number_range("init", init)) * a


def layer_norm(a: Symbol, eps: float = 1e-5) -> Symbol:
    """Gain ⊙ (a - mean a) / √(var a + ε) + shift over the units (Ba et al. 2016).

    Gain starts at 1 and shift at 0; var divides by the number of units.

    Raises:
        CellError: for what is no vector, or an ε that is not above 0.
    """
    book = _notebook("layer_norm", a)
    if not _is_number(eps) or not 0 < eps < math.inf:
        raise CellError(f"eps must be a number above 0, not {quoted(eps)}")
    normal = Symbol(book, book.add(Node("normalize", (a.index,), a.node.size, value=float(eps))))
    gain = _vector(book, "gain", a, (1.0, 1.0))
    shift = _vector(book, "shift", a, (0.0, 0.0))
    return gain * normal + shift


def sigmoid(a: Symbol) -> Symbol:
    """1 / (1 + e^-a), each unit by itself."""
    return _function("sigmoid", a)


def tanh(a: Symbol) -> Symbol:
    """(e^a - e^-a) / (e^a + e^-a), each unit by itself."""
    return _function("tanh", a)


def relu(a: Symbol) -> Symbol:
    """max(a, 0), each unit by itself; its derivative at 0 is 0, as PyTorch has it."""
    return _function("relu", a)


def exp(a: Symbol) -> Symbol:
    """e^a, each unit by itself."""
    return _function("exp", a)


def log(a: Symbol) -> Symbol:
    """The natural logarithm, each unit by itself."""
    return _function("log", a)


def maximum(a: Vector, b: Vector) -> Symbol:
    """The larger of two, unit by unit; where they are equal each gets half the gradient."""
    return _pointwise("maximum", a, b)


def _function(op: str, a: Symbol) -> Symbol:
    _notebook(op, a)
    return _pointwise(op, a)


def _vector(book: Notebook, role: str, like: Symbol, init: tuple[float, float] | None) -> Symbol:
    size = like.node.size
    return Symbol(
        book,
        book.add(Node("vector", (), size, parameters=(book.parameter(role, size, init=init),))),
    )


def number_range(name: str, given: object) -> tuple[float, float]:
    """A range (low, high) of finite numbers, low ≤ high.

    Raises:
        CellError: for anything else.
    """
    pair = tuple(given) if isinstance(given, Sequence) and len(given) == 2 else ()
    if not pair or not all(_is_number(end) and math.isfinite(end) for end in pair):
        raise CellError(f"{name} must be a pair of numbers (low, high), not {quoted(given)}")
    low, high = map(float, pair)
    if low > high:
        raise CellError(f"{name} must be (low, high), but {low:g} is not below {high:g}")
    return low, high


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _notebook(function: str, *args: Any) -> Notebook:
    """The notebook that all arguments are written in."""
    for a in args:
        if not isinstance(a, Symbol):
            raise CellError(
                f"{function} takes vectors of the cell, not {type(a).__name__} {quoted(a)}"
            )
        if a.notebook is not args[0].notebook:
            raise CellError(f"{function} got a vector of another cell")
    book: Notebook = args[0].notebook
    return book


def _pointwise(op: str, *args: Any) -> Symbol:
    symbols = [a for a in args if isinstance(a, Symbol)]
    if not symbols:
        raise CellError(f"{op} needs at least one vector of the cell")
    book = _notebook(op, *symbols)
    indices = []
    for a in args:
        if not isinstance(a, Symbol) and not _is_number(a):
            raise CellError(
                f"a vector cannot be combined with {type(a).__name__} {quoted(a)}; use "
                "a number or a vector"
            )
        if not isinstance(a, Symbol) and not math.isfinite(a):
            raise CellError(f"a vector cannot be combined with {a}, which is not a finite number")
        indices.append(a.index if isinstance(a, Symbol) else book.constant(a))
    sizes = sorted({s.node.size for s in symbols} - {"1"})
    if len(sizes) > 1:
        raise CellError(
            f"a vector of size {sizes[0]} cannot be combined with one of size "
            f"{sizes[1]}; only affine changes sizes"
        )
    return Symbol(book, book.pointwise(op, *indices))
