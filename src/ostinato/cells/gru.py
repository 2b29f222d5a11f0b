"""Gated recurrent unit, the reset gate after the recurrent product.

Worked by hand, all sizes 1, x = 1, h = 0.5:
    r = σ(0.5·1 + 1·0.5 + 0) = σ(1) = 0.731059
    z = σ(-1·1 + 1·0.5 + 0)  = σ(-0.5) = 0.377541
    n = tanh(0.25·1 + 0.25 + r·(1·0.5 + 0.5)) = tanh(0.5 + 0.731059) = tanh(1.231059) = 0.842886
    h = (1 - 0.377541)·0.842886 + 0.377541·0.5 = 0.524662 + 0.188770 = 0.713432
"""

from ostinato.equation import Worked, affine, cell, sigmoid, tanh


@cell
def gru(x, h):
    """h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}: the update gate z keeps the old state.

    The variant with the reset gate applied after the recurrent product, n = tanh(W x + b +
    r ⊙ (U h + b')): Cho et al. 2014, version 1 of arXiv 1406.1078, and cuDNN; PyTorch's GRU and
    Keras' default, in PyTorch's sign.
    """
    r = sigmoid(affine(x, h))  # reset gate
    z = sigmoid(affine(x, h))  # update gate: 1 keeps the old state
    n = tanh(affine(x) + r * affine(h))  # candidate
    h = (1 - z) * n + z * h  # output
    return h


worked = Worked(
    x=1.0,
    states={"h": 0.5},
    parameters={
        "W_xr": 0.5, "W_hr": 1.0, "b_r": 0.0,
        "W_xz": -1.0, "W_hz": 1.0, "b_z": 0.0,
        "W_xn": 0.25, "b_xn": 0.25,
        "W_hn": 1.0, "b_hn": 0.5,
    },
    gives={"h": 0.7134},
)  # fmt: skip
