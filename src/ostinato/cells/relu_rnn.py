"""Elman's network with relu, as the IRNN uses it.

Worked by hand, all sizes 1: relu(2·1 - 0.5·0.5 + 0.1) = relu(1.85) = 1.85.
"""

from ostinato.equation import Worked, affine, cell, relu


@cell
def relu_rnn(x, h):
    """h_t = max(0, W_x x_t + W_h h_{t-1} + b).

    Le, Jaitly & Hinton, "A simple way to initialize recurrent networks of rectified linear
    units", arXiv 1504.00941 (2015); PyTorch's RNN with nonlinearity="relu". The paper's start
    (W_h = I, b = 0) is left to the caller.
    """
    h = relu(affine(x, h))
    return h


worked = Worked(
    x=1.0,
    states={"h": 0.5},
    parameters={"W_xh": 2.0, "W_hh": -0.5, "b_h": 0.1},
    gives={"h": 1.85},
)
