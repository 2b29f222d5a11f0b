"""Elementary functions on a vector of numbers, as LLVM instructions: no call, no branch, no table.

Every lane is worked by itself, so one number and a vector of any width give the same bits, and a
NaN stays where it is. sigmoid, tanh and exp share one reduction and one polynomial:

    y = n ln 2 + r,  |r| ≤ ln 2 / 2,  n whole                (`_reduced`)
    q = e^r - 1 = r + r² (1/2 + c₃ r + c₄ r² + …)            (`_expm1`)
    e^y = 2ⁿ q + 2ⁿ,  e^y - 1 = 2ⁿ q + (2ⁿ - 1)

Largest errors found, in units in the last place, with and without fused multiply and add: exp
1.1, log 1.0, sigmoid 2.5, tanh 2.7. A result below the normal range is off by less than the
smallest number.

Sources: the reduction is that of Cody & Waite, *Software Manual for the Elementary Functions*
(1980); the logarithm by s = f / (2 + f) is in Muller, *Elementary Functions* (3rd ed., 2016).
The coefficients are ours: Remez's exchange in 200 bits for the least relative error, of e^r - 1 on
|r| ≤ 1.001 ln 2 / 2 with c₀, c₁, c₂ = 0, 1, 1/2 given, of ln m on √½ ≤ m ≤ √2 with the first term
given; then each rounded to its format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import final

from llvmlite import ir


@final
@dataclass(frozen=True)
class FloatFormat:
    """The numbers of one binary floating-point format, and what the functions need to know of it.

    `ln2` is the sum of two constants. The first has so many trailing zeros that its product with
    any exponent is exact: whether multiply and add are fused then makes no difference there.
    """

    real: ir.Type
    bits: ir.Type
    fraction: int  # bits behind the point
    bias: int  # of the exponent
    ln2: tuple[float, float]
    exp_range: tuple[float, float]  # outside e^y rounds to 0 or to infinity
    tanh_end: float  # below e^y, tanh(y / 2) rounds to -1
    exp: tuple[float, ...]  # c₃, c₄, …
    log: tuple[float, ...]  # of s², after the first term
    half_sqrt: int  # √½ read as a whole number

    @property
    def shift(self) -> float:
        """1.5 · 2^fraction: added to a small number, it leaves the nearest whole in the last bits.

        Vectors have no rounding instruction on every machine; an addition they have.
        """
        return 1.5 * 2.0**self.fraction


FLOAT32 = FloatFormat(
    real=ir.FloatType(),
    bits=ir.IntType(32),
    fraction=23,
    bias=127,
    ln2=(0.693145751953125, 1.428606765330187e-06),
    exp_range=(-104.0, 89.0),
    tanh_end=-20.0,
    # relative error 2^-26.0
    exp=(0.1666654795408249, 0.04166685417294502, 0.008366099558770657, 0.0013898256001994014),
    # relative error 2^-30.2
    log=(0.6666677594184875, 0.3997756838798523, 0.29871460795402527),
    half_sqrt=0x3F3504F3,
)

FLOAT64 = FloatFormat(
    real=ir.DoubleType(),
    bits=ir.IntType(64),
    fraction=52,
    bias=1023,
    ln2=(0.6931471805601177, -1.7239444525614835e-13),
    exp_range=(-746.0, 710.0),
    tanh_end=-40.0,
    # relative error 2^-55.1
    exp=(
        0.16666666666666602,
        0.04166666666661966,
        0.008333333333388792,
        0.001388888892067068,
        0.00019841269708607048,
        2.4801516105693452e-05,
        2.7557425477429623e-06,
        2.762233802169308e-07,
        2.504588316698735e-08,
    ),
    # relative error 2^-59.5
    log=(
        0.6666666666666735,
        0.3999999999940935,
        0.285714287436863,
        0.22222198429064496,
        0.18183572316363686,
        0.15313834884534808,
        0.1479820722272233,
    ),
    half_sqrt=0x3FE6A09E667F3BCD,
)


def emit(builder: ir.IRBuilder, op: str, *args: ir.Value) -> ir.Value:
    """The value of `op` on numbers or vectors of numbers, all of one type.

    Semantics are PyTorch's, forward and backward: a NaN makes relu and maximum NaN, and the
    slopes that `positive` and `greater` give at a NaN are 1, as autograd's are.

    Args:
        builder: Where the instructions go.
        op: A pointwise operation of `ostinato.equation.graph`, or rsqrt (1/√a),
            fma (a b + c) or masked (d s, but 0 where s is 0).
        args: float, double, or vectors of them.

    Raises:
        NotImplementedError: There is no such operation here.
    """
    if op not in _OPERATIONS:
        raise NotImplementedError(f"no native code for {op}")
    return _OPERATIONS[op](*(_Lanes(builder, a) for a in args)).value


def constant(shape: ir.Type, number: float) -> ir.Constant:
    """A number of type `shape`, or a vector of that type with this number in every lane."""
    if isinstance(shape, ir.VectorType):
        return ir.Constant(shape, [number] * shape.count)
    return ir.Constant(shape, number)


def multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """a b + c, rounded once where the machine can and twice elsewhere.

    `llvm.fma` would promise one rounding and call a library for it on machines that have none.
    """
    return _intrinsic(builder, "fmuladd", a, b, c)


def _intrinsic(builder: ir.IRBuilder, name: str, *args: ir.Value) -> ir.Value:
    shape = args[0].type
    width = f"v{shape.count}" if isinstance(shape, ir.VectorType) else ""
    letter = "f32" if _format(shape) is FLOAT32 else "f64"
    signature = ir.FunctionType(shape, [shape] * len(args))
    function = builder.module.declare_intrinsic(f"llvm.{name}.{width}{letter}", (), signature)
    return builder.call(function, args)


def _format(shape: ir.Type) -> FloatFormat:
    number = shape.element if isinstance(shape, ir.VectorType) else shape
    return {FLOAT32.real: FLOAT32, FLOAT64.real: FLOAT64}[number]


@final
class _Lanes:
    """Numbers that instructions are written for as arithmetic; a float stands in every lane."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self.builder, self.value = builder, value
        self.format = _format(value.type)

    def _of(self, other: _Lanes | float) -> ir.Value:
        if isinstance(other, _Lanes):
            return other.value
        return constant(self.value.type, other)

    def _new(self, value: ir.Value) -> _Lanes:
        return _Lanes(self.builder, value)

    def __neg__(self) -> _Lanes:
        return self._new(self.builder.fneg(self.value))

    def __add__(self, other: _Lanes | float) -> _Lanes:
        return self._new(self.builder.fadd(self.value, self._of(other)))

    def __sub__(self, other: _Lanes | float) -> _Lanes:
        return self._new(self.builder.fsub(self.value, self._of(other)))

    def __mul__(self, other: _Lanes | float) -> _Lanes:
        return self._new(self.builder.fmul(self.value, self._of(other)))

    def __truediv__(self, other: _Lanes | float) -> _Lanes:
        return self._new(self.builder.fdiv(self.value, self._of(other)))

    def __rtruediv__(self, other: float) -> _Lanes:
        return self._new(self.builder.fdiv(self._of(other), self.value))

    def times_plus(self, factor: _Lanes | float, term: _Lanes | float) -> _Lanes:
        """self · factor + term."""
        factor, term = self._of(factor), self._of(term)
        return self._new(multiply_add(self.builder, self.value, factor, term))

    def where(self, relation: str, other: _Lanes | float, then: _Lanes | float) -> _Lanes:
        """`then` where `self relation other`, itself elsewhere: where either is NaN, too."""
        return self.choose(relation, other, then, self)

    def choose(
        self, relation: str, other: _Lanes | float, then: _Lanes | float, otherwise: _Lanes | float
    ) -> _Lanes:
        """`then` where `self relation other`, `otherwise` elsewhere: where either is NaN, too."""
        holds = self.builder.fcmp_ordered(relation, self.value, self._of(other))
        return self._new(self.builder.select(holds, self._of(then), self._of(otherwise)))

    def whole(self, number: int) -> ir.Constant:
        """The bits of `number` in every lane."""
        shape, bits = self.value.type, self.format.bits
        vector = isinstance(shape, ir.VectorType)
        return constant(ir.VectorType(bits, shape.count) if vector else bits, number)

    def bits(self) -> ir.Value:
        """The same lanes read as whole numbers."""
        return self.builder.bitcast(self.value, self.whole(0).type)

    def from_bits(self, bits: ir.Value) -> _Lanes:
        """Whole numbers read as lanes of this type."""
        return self._new(self.builder.bitcast(bits, self.value.type))

    def sqrt(self) -> _Lanes:
        return self._new(_intrinsic(self.builder, "sqrt", self.value))

    def minus_abs(self) -> _Lanes:
        """-|self|, of a NaN and of 0 as well."""
        return -self._new(_intrinsic(self.builder, "fabs", self.value))

    def with_sign_of(self, other: _Lanes) -> _Lanes:
        return self._new(_intrinsic(self.builder, "copysign", self.value, other.value))


