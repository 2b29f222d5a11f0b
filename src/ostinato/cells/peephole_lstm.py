"""Long short-term memory whose gates see the cell state.

Worked by hand, all sizes 1, x = 1, h = 0.5, c = 2:
    i = σ(0.5·1 + 1·0.5 - 0.5·2) = σ(0)   = 0.5
    f = σ(1·1 - 2·0.5 + 0.5·2)   = σ(1)   = 0.731059
    g = tanh(0.25·1 + 0.5·0.5)   = tanh(0.5) = 0.462117
    c = 0.731059·2 + 0.5·0.462117 = 1.462117 + 0.231059 = 1.693176
    o = σ(-1·1 + 1·0.5 + 1·1.693176) = σ(1.193176) = 0.767309
    h = 0.767309·tanh(1.693176) = 0.767309·0.934551 = 0.717089
"""

from ostinato.equation import Worked, affine, cell, scale, sigmoid, tanh


@cell
def peephole_lstm(x, h, c):
    """An LSTM with i and f looking at c_{t-1} and o at c_t, each unit at its own cell only.

    Gers, Schraudolph & Schmidhuber, "Learning precise timing with LSTM recurrent networks",
    JMLR 3 (2002), with tanh for both squashing functions, as Graves (2013) writes it.
    """
    i = sigmoid(affine(x, h) + scale(c))  # input gate
    f = sigmoid(affine(x, h) + scale(c))  # forget gate
    g = tanh(affine(x, h))  # candidate
    c = f * c + i * g  # cell state
    o = sigmoid(affine(x, h) + scale(c))  # output gate, sees the new cell state
    h = o * tanh(c)  # output
    return h, c


worked = Worked(
    x=1.0,
    states={"h": 0.5, "c": 2.0},
    parameters={
        "W_xi": 0.5, "W_hi": 1.0, "b_i": 0.0, "w_ci": -0.5,
        "W_xf": 1.0, "W_hf": -2.0, "b_f": 0.0, "w_cf": 0.5,
        "W_xg": 0.25, "W_hg": 0.5, "b_g": 0.0,
        "W_xo": -1.0, "W_ho": 1.0, "b_o": 0.0, "w_co": 1.0,
    },
    gives={"h": 0.7171, "c": 1.6932},
)  # fmt: skip
