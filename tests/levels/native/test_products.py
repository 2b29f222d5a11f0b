"""Matrix products in native code against NumPy in float64, and bit by bit against each other."""

import ctypes
import platform
import re
from functools import cache

import numpy as np
import pytest

from ostinato.errors import UnknownName
from ostinato.levels.native.runtime import code, target
from ostinato.levels.native.runtime.target import TARGETS

ir = pytest.importorskip("llvmlite.ir")
from ostinato.levels.native.kernels import gradients, products, sums  # noqa: E402  they import llvmlite

pytestmark = pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))

PARAMETERS = {
    **{f"product_{v}": "rows depth *a a_row a_depth *w *c c_row add" for v in range(1, 5)},
    "pack": "*w w_unit w_depth units width depth *out out_stride",
    "gradient": "tokens *d d_row *d_index m *a a_row *a_index n *c c_row *work",
    "column_sums": "tokens *d d_row m *c",
}
EPS = {32: 2.0**-24, 64: 2.0**-53}
GUARD = 37  # numbers of NaN on either side of every buffer


def module_for(bits, one):
    module = ir.Module("product")
    number = ir.FloatType() if bits == 32 else ir.DoubleType()
    shape = number, one.lanes(bits), one.registers
    gradients.define(module, *shape, products.define(module, *shape))
    sums.define(module, *shape)
    return str(module)


class Kernels:
    """The functions of a target for one type of number, called with arrays and numbers."""

    def __init__(self, name, bits):
        try:
            self.target = target._host(name)
        except UnknownName:
            pytest.skip(f"this machine cannot run {name}")
        self.dtype, self.eps = np.dtype(f"f{bits // 8}"), EPS[bits]
        self.lanes = self.target.lanes(bits)
        self.code = code.Code(code.compile(module_for(bits, self.target), self.target), self.target)
        self.rng = np.random.default_rng(bits)

    def __call__(self, name, *arguments):
        kinds = [
            ctypes.c_void_p if p.startswith("*") else ctypes.c_int64
            for p in PARAMETERS[name].split()
        ]
        values = [x.ctypes.data if isinstance(x, np.ndarray) else x for x in arguments]
        ctypes.CFUNCTYPE(None, *kinds)(self.code.address(name))(*values)

    def guarded(self, *shape):
        """An array of NaN between guards of NaN, and the memory that holds both."""
        size = int(np.prod(shape))
        memory = np.full(size + 2 * GUARD, np.nan, self.dtype)
        return memory[GUARD : GUARD + size].reshape(shape), memory

    def random(self, rows, columns, stride):
        """Random numbers whose rows lie `stride` apart, with NaN between them."""
        array, _ = self.guarded(rows, stride)
        array[:, :columns] = self.rng.standard_normal((rows, columns))
        return array

    def close(self, actual, left, right, start=0.0):
        """actual = start + left @ right, up to the rounding of a chain of sums."""
        left, right = left.astype("f8"), right.astype("f8")
        depth = left.shape[1]
        bound = self.eps * ((depth + 3) * (np.abs(left) @ np.abs(right)) + 2 * np.abs(start))
        assert (np.abs(actual - (start + left @ right)) <= bound + 1e-300).all()

    def untouched(self, memory, array, columns):
        """Only the first columns of an array were written."""
        array[:, :columns] = np.nan
        assert np.isnan(memory).all()


@cache
def kernels(name, bits):
    return Kernels(name, bits)


@pytest.fixture(params=["host 32", "host 64", "avx2 32", "sse2 32", "sse2 64"])
def k(request):
    name, bits = request.param.split()
    return kernels(name, int(bits))


def same_bits(x, y):
    return x.tobytes() == y.tobytes()