def _power_of_two(t: _Lanes) -> _Lanes:
    """2^(k - bias) for the whole number k in the last bits of t."""
    return t.from_bits(t.builder.shl(t.bits(), t.whole(t.format.fraction)))


def _reduced(y: _Lanes, offset: int) -> tuple[_Lanes, _Lanes]:
    """r = y - n ln 2, and t, whose last bits are the whole number n + offset."""
    f = y.format
    shift = f.shift + offset
    t = y.times_plus(1.4426950408889634, shift)  # 1 / ln 2
    n = t - shift
    return n.times_plus(-f.ln2[1], n.times_plus(-f.ln2[0], y)), t


def _expm1(r: _Lanes) -> _Lanes:
    """e^r - 1 = r + r² (1/2 + c₃ r + c₄ r² + …)."""
    return (r * r).times_plus(_polynomial((0.5, *r.format.exp), r), r)


def _polynomial(c: Sequence[_Lanes | float], x: _Lanes) -> _Lanes:
    """c₀ + c₁ x + c₂ x² + … = (c₀ + c₁ x) + (c₂ + c₃ x) x² + …, as in Estrin's scheme.

    The pairs do not wait for each other. The last three go by Horner's, which saves a square.
    """
    if len(c) > 3:
        pairs = [
            _polynomial(c[k : k + 2], x) if k + 1 < len(c) else c[k] for k in range(0, len(c), 2)
        ]
        return _polynomial(pairs, x * x)
    *lower, last = c
    for term in reversed(lower):
        last = last.times_plus(x, term) if isinstance(last, _Lanes) else x.times_plus(last, term)
    assert isinstance(last, _Lanes)
    return last


