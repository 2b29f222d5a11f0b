"""A user's own file: names of their choice, among them some that a level's text uses itself."""

from ostinato.equation import Worked, affine, cell, sigmoid, tanh


@cell
def mgu(token, p):
    """h_t = (1 - f) ⊙ h_{t-1} + f ⊙ n with n = tanh(W x + U (f ⊙ h_{t-1}) + b).

    Zhou et al., "Minimal gated unit for recurrent neural networks", IJAC 13 (2016). The forget
    gate f is called k here, and the state p.
    """
    k = sigmoid(affine(token, p))  # forget gate: 1 takes the candidate
    n = tanh(affine(token, k * p))  # candidate
    p = (1 - k) * p + k * n  # output
    return p


# k = σ(1) = 0.731059, n = tanh(0.25 + 2·(0.731059·0.5) + 0.25) = tanh(1.231059) = 0.842886,
# p = 0.268941·0.5 + 0.731059·0.842886 = 0.134471 + 0.616199 = 0.750670
worked = Worked(
    x=1.0,
    states={"p": 0.5},
    parameters={
        "W_token_k": 0.5, "W_pk": 1.0, "b_k": 0.0,
        "W_token_n": 0.25, "W_kpn": 2.0, "b_n": 0.25,
    },
    gives={"p": 0.7507},
)  # fmt: skip
