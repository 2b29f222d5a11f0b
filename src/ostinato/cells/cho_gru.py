"""Gated recurrent unit as Cho and colleagues published it: the reset gate before the product.

Worked by hand, all sizes 1, x = 1, h = 0.5:
    r = σ(0.5·1 + 1·0.5 + 0) = σ(1) = 0.731059
    z = σ(-1·1 + 1·0.5 + 0)  = σ(-0.5) = 0.377541
    n = tanh(0.25·1 + 2·(0.731059·0.5) + 0.25) = tanh(1.231059) = 0.842886
    h = 0.377541·0.5 + (1 - 0.377541)·0.842886 = 0.188770 + 0.524662 = 0.713432
"""

from ostinato.equation import Worked, affine, cell, sigmoid, tanh


@cell
def cho_gru(x, h):
    """h_t = z ⊙ h_{t-1} + (1 - z) ⊙ n with n = tanh(W x + U (r ⊙ h_{t-1}) + b).

    Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", EMNLP 2014, equations 5 to 8, in the paper's sign, with biases; Keras'
    GRU with reset_after=False. Chung et al. 2014 write the mixture with z and 1 - z exchanged.
    """
    r = sigmoid(affine(x, h))  # reset gate
    z = sigmoid(affine(x, h))  # update gate: 1 keeps the old state
    n = tanh(affine(x, r * h))  # candidate
    h = z * h + (1 - z) * n  # output
    return h


worked = Worked(
    x=1.0,
    states={"h": 0.5},
    parameters={
        "W_xr": 0.5, "W_hr": 1.0, "b_r": 0.0,
        "W_xz": -1.0, "W_hz": 1.0, "b_z": 0.0,
        "W_xn": 0.25, "W_rhn": 2.0, "b_n": 0.25,
    },
    gives={"h": 0.7134},
)  # fmt: skip
