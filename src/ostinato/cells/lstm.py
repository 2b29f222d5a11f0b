"""Long short-term memory with a forget gate.

Worked by hand, all sizes 1, x = 1, h = 0.5, c = 2:
    i = σ(0.5·1 + 1·0.5 + 0)     = σ(1)    = 0.731059
    f = σ(1·1 - 2·0.5 + 1)       = σ(1)    = 0.731059
    g = tanh(0.25·1 + 0.5·0.5 + 0) = tanh(0.5) = 0.462117
    o = σ(-1·1 + 1·0.5 + 0)      = σ(-0.5) = 0.377541
    c = 0.731059·2 + 0.731059·0.462117 = 1.462117 + 0.337835 = 1.799952
    h = 0.377541·tanh(1.799952) = 0.377541·0.946801 = 0.357456
"""

from ostinato.equation import Worked, affine, cell, sigmoid, tanh


@cell
def lstm(x, h, c):
    """c_t = f ⊙ c_{t-1} + i ⊙ g and h_t = o ⊙ tanh(c_t), all gates from x_t and h_{t-1}.

    Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9 (1997), with the
    forget gate of Gers, Schmidhuber & Cummins, "Learning to forget" (2000) and no peepholes: the
    form of PyTorch's and Keras' LSTM.
    """
    i = sigmoid(affine(x, h))  # input gate
    f = sigmoid(affine(x, h))  # forget gate
    g = tanh(affine(x, h))  # candidate
    o = sigmoid(affine(x, h))  # output gate
    c = f * c + i * g  # cell state
    h = o * tanh(c)  # output
    return h, c


worked = Worked(
    x=1.0,
    states={"h": 0.5, "c": 2.0},
    parameters={
        "W_xi": 0.5, "W_hi": 1.0, "b_i": 0.0,
        "W_xf": 1.0, "W_hf": -2.0, "b_f": 1.0,
        "W_xg": 0.25, "W_hg": 0.5, "b_g": 0.0,
        "W_xo": -1.0, "W_ho": 1.0, "b_o": 0.0,
    },
    gives={"h": 0.3575, "c": 1.8000},
)  # fmt: skip
