"""Every wrong cell is refused with the file and the line of the mistake.

Each case is a cell's body; the mistake stands in the line marked with `#!`.
"""

import linecache
import math
import re

import numpy
import pytest
import torch

from ostinato import equation
from ostinato.equation import affine, cell, layer_norm, scale, tanh
from ostinato.errors import CellError

kept = []


@cell
def leaky(x, h):
    kept.append(h)
    return tanh(h)


FILE = "/some/where/own.py"
SPACE = {name: getattr(equation, name) for name in equation.__all__} | {
    "math": math, "numpy": numpy, "torch": torch, "foreign": kept[0], "scalar": numpy.array(1.0),
}  # fmt: skip

LINES = [
    ("return", "it must return its new states (h), not None"),
    ("return 3.0", "it must return its new states (h), not 3.0"),
    ("return h, h", "it takes 1 state (h) and returns 2"),
    ("return x", "the new h has size D, the state h has size H"),
    ("return affine(x, h, size='R')", "no state has the size 'R'"),
    (
        "return x + h",
        "a vector of size D cannot be combined with one of size H; only affine changes sizes",
    ),
    ("return maximum(x, h)", "a vector of size D cannot be combined with one of size H"),
    ("if h: return h", "the truth value of a symbol"),
    ("if h > 0: return h", "the truth value of a symbol"),
    ("return h if h == 0 else x", "the truth value of a symbol"),
    ("while h != 0: pass", "the truth value of a symbol"),
    ("return max(h, affine(x))", "the truth value of a symbol"),
    ("return h and x", "the truth value of a symbol"),
    ("return {h: 1}", "unhashable"),
    ("for unit in h: pass", "a symbol cannot be indexed"),
    ("return h[0]", "a symbol cannot be indexed"),
    ("first, second = h", "a symbol cannot be indexed"),
    ("return len(h)", "a symbol cannot be indexed"),
    ("return 1.0 in h", "a symbol cannot be indexed"),
    ("return h ** 2", "no **"),
    ("return 2 ** h", "no **"),
    ("return h @ h", "no @"),
    ("return h % 2", "no %"),
    ("return h // 2", "no //"),
    ("return abs(h)", "no abs; write maximum(a, -a)"),
    ("return float(h)", "a symbol has no value"),
    ("return math.tanh(h)", "a symbol has no value"),
    ("return range(h)", "a symbol has no value"),
    ("return numpy.tanh(h)", "TypeError"),
    ("return numpy.sum(h)", "a symbol has no attribute"),
    ("return h + numpy.ones(3)", "a vector cannot be combined with ndarray"),
    ("return numpy.ones(3) * h", "a vector cannot be combined with ndarray"),
    ("return scalar * h", "a vector cannot be combined with ndarray"),
    ("return torch.tanh(h)", "TypeError"),
    ("return h * torch.ones(3)", "a vector cannot be combined with Tensor"),
    ("return h.T", "a symbol has no attribute 'T'"),
    ("h.index = 0; return h.norm()", "a symbol has no attribute 'norm'"),
    ("return h + foreign", "got a vector of another cell"),
    ("return affine(x, foreign)", "affine got a vector of another cell"),
    ("return h + 'a'", "a vector cannot be combined with str 'a'; use a number or a vector"),
    ("return h * True", "a vector cannot be combined with bool True"),
    ("return h * 1j", "a vector cannot be combined with complex 1j"),
    (
        "return h + float('nan')",
        "a vector cannot be combined with nan, which is not a finite number",
    ),
    (
        "return maximum(h, -math.inf)",
        "a vector cannot be combined with -inf, which is not a finite number",
    ),
    ("return maximum(1, 2)", "maximum needs at least one vector of the cell"),
    ("return affine()", "affine needs at least one vector"),
    ("return affine(x, 0.5)", "affine takes vectors of the cell, not float 0.5"),
    ("return affine([x, h])", "affine takes vectors of the cell, not list"),
    ("return affine(x, h, biased=False)", "unexpected keyword argument 'biased'"),
    ("return sigmoid(0.5)", "sigmoid takes vectors of the cell, not float 0.5"),
    ("return layer_norm(1)", "layer_norm takes vectors of the cell"),
    ("return scale(2)", "scale takes vectors of the cell"),
    ("return affine(x, h, bias=1.0)", "bias must be True or False, not 1.0"),
    ("return affine(x, h, bias=0)", "True or False, not 0"),
    ("return affine(x, h, bias=None)", "True or False, not None"),
    ("return affine(x, h, bias='no')", "True or False, not 'no'"),
    ("return affine(x, h, bias=numpy.bool_(True))", "True or False, not"),
    ("return affine(x, h, bias=torch.tensor(True))", "True or False, not tensor(True)"),
    ("return affine(x, h, bias=h)", "True or False, not <"),
    (
        "return affine(x, h, size=1)",
        "the size of affine is H, hidden units, or R, their projection, not 1",
    ),
    (
        "return affine(x, h, size=['H'])",
        "the size of affine is H, hidden units, or R, their projection, not ['H']",
    ),
    (
        "return affine(x, h, size='D')",
        "the size of affine is H, hidden units, or R, their projection, not 'D'",
    ),
    (
        "return affine(x, h, size=True)",
        "the size of affine is H, hidden units, or R, their projection, not True",
    ),
    ("return scale(h, init=0.5)", "init must be a pair of numbers (low, high), not 0.5"),
    ("return scale(h, init=True)", "init must be a pair of numbers (low, high), not True"),
    ("return scale(h, init='ab')", "init must be a pair of numbers (low, high), not 'ab'"),
    ("return scale(h, init=(0, 1, 2))", "init must be a pair of numbers (low, high)"),
    ("return scale(h, init=(False, 1))", "init must be a pair of numbers (low, high)"),
    ("return scale(h, init=(0, math.nan))", "init must be a pair of numbers (low, high)"),
    ("return scale(h, init=(0, math.inf))", "init must be a pair of numbers (low, high)"),
    ("return scale(h, init=torch.ones(2))", "init must be a pair of numbers (low, high)"),
    ("return scale(h, init={0, 1})", "init must be a pair of numbers (low, high)"),
    ("return scale(h, init=(1, 0))", "init must be (low, high), but 1 is not below 0"),
    ("return layer_norm(h, eps=0)", "eps must be a number above 0, not 0"),
    ("return layer_norm(h, eps=-1e-5)", "eps must be a number above 0, not -1e-05"),
    ("return layer_norm(h, eps=True)", "eps must be a number above 0, not True"),
    ("return layer_norm(h, eps='a')", "eps must be a number above 0, not 'a'"),
    ("return layer_norm(h, eps=math.nan)", "eps must be a number above 0, not nan"),
    ("return layer_norm(h, eps=numpy.ones(2))", "eps must be a number above 0, not array"),
    ("return h * numpy.float32(2)", "a vector cannot be combined with float32"),
    ("return h * numpy.bool_(True)", "a vector cannot be combined with bool"),
    ("return h * 10**400", "OverflowError"),
    ("return maximum(h, True)", "a vector cannot be combined with bool True"),
    ("return exp(True)", "exp takes vectors of the cell, not bool True"),
    ("return tanh(h, h)", "TypeError"),
    ("return softplus(h)", "NameError: name 'softplus' is not defined"),
]


