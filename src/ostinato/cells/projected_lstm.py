"""Long short-term memory whose output is a projection of its units.

Worked by hand, all sizes 1: the gates of `lstm` (i = f = 0.731059, g = 0.462117, o = 0.377541),
    c = 1.799952, and the output twice that of `lstm`: h = 2·0.357456 = 0.714912
"""

from ostinato.equation import Worked, affine, cell, sigmoid, tanh


@cell(sizes={"h": "R"})
def projected_lstm(x, h, c):
    """An LSTM with h_t = W_hr (o ⊙ tanh(c_t)), smaller than c_t.

    Sak, Senior & Beaufays, "Long short-term memory recurrent neural network architectures for
    large scale acoustic modeling", Interspeech 2014, the recurrent projection alone, without
    peepholes: PyTorch's LSTM with proj_size.
    """
    i = sigmoid(affine(x, h))  # input gate
    f = sigmoid(affine(x, h))  # forget gate
    g = tanh(affine(x, h))  # candidate
    o = sigmoid(affine(x, h))  # output gate
    c = f * c + i * g  # cell state
    m = o * tanh(c)  # what the units hold before they are projected
    h = affine(m, size="R", bias=False)  # output
    return h, c


worked = Worked(
    x=1.0,
    states={"h": 0.5, "c": 2.0},
    parameters={
        "W_xi": 0.5, "W_hi": 1.0, "b_i": 0.0,
        "W_xf": 1.0, "W_hf": -2.0, "b_f": 1.0,
        "W_xg": 0.25, "W_hg": 0.5, "b_g": 0.0,
        "W_xo": -1.0, "W_ho": 1.0, "b_o": 0.0,
        "W_mh": 2.0,
    },
    gives={"h": 0.7149, "c": 1.8000},
)  # fmt: skip