@pytest.mark.parametrize("v", [1, 2, 3, 4])
def test_products_are_numpys_and_each_row_is_the_same_alone(k, v):
    wide = v * k.lanes
    for rows, depth in [(1, 0), (40, 1), (7, 70), *k.rng.integers([1, 0], [41, 71], (25, 2))]:
        rows, depth = int(rows), int(depth)
        a, w = k.random(rows, depth, depth + 3), k.random(depth, wide, wide)
        c, memory = k.guarded(rows, wide + 5)
        k(f"product_{v}", rows, depth, a, depth + 3, 1, w, c, wide + 5, 0)
        result = c[:, :wide].copy()
        k.close(result, a[:, :depth], w)
        k.untouched(memory, c, wide)

        for r in range(rows):
            alone, memory = k.guarded(1, wide)
            k(f"product_{v}", 1, depth, a[r], 0, 1, w, alone, wide, 0)
            assert same_bits(alone[0], result[r])

        start = k.random(rows, wide, wide + 5)
        added = start.copy()
        k(f"product_{v}", rows, depth, a, depth + 3, 1, w, added, wide + 5, 1)
        assert same_bits(added[:, :wide], start[:, :wide] + result)
        assert np.isnan(added[:, wide:]).all()

        transposed, memory = k.guarded(rows, wide)
        columns = np.ascontiguousarray(a[:, :depth].T)
        k(f"product_{v}", rows, depth, columns, 1, rows, w, transposed, wide, 0)
        assert same_bits(transposed, result)


def test_no_row_is_nothing(k):
    w, (c, memory) = k.random(3, 4 * k.lanes, 4 * k.lanes), k.guarded(1, 4 * k.lanes)
    k("product_4", 0, 3, w, 1, 1, w, c, 4 * k.lanes, 0)
    assert np.isnan(memory).all()


@pytest.mark.parametrize("layout", ["units first", "depth first", "neither"])
def test_packing_transposes_and_pads(k, layout):
    n = k.lanes
    sizes = [(n, n, n), (1, n, 2 * n + 1), (5, 7, 9), (0, n, 3), (3 * n, 3 * n, 0)]
    for units, width, depth in [*sizes, (2 * n + 1, 3 * n, 4 * n + 5), (3 * n, 4 * n + 2, 2 * n)]:
        if layout == "units first":
            w = k.random(units, depth, depth + 2)
            strides, expected = (depth + 2, 1), w[:, :depth].T
        elif layout == "depth first":
            w = k.random(depth, units, units + 2)
            strides, expected = (1, units + 2), w[:, :units]
        else:
            w = k.random(depth, 3 * units, 3 * units + 2)
            strides, expected = (3, 3 * units + 2), w[:, : 3 * units : 3]
        out, memory = k.guarded(depth, width + 3)
        k("pack", w, *strides, units, width, depth, out, width + 3)
        assert same_bits(out[:, :units], expected)
        assert (out[:, units:width] == 0).all()
        k.untouched(memory, out, width)


