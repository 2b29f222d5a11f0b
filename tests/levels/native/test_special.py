"""Elementary functions in native code against NumPy in a wider format, and against PyTorch."""

import ctypes
import re
from functools import cache

import numpy as np
import pytest
import torch

from ostinato.errors import UnknownName
from ostinato.levels.native.runtime import code, target
from ostinato.levels.native.runtime.target import TARGETS

ir = pytest.importorskip("llvmlite.ir")
from ostinato.levels.native.kernels import special  # noqa: E402  it imports llvmlite

pytestmark = pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))

ULPS = {"exp": 1.1, "log": 1.0, "rsqrt": 1.5, "sigmoid": 2.5, "tanh": 2.7}
"""Largest errors in units in the last place: half a unit for every rounding, the polynomials' own
error, and the error of e^y carried through a division."""

DENORMAL = 1.0
"""The same in the smallest number, below the normal range: e^y is rounded once more there."""

OPERATIONS = {
    "add": 2, "sub": 2, "mul": 2, "div": 2, "neg": 1, "fma": 3, "rsqrt": 1,
    "sigmoid": 1, "tanh": 1, "relu": 1, "exp": 1, "log": 1,
    "maximum": 2, "positive": 1, "greater": 2,
}  # fmt: skip
TYPES = {np.float32: (32, ir.FloatType()), np.float64: (64, ir.DoubleType())}
INF, NAN = np.inf, np.nan

both_types = pytest.mark.parametrize("dtype", TYPES, ids=lambda dtype: dtype.__name__)
every_operation = pytest.mark.parametrize("op", OPERATIONS)


def module(dtype, widths):
    """A function `op_width(arguments…, results, count)` for every operation and width."""
    made = ir.Module()
    number, index, pointer = TYPES[dtype][1], ir.IntType(64), ir.PointerType()
    for op, arguments in OPERATIONS.items():
        for width in widths:
            shape = ir.VectorType(number, width) if width > 1 else number
            signature = ir.FunctionType(ir.VoidType(), [pointer] * (arguments + 1) + [index])
            function = ir.Function(made, signature, f"{op}_{width}")
            entry, loop, end = (function.append_basic_block() for _ in range(3))
            build = ir.IRBuilder(entry)
            build.branch(loop)
            build.position_at_end(loop)
            i = build.phi(index)
            at = [build.gep(p, [i], source_etype=number) for p in function.args[:-1]]
            loaded = [build.load(p, typ=shape, align=dtype().itemsize) for p in at[:-1]]
            result = special.emit(build, op, *loaded)
            build.store(result, at[-1], align=dtype().itemsize)
            following = build.add(i, index(width))
            i.add_incoming(index(0), entry)
            i.add_incoming(following, loop)
            build.cbranch(build.icmp_unsigned("<", following, function.args[-1]), loop, end)
            build.position_at_end(end)
            build.ret_void()
    return str(made)


@cache
def compiled(machine, dtype, widths):
    return code.Code(code.compile(module(dtype, widths), machine), machine)


class Machine:
    """Runs the operations as a target of this machine would."""

    def __init__(self, machine):
        self.machine = machine

    def widths(self, dtype):
        full = self.machine.lanes(TYPES[dtype][0])
        return (full, 1, 2 * full, 3)

    def __call__(self, op, *arguments, width=None):
        dtype = arguments[0].dtype.type
        widths = self.widths(dtype)
        width = width or widths[0]
        count = arguments[0].size
        padded = [np.append(a, np.ones(-count % width, dtype)) for a in arguments]
        result = np.empty_like(padded[0])
        address = compiled(self.machine, dtype, widths).address(f"{op}_{width}")
        signature = [ctypes.c_void_p] * (len(padded) + 1) + [ctypes.c_int64]
        pointers = [a.ctypes.data for a in (*padded, result)]
        ctypes.CFUNCTYPE(None, *signature)(address)(*pointers, result.size)
        return result[:count]