def _exp(a: _Lanes) -> _Lanes:
    """e^a = (2^h q + 2^h) 2^(n-h).

    In two steps, h = ⌊n/2⌋, because 2ⁿ itself may lie outside the range where e^a does not; the
    second product alone rounds, overflows and underflows.
    """
    f, build = a.format, a.builder
    low, high = f.exp_range
    y = a.where("<", low, low).where(">", high, high)
    r, t = _reduced(y, 2 * f.bias)
    half = build.lshr(t.bits(), t.whole(1))
    first = _power_of_two(t.from_bits(half))
    second = _power_of_two(t.from_bits(build.sub(t.bits(), half)))
    return _expm1(r).times_plus(first, first) * second


def _sigmoid(a: _Lanes) -> _Lanes:
    """1 / (1 + e^-a) = [1 or e] / (1 + e) for e = e^-|a|, which never overflows.

    e is worked out 2⁶⁴ too large, where 2ⁿ is always a normal number.
    """
    f = a.format
    y = a.minus_abs()
    r, t = _reduced(y.where("<", f.exp_range[0], f.exp_range[0]), f.bias + 64)
    power = _power_of_two(t)
    e = _expm1(r).times_plus(power, power) * 2.0**-64
    return a.choose("<", 0.0, e, 1.0) / (e + 1.0)


