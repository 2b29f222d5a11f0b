"""Elman's simple recurrent network, with tanh.

Worked by hand, all sizes 1: tanh(1·1 + 0.9·0.5 + 0.1) = tanh(1.55) = 0.9138.
"""

from ostinato.equation import Worked, affine, cell, tanh


@cell
def rnn(x, h):
    """h_t = tanh(W_x x_t + W_h h_{t-1} + b).

    Elman, "Finding structure in time", Cognitive Science 14 (1990), with tanh for the logistic
    function, as PyTorch's RNN and Keras' SimpleRNN have it.
    """
    h = tanh(affine(x, h))
    return h


worked = Worked(
    x=1.0,
    states={"h": 0.5},
    parameters={"W_xh": 1.0, "W_hh": 0.9, "b_h": 0.1},
    gives={"h": 0.9138},
)
