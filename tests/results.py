import torch


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Random, asymmetric, float64."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def first_states(module, batch: int) -> tuple[torch.Tensor, ...]:
    """First states (L·directions, B, ·) that are not zero."""
    graph, count = module.cell.graph, module.num_layers * len(module.directions)
    units = {"H": module.hidden_size, "R": module.proj_size}
    shapes = [(count, batch, units[size]) for size in graph.sizes.values()]
    return tuple(normal(*shape, seed=k + 1) for k, shape in enumerate(shapes))


def results(module, x, hx, d_outputs, d_states, **given) -> dict:
    """Outputs, last states and all gradients of Σ outputs · d_outputs + Σ states · d_states."""
    module.zero_grad()
    x = x.detach().requires_grad_()
    hx = [s.detach().requires_grad_() for s in hx]
    outputs, states = module(x, tuple(hx) if len(hx) > 1 else hx[0], **given)
    states = states if isinstance(states, tuple) else (states,)
    loss = (outputs * d_outputs).sum()
    loss = loss + sum((s * d).sum() for s, d in zip(states, d_states, strict=True))
    loss.backward()
    return {
        "outputs": outputs,
        "states": list(states),
        "dx": x.grad,
        "d_states": [s.grad for s in hx],
        "weights": {name: w.grad.clone() for name, w in module.named_parameters()},
    }
