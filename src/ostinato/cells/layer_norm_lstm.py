"""Long short-term memory with layer normalisation.

Worked by hand, all sizes 1. The mean of one unit is that unit, so every normalisation gives
gain·0 + shift = shift, whatever it is given; with x = 1, h = 0.5, c = 2:
    i = σ(1) = 0.731059, f = σ(-0.5) = 0.377541, g = tanh(0.5) = 0.462117, o = σ(0) = 0.5
    c = 0.377541·2 + 0.731059·0.462117 = 0.755081 + 0.337835 = 1.092916
    h = 0.5·tanh(0.25) = 0.5·0.244919 = 0.122459
The numbers of two units, where the mean counts, are worked in `tests/cells/`.
"""

from ostinato.equation import Worked, affine, cell, layer_norm, sigmoid, tanh


@cell
def layer_norm_lstm(x, h, c):
    """An LSTM with each gate's pre-activation normalised, and the cell state at the output.

    Ba, Kiros & Hinton, "Layer normalization", arXiv 1607.06450 (2016). The variant: one
    normalisation for each gate, of the sum of both products (the paper normalises the products
    of x and of h apart, over all four gates together); the new cell state is normalised where
    the output reads it, as in the paper, and carried on as it is.
    """
    i = sigmoid(layer_norm(affine(x, h, bias=False)))  # input gate
    f = sigmoid(layer_norm(affine(x, h, bias=False)))  # forget gate
    g = tanh(layer_norm(affine(x, h, bias=False)))  # candidate
    o = sigmoid(layer_norm(affine(x, h, bias=False)))  # output gate
    c = f * c + i * g  # cell state
    h = o * tanh(layer_norm(c))  # output
    return h, c


worked = Worked(
    x=1.0,
    states={"h": 0.5, "c": 2.0},
    parameters={
        "W_xi": 0.5, "W_hi": 1.0, "gain_i": 2.0, "shift_i": 1.0,
        "W_xf": 1.0, "W_hf": -2.0, "gain_f": 1.0, "shift_f": -0.5,
        "W_xg": 0.25, "W_hg": 0.5, "gain_g": 3.0, "shift_g": 0.5,
        "W_xo": -1.0, "W_ho": 1.0, "gain_o": 1.0, "shift_o": 0.0,
        "gain_h": 1.0, "shift_h": 0.25,
    },
    gives={"h": 0.1225, "c": 1.0929},
)  # fmt: skip
