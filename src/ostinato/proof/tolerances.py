"""How far apart two sides of a proof may be, relative to numbers larger than 1."""

EQUAL = 1e-12
"""Levels in float64: some thousand times the distance between neighbouring numbers near 1."""
EQUAL32 = 1e-5
"""Levels in float32: some hundred times the distance between neighbouring numbers near 1."""
SLOPE = 1e-6
"""Measured slopes in float64: central differences of width 1e-5 are good to about 1e-8."""