def gradient(k, d, m, a, n, d_index=None, a_index=None, tokens=None):
    """DᵀA as the kernel computes it, with m and n in buffers that only just suffice."""
    c, memory = k.guarded(m, n + 3)
    work, guards = k.guarded(gradients.gradient_work(m, n, k.lanes))
    tokens = len(d) if tokens is None else tokens
    k(
        *("gradient", tokens, d, d.strides[0] // d.itemsize, d_index, m),
        *(a, a.strides[0] // a.itemsize, a_index, n, c, n + 3, work),
    )
    result = c[:, :n].copy()
    k.untouched(memory, c, n)
    assert np.isnan(guards[:GUARD]).all()
    assert np.isnan(guards[-GUARD:]).all()
    return result


SIZES = [(0, 5, 7), (1, 1, 1), (3, 7, 300), (255, 63, 65), (257, 1, 64), (600, 200, 17)]


@pytest.mark.parametrize(("tokens", "m", "n"), [*SIZES, (300, 401, 531), (256, 64, 128)])
def test_gradients_are_numpys(k, tokens, m, n):
    d, a = k.random(tokens, m, m + 3), k.random(tokens, n, n + 2)
    k.close(gradient(k, d, m, a, n), d[:, :m].T, a[:, :n])


def test_gradients_do_not_depend_on_the_range_of_rows_or_columns(k):
    tokens, m, n = 700, 230, 90
    d, a = k.random(tokens, m, m), k.random(tokens, n, n)
    whole = gradient(k, d, m, a, n)
    for at, end in [(0, 1), (3, 50), (17, 230), (229, 230)]:
        assert same_bits(gradient(k, d[:, at:], end - at, a, n), whole[at:end])
    for at, end in [(0, 1), (5, 69), (64, 90)]:
        assert same_bits(gradient(k, d, m, a[:, at:], end - at), whole[:, at:end])


def test_gradients_leave_out_tokens_with_a_negative_index(k):
    tokens, m, n = 530, 21, 34
    d, a = k.random(tokens, m, m + 1), k.random(tokens + 9, n, n + 1)
    d_index = k.rng.permutation(tokens).astype("i4")
    a_index = k.rng.integers(1, tokens + 9, tokens).astype("i4")
    out = k.rng.random((2, tokens)) < 0.2
    d[d_index[out[1]], :m], a[0] = np.nan, np.nan  # what is left out is not even a number
    d_index[out[0]], a_index[out[1]] = -1, -7
    stay = ~out.any(0)
    expected = d[d_index[stay], :m].T, a[a_index[stay], :n]
    k.close(gradient(k, d, m, a, n, d_index, a_index), *expected)

    plain = d.copy()
    plain[np.isnan(plain)] = 0
    one = gradient(k, plain, m, a, n, None, a_index)
    k.close(one, plain[~out[1], :m].T, a[a_index[~out[1]], :n])


def test_gradients_of_nothing_write_nothing(k):
    d = k.random(5, 3, 3)
    assert gradient(k, d, 0, d, 3).size == gradient(k, d, 3, d, 0).size == 0


def test_gradients_keep_the_nan_of_their_own_row_and_column(k):
    d, a = k.random(40, 9, 9), k.random(40, 40, 40)
    clean = gradient(k, d, 9, a, 40)
    d[11, 4], a[20, 33] = np.nan, np.inf
    result = gradient(k, d, 9, a, 40)
    assert np.isnan(result[4]).all()
    assert not np.isfinite(result[:, 33]).any()
    rest = np.ix_([0, 1, 2, 3, 5, 6, 7, 8], [j for j in range(40) if j != 33])
    assert same_bits(result[rest], clean[rest])


@pytest.mark.parametrize(("tokens", "m"), [(0, 3), (1, 1), (63, 17), (200, 333), (65, 128)])
def test_column_sums_are_a_chain_in_order_whatever_the_columns(k, tokens, m):
    d = k.random(tokens, m, m + 3)
    chain = np.zeros(m, k.dtype)
    for row in d[:, :m]:
        chain = chain + row
    for at, end in {(0, m), (0, 1), (m // 3, m)}:
        c, memory = k.guarded(1, end - at)
        k("column_sums", tokens, d[:, at:], m + 3, end - at, c)
        assert same_bits(c[0], chain[at:end])
        k.untouched(memory, c, end - at)


def vector_spills(assembly):
    """Vector moves to or from the stack within the inner loops of the tiles, by function."""
    spills, function, label, body = {}, "", "", []
    for line in assembly.splitlines():
        if begin := re.match(r"_?((?:tile|strip)_\w+|[a-z]\w*):", line):
            function, label, body = begin[1], "", []
        elif begin := re.match(r"(\.?L\w+):", line):
            label, body = begin[1], []
        elif label and re.match(rf"\s+(j\w+|b\.\w+|cbn?z)\s.*{re.escape(label)}$", line):
            moves = [x for x in body if re.search(r"\(%rsp\)|\[sp", x)]
            spilled = [x for x in moves if re.search(r"[xyz]mm\d|\bq\d", x)]
            if function.startswith(("tile", "strip")):
                spills[function] = spills.get(function, 0) + len(spilled)
        body.append(line)
    return spills


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_no_accumulator_leaves_its_register(name):
    one = TARGETS[name]
    spills = vector_spills(code.assembly(module_for(32, one), one))
    tiles = [products.tallest(v, one.lanes(32), one.registers, 4) for v in range(1, 5)]
    for v, rows in enumerate(tiles, 1):
        assert f"tile_{v}_{rows}" in spills
    assert not any(spills.values())


def test_tiles_fill_the_registers():
    assert [products.tallest(v, 16, 32, 4) for v in (1, 2, 3, 4)] == [12, 12, 8, 6]
    assert [products.tallest(v, 8, 16, 4) for v in (1, 2, 3, 4)] == [12, 6, 4, 3]


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="compares x86 targets")
def test_targets_with_fused_multiply_add_agree_to_the_bit():
    d = np.random.default_rng(0).standard_normal((300, 60)).astype("f4")
    results = [gradient(kernels(name, 32), d, 60, d, 60) for name in ("host", "avx2")]
    assert same_bits(*results)
