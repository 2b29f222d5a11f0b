"""The minimal GRU: gates of the input alone, so that nothing but the mixture recurs.

Worked by hand, all sizes 1, x = 1, h = 0.5:
    z = σ(0.5·1 + 0.5) = σ(1) = 0.731059
    n = 2·1 - 0.5 = 1.5
    h = (1 - 0.731059)·0.5 + 0.731059·1.5 = 0.134471 + 1.096588 = 1.231059
"""

from ostinato.equation import Worked, affine, cell, sigmoid


@cell
def min_gru(x, h):
    """h_t = (1 - z) ⊙ h_{t-1} + z ⊙ n with z = σ(W x + b) and n = V x + c.

    Feng et al., "Were RNNs all we needed?", arXiv 2410.01201 (2024), the plain form of section
    3.1. Here z = 1 takes the candidate, the opposite of `gru`.
    """
    z = sigmoid(affine(x))  # update gate: 1 takes the candidate
    n = affine(x)  # candidate
    h = (1 - z) * h + z * n  # output
    return h


worked = Worked(
    x=1.0,
    states={"h": 0.5},
    parameters={"W_xz": 0.5, "b_z": 0.5, "W_xn": 2.0, "b_n": -0.5},
    gives={"h": 1.2311},
)
