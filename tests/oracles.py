"""What every cell must compute, written again by hand from the papers, in plain torch.

Nothing here is made from the library: formulas and numbers only. `case` is anything with the
fields of a batch: x, states, parameters, d_outputs, d_states.
"""

from types import SimpleNamespace

import torch
from torch import exp, log, relu, sigmoid, tanh


def rnn(x, h, p):
    return (tanh(p.W_xh @ x + p.W_hh @ h + p.b_h),)


def relu_rnn(x, h, p):
    return (torch.clamp(p.W_xh @ x + p.W_hh @ h + p.b_h, min=0),)


def indrnn(x, h, p):
    return (torch.clamp(p.W_xh @ x + p.w_hh * h + p.b_h, min=0),)


def gru(x, h, p):
    r = sigmoid(p.W_xr @ x + p.W_hr @ h + p.b_r)
    z = sigmoid(p.W_xz @ x + p.W_hz @ h + p.b_z)
    n = tanh(p.W_xn @ x + p.b_xn + r * (p.W_hn @ h + p.b_hn))
    return ((1 - z) * n + z * h,)


def cho_gru(x, h, p):
    r = sigmoid(p.W_xr @ x + p.W_hr @ h + p.b_r)
    z = sigmoid(p.W_xz @ x + p.W_hz @ h + p.b_z)
    n = tanh(p.W_xn @ x + p.W_rhn @ (r * h) + p.b_n)
    return (z * h + (1 - z) * n,)


def min_gru(x, h, p):
    z = sigmoid(p.W_xz @ x + p.b_z)
    return ((1 - z) * h + z * (p.W_xn @ x + p.b_n),)


def mgu(x, h, p):
    f = sigmoid(p.W_token_k @ x + p.W_pk @ h + p.b_k)
    n = tanh(p.W_token_n @ x + p.W_kpn @ (f * h) + p.b_n)
    return ((1 - f) * h + f * n,)


def lstm(x, h, c, p):
    i = sigmoid(p.W_xi @ x + p.W_hi @ h + p.b_i)
    f = sigmoid(p.W_xf @ x + p.W_hf @ h + p.b_f)
    g = tanh(p.W_xg @ x + p.W_hg @ h + p.b_g)
    o = sigmoid(p.W_xo @ x + p.W_ho @ h + p.b_o)
    c = f * c + i * g
    return o * tanh(c), c


def projected_lstm(x, h, c, p):
    m, c = lstm(x, h, c, p)
    return p.W_mh @ m, c


def peephole_lstm(x, h, c, p):
    i = sigmoid(p.W_xi @ x + p.W_hi @ h + p.w_ci * c + p.b_i)
    f = sigmoid(p.W_xf @ x + p.W_hf @ h + p.w_cf * c + p.b_f)
    g = tanh(p.W_xg @ x + p.W_hg @ h + p.b_g)
    c = f * c + i * g
    o = sigmoid(p.W_xo @ x + p.W_ho @ h + p.w_co * c + p.b_o)
    return o * tanh(c), c


def layer_norm_lstm(x, h, c, p):
    i = sigmoid(p.gain_i * normal(p.W_xi @ x + p.W_hi @ h) + p.shift_i)
    f = sigmoid(p.gain_f * normal(p.W_xf @ x + p.W_hf @ h) + p.shift_f)
    g = tanh(p.gain_g * normal(p.W_xg @ x + p.W_hg @ h) + p.shift_g)
    o = sigmoid(p.gain_o * normal(p.W_xo @ x + p.W_ho @ h) + p.shift_o)
    c = f * c + i * g
    return o * tanh(p.gain_h * normal(c) + p.shift_h), c


def normal(a, eps=1e-5):
    centred = a - a.mean()
    return centred / (centred.square().mean() + eps).sqrt()


def language(weights):
    """The language of cells, said once more on tensors: `weights` come in the order of the text."""

    def affine(*operands, size="H", bias=True):
        total = sum(W @ a for W, a in [(next(weights), a) for a in operands])
        return total + next(weights) if bias else total

    def scale(a, init=None):
        return next(weights) * a

    def layer_norm(a, eps=1e-5):
        gain, shift = next(weights), next(weights)
        return gain * normal(a, eps) + shift

    def maximum(a, b):
        return torch.maximum(*(torch.as_tensor(v, dtype=torch.float64) for v in (a, b)))

    pointwise = {"exp": exp, "log": log, "relu": relu, "sigmoid": sigmoid, "tanh": tanh}
    return dict(affine=affine, scale=scale, layer_norm=layer_norm, maximum=maximum, **pointwise)


def unroll(step, case):
    """Each sequence alone, step by step, and the gradients that autograd finds.

    Gives dL/d… for L = Σ outputs · d_outputs + Σ last states · d_states.
    """

    def leaf(array):
        return torch.tensor(array, dtype=torch.float64, requires_grad=True)

    xs, firsts = [leaf(x) for x in case.x], [leaf(s) for s in case.states]
    weights = {name: leaf(w) for name, w in case.parameters.items()}
    outputs, lasts, loss = [], [], 0
    for b, x in enumerate(xs):
        states, of_sequence = tuple(first[b] for first in firsts), []
        for x_t in x:
            states = step(x_t, *states, SimpleNamespace(**weights))
            of_sequence.append(states[0])
        outputs.append(torch.stack(of_sequence))
        lasts.append(states)
        loss = loss + (outputs[b] * torch.tensor(case.d_outputs[b])).sum()
        for s, d in zip(states, case.d_states, strict=True):
            loss = loss + (s * torch.tensor(d[b])).sum()
    leaves = [*xs, *firsts, *weights.values()]
    d = list(torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True))
    return {
        "outputs": outputs,
        "states": [torch.stack(s) for s in zip(*lasts, strict=True)],
        "dx": d[: len(xs)],
        "d_states": d[len(xs) : len(xs) + len(firsts)],
        "gradients": dict(zip(weights, d[len(xs) + len(firsts) :], strict=True)),
    }