def _tanh(a: _Lanes) -> _Lanes:
    """tanh -|a| = m / (m + 2) for m = e^(-2|a|) - 1, which is as exact near 0 as elsewhere."""
    f = a.format
    y = (a + a).minus_abs()
    r, t = _reduced(y.where("<", f.tanh_end, f.tanh_end), f.bias)
    power = _power_of_two(t)
    m = _expm1(r).times_plus(power, power - 1.0)
    return (m / (m + 2.0)).with_sign_of(a)


def _log(a: _Lanes) -> _Lanes:
    """ln a = k ln 2 + ln m, a = 2ᵏ m, √½ ≤ m < √2, and with f = m - 1, s = f / (2 + f):

    ln m = 2 artanh s = 2 s + s³ R(s²) = f - s (f - s² R(s²)).
    """
    f, build = a.format, a.builder
    more = f.fraction + 1  # doublings that make the smallest number normal
    tiny = 2.0 ** (1 - f.bias)
    x = a.choose("<", tiny, a * 2.0**more, a)
    lowest = a.whole(f.half_sqrt - (f.bias << f.fraction))
    above = build.sub(x.bits(), lowest)  # its exponent steps at √½, not at 1
    exponent = build.lshr(above, a.whole(f.fraction))  # k + bias
    inside = build.and_(above, a.whole((1 << f.fraction) - 1))
    m = x.from_bits(build.add(inside, a.whole(f.half_sqrt)))

    # k as a number: put where `shift` has its last bits (no machine has all the conversions)
    shift = ((f.bias + f.fraction) << f.fraction) | (1 << (f.fraction - 1))
    k = x.from_bits(build.or_(exponent, a.whole(shift)))
    k = k - a.choose("<", tiny, f.shift + f.bias + more, f.shift + f.bias)

    part = m - 1.0
    s = part / (part + 2.0)
    square = s * s
    rest = _polynomial(f.log, square)
    curve = s * square.times_plus(-rest, part)
    result = k.times_plus(f.ln2[0], part - k.times_plus(-f.ln2[1], curve))

    result = a.choose("<", inf, result, a)  # infinity and NaN are their own logarithms
    return a.choose("<=", 0.0, a.choose("==", 0.0, -inf, nan), result)


def _relu(a: _Lanes) -> _Lanes:
    """max(a, 0)."""
    return a.where("<", 0.0, 0.0)


def _maximum(a: _Lanes, b: _Lanes) -> _Lanes:
    """The larger; NaN if one of them is."""
    larger = a.choose(">=", b, a, b)  # b, where b is NaN
    return a.choose("ord", a, larger, a)


def _positive(a: _Lanes) -> _Lanes:
    """The slope of relu: 0 where a ≤ 0, else 1."""
    return a.choose("<=", 0.0, 0.0, 1.0)


def _greater(a: _Lanes, b: _Lanes) -> _Lanes:
    """The slope of maximum(a, b) along a: 0 where a < b, one half where a = b, else 1."""
    return a.choose("<", b, 0.0, a.choose("==", b, 0.5, 1.0))


def _masked(d: _Lanes, slope: _Lanes) -> _Lanes:
    """d times a slope, but 0 where the slope is 0, also where d is infinite or not a number."""
    return slope.choose("==", 0.0, 0.0, d * slope)


_OPERATIONS: dict[str, Callable[..., _Lanes]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "fma": lambda a, b, c: a.times_plus(b, c),
    "rsqrt": lambda a: 1.0 / a.sqrt(),
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "relu": _relu,
    "exp": _exp,
    "log": _log,
    "maximum": _maximum,
    "positive": _positive,
    "greater": _greater,
    "masked": _masked,
}