def define(text: str) -> None:
    linecache.cache[FILE] = (len(text), None, text.splitlines(keepends=True), FILE)
    exec(compile(text, FILE, "exec"), dict(SPACE))


def refused(text: str, line: int, why: str) -> None:
    with pytest.raises(CellError) as error:
        define(text)
    place, said = str(error.value), text.splitlines()[line - 1].strip()
    assert place.startswith(f"{FILE}:{line}: cell 'wrong': ")
    assert why in place
    assert place.endswith(f"\n    {said}")


@pytest.mark.parametrize(("line", "why"), LINES, ids=[line for line, _ in LINES])
def test_a_line_that_is_not_in_the_language(line, why):
    refused(f"@cell\ndef wrong(x, h):\n    r = affine(x)\n    {line}\n    return r\n", 4, why)


@pytest.mark.parametrize(
    ("head", "line", "why"),
    [
        ("@cell\ndef wrong(x):", 1, "a cell takes its input and at least one state"),
        ("@cell\ndef wrong():", 1, "a cell takes its input and at least one state"),
        ("@cell\ndef wrong(x, *h):", 1, "a cell takes plain arguments"),
        ("@cell\ndef wrong(x, h=0):", 1, "a cell takes plain arguments"),
        ("@cell\ndef wrong(x, *, h):", 1, "a cell takes plain arguments"),
        ("@cell\ndef wrong(x, **h):", 1, "a cell takes plain arguments"),
        (
            "@cell(sizes={'c': 'R'})\ndef wrong(x, h):",
            1,
            "sizes has the key 'c', which is not a state",
        ),
        ("@cell(sizes={'h': 'D'})\ndef wrong(x, h):", 1, "'D' is not a size letter of a state"),
        ("@cell(sizes={'h': 'r'})\ndef wrong(x, h):", 1, "'r' is not a size letter of a state"),
        ("@cell(sizes={'h': 8})\ndef wrong(x, h):", 1, "8 is not a size letter of a state"),
        (
            "@cell(sizes={'h': 'M'})\ndef wrong(x, h):",
            1,
            "'M' is not a size letter of a state: H, ",
        ),
        ("@cell(sizes={'h': '1'})\ndef wrong(x, h):", 1, "'1' is not a size letter of a state"),
        ("@cell(sizes={'h': ['H']})\ndef wrong(x, h):", 1, "['H'] is not a size letter of a state"),
        ("@cell(sizes='R')\ndef wrong(x, h):", 1, "sizes must be a dict by state, not 'R'"),
        ("@cell(states=3)\ndef wrong(x, h):", 1, "states must be a dict by state, not 3"),
        (
            "@cell(states={'c': (0, 1)})\ndef wrong(x, h):",
            1,
            "states has the key 'c', which is not a state",
        ),
        ("@cell(states={'h': 1})\ndef wrong(x, h):", 1, "states['h'] must be a pair of numbers"),
        ("@cell(states={'h': (2, 1)})\ndef wrong(x, h):", 1, "states['h'] must be (low, high)"),
        (
            "@cell(states={'h': (0, math.inf)})\ndef wrong(x, h):",
            1,
            "states['h'] must be a pair of",
        ),
    ],
)
def test_a_head_that_is_no_cells(head, line, why):
    refused(f"{head}\n    return h\n", line, why)