@pytest.fixture(params=["host", "sse2"])
def run(request, monkeypatch):
    """This machine with all it can do, and one that does not fuse a b + c."""
    monkeypatch.setenv("OSTINATO_TARGET", request.param)
    try:
        return Machine(target.host())
    except UnknownName:
        pytest.skip(f"this machine is no {request.param}")


def bits(a):
    """The bits of numbers; of all NaN those of one."""
    return np.where(np.isnan(a), a.dtype.type(NAN), a).view(f"u{a.itemsize}")


def specials(dtype):
    """Zeros, infinities, NaN, both ends of the range, and where results leave it."""
    info = np.finfo(dtype)
    edges = [
        0, 1, 0.5, 2, NAN, INF, info.max, info.tiny, info.smallest_subnormal, info.tiny / 3,
        np.log(info.max), -np.log(info.tiny), -np.log(info.smallest_subnormal) + dtype(0.7),
        np.sqrt(0.5), np.sqrt(2), *(dtype(np.log(2)) * np.arange(0.5, 9)),
    ]  # fmt: skip
    edges = np.array(edges, dtype)
    with np.errstate(over="ignore", under="ignore"):
        edges = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, dtype(INF))])
    return np.concatenate([edges, -edges])


def sweep(dtype):
    """A number of every kind: all exponents and both signs, and densely where something happens."""
    random, size = np.random.default_rng(0), np.dtype(dtype).itemsize
    everywhere = random.integers(0, 256, (400_000, size), dtype=np.uint8).view(dtype).ravel()
    spans = [1, 20, 110] + [760] * (dtype is np.float64)
    dense = [random.uniform(-span, span, 100_000).astype(dtype) for span in spans]
    return np.concatenate([everywhere, *dense, specials(dtype)])


def oracle(op, a):
    with np.errstate(all="ignore"):
        match op:
            case "exp":
                return np.exp(a)
            case "log":
                return np.log(a)
            case "tanh":
                return np.tanh(a)
            case "rsqrt":
                return 1 / np.sqrt(a)
        e = np.exp(-np.abs(a))
        return np.where(a < 0, e, 1) / (1 + e)


def errors(got, want):
    """|got - want| in units in the last place of `want`, and where it is in the normal range."""
    info = np.finfo(got.dtype)
    wide = want.dtype.type
    end = np.ldexp(wide(1), info.maxexp)  # infinity, as a neighbour of the largest number
    got, want = (np.clip(a.astype(wide), -end, end) for a in (got, want))
    exponent = np.maximum(np.frexp(want)[1] - 1, info.minexp)
    return np.abs(got - want) / np.ldexp(wide(1), exponent - info.nmant), np.abs(want) >= info.tiny


@both_types
@pytest.mark.parametrize("op", ULPS)
def test_a_function_is_as_exact_as_it_says(run, dtype, op):
    wide = np.float64 if dtype is np.float32 else np.longdouble
    if np.finfo(wide).nmant < np.finfo(dtype).nmant + 8:
        pytest.skip("no wider format here")
    a = sweep(dtype)
    with np.errstate(invalid="ignore"):  # a signalling NaN is no news
        got, want = run(op, a), oracle(op, a.astype(wide))
    assert np.array_equal(np.isnan(got), np.isnan(want))
    known = ~np.isnan(want)
    error, normal = errors(got[known], want[known])
    assert error[normal].max() <= ULPS[op]
    assert error[~normal].max(initial=0) <= DENORMAL
    assert np.array_equal(np.signbit(got[known]), np.signbit(want[known]))


@both_types
def test_limits_are_exact(run, dtype):
    info = np.finfo(dtype)
    above, below = np.log(info.max) + 1, np.log(info.smallest_subnormal) - 1
    limits = {
        "exp": [
            (0, 1),
            (-0.0, 1),
            (INF, INF),
            (-INF, 0),
            (above, INF),
            (info.max, INF),
            (below, 0),
        ],
        "log": [(0, -INF), (-0.0, -INF), (INF, INF), (1, 0), (-1, NAN), (-info.tiny / 4, NAN)],
        "tanh": [(0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1), (info.max, 1), (25, 1), (-25, -1)],
        "sigmoid": [(0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0), (below, 0), (-info.max, 0)],
        "relu": [(0, 0), (-INF, 0), (INF, INF), (-1, 0), (2, 2)],
        "rsqrt": [(0, INF), (INF, 0), (4, 0.5), (-1, NAN)],
    }
    for op, table in limits.items():
        a, want = np.array([*table, (NAN, NAN)], dtype).T
        assert np.array_equal(bits(run(op, a.copy())), bits(want.copy())), op


