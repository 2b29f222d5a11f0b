"""How far apart two results may lie: every tolerance of the tests, each with its reason.

All are relative to numbers larger than 1 and absolute below.
"""

from ostinato.proof.tolerances import EQUAL, SLOPE

__all__ = [
    "BESIDE",
    "BFLOAT16",
    "EQUAL",
    "FLOAT32",
    "GRADCHECK",
    "HAND",
    "INT8",
    "ORACLE",
    "SAME",
    "SLOPE",
    "TRAINED",
]

SAME = 0.0
"""The same operations in the same order: not a bit differs."""

ORACLE = 1e-11
"""float64 against formulas in another order: a sum of tens of terms over several steps, whose
noise is near 1e-14 where nothing is amplified and hundreds of times that in a random cell."""

FLOAT32 = 2e-5
"""float32 against other kernels: some hundred times 1.2e-7, the distance between neighbours at 1,
for gradients that are sums over all tokens."""

HAND = 5e-5
"""Worked with a pencil to four digits after the point: half of the last one."""

GRADCHECK = 1e-6
"""`torch.autograd.gradcheck` in float64, steps of 1e-6: good to about 1e-9."""

BESIDE = 8.0
"""float32 of native code beside PyTorch's, both judged by float64: it may be so many times as far
off, and so many roundings (1.2e-7) further, for its sums have another order. Most are within 2."""

BFLOAT16 = 2e-2
"""Some of the work in bfloat16 against all of it in float32: a number keeps 8 bits, 0.4 %."""

INT8 = 6e-2
"""Weights of 8 bits: each is off by up to 1/254 of the largest of its unit, at every step anew."""

TRAINED = 1e-5
"""float32 after ten steps of Adam in two frameworks: roundings, and what training makes of them."""

TRAINED_WEIGHTS = 2e-4
"""The weights after those steps: where a gradient is next to nothing Adam divides by as little, and
its rounding counts. Measured: up to 7e-5 (peephole_lstm on TensorFlow), 1e-5 on PyTorch."""