def test_the_line_is_the_cells_own_when_a_function_it_calls_fails():
    text = "def helper(h):\n    return h ** 2\n\n@cell\ndef wrong(x, h):\n    return helper(h)\n"
    refused(text, 6, "no **")


def test_what_is_no_function_is_no_cell():
    for wrong in (3, "lstm", None.__class__, len, leaky):
        with pytest.raises(CellError, match="@cell decorates a function, not"):
            cell(wrong)


@pytest.mark.parametrize("number", [numpy.float64(2), 2, 2.0])
def test_numbers_of_python_are_right_wherever_the_language_takes_one(number):
    @cell
    def right(x, h):
        return scale(h, init=[-number, number]) + number * layer_norm(affine(x), eps=number)

    graph = right.graph
    assert graph.parameters["w_hh"].init == (-2.0, 2.0)
    assert {n.value for n in graph.nodes} == {0.0, 2.0}


def test_a_cell_loaded_without_its_function_says_so():
    bare = leaky.__reduce__()[0](*leaky.__reduce__()[1])
    with pytest.raises(CellError, match=re.escape("'leaky' was loaded without its function")):
        bare(kept[0], kept[0])


def test_a_refused_cell_leaves_no_profiler_behind():
    import sys

    before = sys.getprofile()
    refused("@cell\ndef wrong(x, h):\n    return h ** 2\n", 3, "no **")
    assert sys.getprofile() is before