@both_types
def test_small_numbers_are_their_own_tanh(run, dtype):
    a = np.finfo(dtype).smallest_subnormal * np.arange(-1000, 1000).astype(dtype)
    assert np.array_equal(run("tanh", a), a)


@both_types
@every_operation
def test_one_number_and_a_vector_give_the_same_bits(run, dtype, op):
    a = sweep(dtype)[::37]
    arguments = [np.roll(a, 7 * k) for k in range(OPERATIONS[op])]
    full, *others = (bits(run(op, *arguments, width=w)) for w in run.widths(dtype))
    assert all(np.array_equal(full, other) for other in others)


@both_types
@every_operation
def test_a_nan_stays_in_its_lane(run, dtype, op):
    width = run.widths(dtype)[0]
    arguments = np.random.default_rng(1).uniform(0.1, 2, (OPERATIONS[op], width)).astype(dtype)
    plain = run(op, *arguments)
    for k in range(width):
        for argument in range(len(arguments)):
            spoiled = arguments.copy()
            spoiled[argument, k] = NAN
            got = run(op, *spoiled)
            assert np.array_equal(np.delete(got, k), np.delete(plain, k))
            assert np.isnan(got[k]) == (op not in ("positive", "greater"))  # slopes there are 1


@both_types
def test_corners_have_pytorchs_values_and_slopes(run, dtype):
    values = np.array([NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 2.0], dtype)
    a, b = (v.ravel() for v in np.meshgrid(values, values))
    x, y = (torch.tensor(v, requires_grad=True) for v in (a, b))
    relu, maximum = torch.relu(x), torch.maximum(x, y)
    (slope,) = torch.autograd.grad(relu.sum(), x)
    slopes = torch.autograd.grad(maximum.sum(), (x, y))
    results = [
        (run("relu", a), relu),
        (run("positive", run("relu", a)), slope),
        (run("positive", a), slope),
        (run("maximum", a, b), maximum),
        (run("greater", a, b), slopes[0]),
        (run("greater", b, a), slopes[1]),
    ]
    for got, want in results:
        np.testing.assert_array_equal(got, want.detach().numpy())


@both_types
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_called_and_vectors_stay_vectors(name, dtype):
    full = TARGETS[name].lanes(TYPES[dtype][0])
    call = re.compile(r"^\s*(call\w*|blr?)\s.*", re.MULTILINE)
    one_lane = re.compile(
        r"^\s*(v?(add|sub|mul|div|sqrt|u?comi)s[sd]|f\w+\s+[sd]\d).*", re.MULTILINE
    )
    for width in (full, 2 * full):
        text = code.assembly(module(dtype, (width,)), TARGETS[name])
        assert not call.search(text)
        assert not one_lane.search(text)
    text = code.assembly(module(dtype, (1,)), TARGETS[name])
    assert not call.search(text)
    assert one_lane.search(text)  # it finds what it looks for


@both_types
def test_constants_are_numbers_of_their_format(dtype):
    f = {np.float32: special.FLOAT32, np.float64: special.FLOAT64}[dtype]
    numbers = [*f.exp, *f.log, *f.ln2, *f.exp_range, f.tanh_end, f.shift]
    assert all(float(dtype(number)) == number for number in numbers)
    exponent_bits = np.finfo(dtype).iexp
    assert (f.ln2[0] * 2.0 ** (f.fraction - exponent_bits)).is_integer()
    assert np.array(f.half_sqrt, f"u{dtype().itemsize}").view(dtype) == dtype(0.5**0.5)


def test_an_unknown_operation_is_refused():
    with pytest.raises(NotImplementedError, match="no native code for sine"):
        special.emit(None, "sine")
