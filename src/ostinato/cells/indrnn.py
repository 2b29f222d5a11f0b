"""Independently recurrent network: each unit sees its own past only.

Worked by hand, all sizes 1: relu(2·1 + 0.5·0.5 - 0.25) = relu(2) = 2.
"""

from ostinato.equation import Worked, affine, cell, relu, scale


@cell
def indrnn(x, h):
    """h_t = max(0, W x_t + u ⊙ h_{t-1} + b).

    Li et al., "Independently recurrent neural network (IndRNN): building a longer and deeper
    RNN", CVPR 2018, with relu; u is drawn from [0, 1] at first, as the paper has it for long
    memories with u_max = 1.
    """
    h = relu(affine(x) + scale(h, init=(0.0, 1.0)))
    return h


worked = Worked(
    x=1.0,
    states={"h": 0.5},
    parameters={"W_xh": 2.0, "b_h": -0.25, "w_hh": 0.5},
    gives={"h": 2.0},
)
