"""Under autograd: derivatives of any order, and what users do to tensors between the passes."""

import warnings
from collections.abc import Callable

import pytest
import torch
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

from every import EVERY, assert_near, short, sizes
from ostinato import nn
from ostinato.errors import ConfigError
from ostinato.levels.native.runtime import target
from ostinato.nn import Recurrent
from results import first_states, normal
from tolerances import BFLOAT16, EQUAL, FLOAT32, GRADCHECK, ORACLE, SAME

pytestmark = pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))
every_cell = pytest.mark.parametrize("name", EVERY, ids=short)
either_engine = pytest.mark.parametrize("engine", ["native", "auto"])
LENGTHS = [2, 4, 1]


def made(name: str = "lstm", engine: str = "native", units: int = 5, **options) -> Recurrent:
    torch.manual_seed(0)
    arguments = sizes(name, 3, units) | options
    return Recurrent(**arguments, engine=engine, dtype=torch.float64)


def stack(name: str, engine: str) -> Recurrent:
    return made(name, engine, 3, num_layers=2, bidirectional=True, batch_first=True)


def batch(seed: int = 0) -> torch.Tensor:
    return normal(3, 4, 3, seed=seed)


def as_function(module: Recurrent, **given) -> tuple[Callable, list[torch.Tensor]]:
    """The module as a function of its input, first states and weights, and these."""
    names, hx = [name for name, _ in module.named_parameters()], first_states(module, 3)

    def call(x, *leaves):
        states, weights = leaves[: len(hx)], leaves[len(hx) :]
        parameters = dict(zip(names, weights, strict=True))
        arguments = (x, states if len(hx) > 1 else states[0])
        outputs, ends = torch.func.functional_call(module, parameters, arguments, given)
        return outputs, *([ends] if isinstance(ends, torch.Tensor) else ends)

    leaves = [batch(), *hx, *(w.detach().clone() for w in module.parameters())]
    return call, [leaf.requires_grad_() for leaf in leaves]


# derivatives of any order

QUICK = ("lstm", "gru", "mgu")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if short(n) in QUICK else [pytest.mark.slow]) for n in EVERY],
    ids=short,
)
def test_first_and_second_derivatives_are_the_measured_slopes(name):
    call, leaves = as_function(stack(name, "native"), lengths=LENGTHS)
    tolerances = {"atol": GRADCHECK, "rtol": GRADCHECK, "fast_mode": True}
    assert torch.autograd.gradcheck(call, leaves, **tolerances)
    assert torch.autograd.gradgradcheck(call, leaves, **tolerances)


@every_cell
def test_second_derivatives_are_those_of_the_level_torch(name):
    def second(engine):
        call, leaves = as_function(stack(name, engine), lengths=LENGTHS)
        loss = sum(r.sin().sum() for r in call(*leaves))
        first = torch.autograd.grad(loss, leaves, create_graph=True)
        return torch.autograd.grad(sum(d.cos().sum() for d in first), leaves)

    assert_near(second("native"), second("torch"), ORACLE)


X, T = batch(), batch(1)


def tangent(module):
    with forward_ad.dual_level():
        outputs, _ = module(forward_ad.make_dual(X, T), lengths=LENGTHS)
        return forward_ad.unpack_dual(outputs).tangent


def of_weights(module):
    weights = {name: w.detach() for name, w in module.named_parameters()}

    def loss(weights):
        return torch.func.functional_call(module, weights, (X,))[0].sin().sum()

    return torch.func.grad(loss)(weights)


def over_weights(module):
    weights = {k: torch.stack([w.detach(), 2 * w.detach()]) for k, w in module.named_parameters()}
    return torch.func.vmap(lambda w: torch.func.functional_call(module, w, (X,))[0])(weights)


TRANSFORMS = {
    "forward mode": tangent,
    "jvp": lambda m: torch.func.jvp(lambda x: m(x)[0], (X,), (T,)),
    "vjp": lambda m: torch.func.vjp(lambda x: m(x)[0][..., :3], X)[1](T),
    "grad": of_weights,
    "vmap": lambda m: torch.func.vmap(lambda x: m(x)[0])(torch.stack([X, T])),
    "vmap over weights": over_weights,
    "jacrev": lambda m: torch.func.jacrev(lambda x: m(x)[0].sum((0, 2)))(X),
    "jacfwd": lambda m: torch.func.jacfwd(lambda x: m(x)[0].sum((0, 2)))(X),
    "hessian": lambda m: torch.func.hessian(lambda a: m(a * X)[0].sum())(T[0, 0, 0]),
}


def quietly(function):
    """PyTorch loads a part of itself for forward mode that warns of another part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return function()


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_transformations_take_another_level_and_are_right(transform):
    function = TRANSFORMS[transform]
    found, expected = (quietly(lambda e=e: function(stack("lstm", e))) for e in ("auto", "torch"))
    assert_near(found, expected, SAME)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_transformations_of_native_code_are_refused_in_a_line(transform):
    with pytest.raises(
        ConfigError, match=r"^engine 'native' does not support .* derivatives; use 'auto'$"
    ):
        quietly(lambda: TRANSFORMS[transform](stack("lstm", "native")))


def several_at_once(module):
    x = batch().requires_grad_()
    outputs = module(x)[0].sum((0, 2))
    return torch.autograd.grad(outputs, x, torch.eye(len(outputs)).double(), is_grads_batched=True)


def of_sums(module):
    return lambda x: module(x)[0].sin().sum((0, 2))


jacobian, jvp, hvp = (getattr(torch.autograd.functional, n) for n in ("jacobian", "jvp", "hvp"))
BACKWARD = {
    "batched": several_at_once,
    "jacobian": lambda m: jacobian(of_sums(m), X),
    "jacobian at once": lambda m: jacobian(of_sums(m), X, vectorize=True),
    "jvp by two": lambda m: jvp(of_sums(m), X, T),
    "hvp": lambda m: hvp(lambda x: of_sums(m)(x).sum(), X, T),
}


@either_engine
@pytest.mark.parametrize("way", BACKWARD)
def test_other_ways_to_go_back(way, engine):
    found, expected = (
        quietly(lambda e=e: BACKWARD[way](stack("gru", e))) for e in (engine, "torch")
    )
    assert_near(found, expected, ORACLE)


def test_a_trace_is_a_trace_of_what_is_computed():
    from torch.fx.experimental.proxy_tensor import make_fx

    def traced(engine):
        module = stack("lstm", engine).requires_grad_(False)
        return make_fx(lambda x: module(x)[0])(batch())(batch(1))

    assert_near(quietly(lambda: traced("auto")), stack("lstm", "torch")(batch(1))[0], ORACLE)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["native", "auto"])
def test_compiled_modules_compute_the_same(engine):
    module, expected = stack("lstm", engine), stack("lstm", "torch")(batch())[0]
    compiled = torch.compile(module, backend="eager")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_near(compiled(batch())[0], expected, ORACLE)


# between the passes


def gradients(run: Callable, engine: str = "native", **options) -> list[torch.Tensor]:
    """All gradients of what `run(module, x)` makes of a module, as a number."""
    module, x = made("lstm", engine, **options), batch().requires_grad_()
    loss = run(module, x)
    return list(
        torch.autograd.grad(
            loss, [x, *module.parameters()], allow_unused=True, materialize_grads=True
        )
    )


EDITS = {
    "add to the outputs": lambda y, h, c: y.add_(1.5),
    "scale the outputs": lambda y, h, c: y.mul_(2.0),
    "clear a row of the outputs": lambda y, h, c: y[1].zero_(),
    "write into the outputs": lambda y, h, c: y[:, 0].copy_(torch.ones(4, 5)),
    "through an activation": lambda y, h, c: torch.relu_(y),
    "scale a last state": lambda y, h, c: c.mul_(3.0),
    "exchange last states": lambda y, h, c: h.copy_(c.clone()),
}


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["dense", "ragged"])
@pytest.mark.parametrize("edit", EDITS)
def test_results_that_are_edited_have_the_gradients_of_what_they_became(edit, lengths):
    def run(module, x):
        y, (h, c) = module(x.transpose(0, 1), lengths=lengths)
        EDITS[edit](y, h, c)
        return (y.sin().sum() + h.cos().sum() + (c * c).sum()).clone()

    assert_near(gradients(run), gradients(run, "torch"), EQUAL)


@pytest.mark.parametrize("what", ["x", "h", "c", "weight_ih_l0", "weight_hh_l0", "bias_hh_l0"])
def test_what_was_read_and_is_edited_is_pytorchs_error(what):
    module = made()
    h, c = (s.requires_grad_() * 1 for s in first_states(module, 4))
    read = dict(module.named_parameters()) | {"x": batch().requires_grad_() * 1, "h": h, "c": c}
    outputs, _ = module(read["x"], (h, c))
    with torch.no_grad():
        read[what].add_(1.0)
    with pytest.raises(RuntimeError, match=r"modified (by an )?inplace"):
        outputs.sum().backward()


@pytest.mark.parametrize("training", [False, True])
def test_weights_are_read_at_every_call(training):
    module, x = made(), batch()
    for seed in range(3):
        for weight in module.parameters():
            weight.data.copy_(normal(*weight.shape, seed=seed))  # PyTorch counts no edit here
        other = made(engine="torch")
        other.load_state_dict(module.state_dict())
        with torch.set_grad_enabled(training):
            assert_near(module(x)[0], other(x)[0], EQUAL)


def test_an_optimizer_step_is_seen():
    losses = {}
    for engine in ("native", "torch"):
        module = made("peephole_lstm", engine)
        optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
        for step in range(5):
            loss = module(batch(step))[0].square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses[engine] = loss.detach()
    assert_near(losses["native"], losses["torch"], ORACLE)


WITH_HOOKS = {
    "copied": torch.clone,
    "elsewhere": lambda t: t.numpy().copy() if not t.requires_grad else t,
    "smaller": lambda t: t.detach().clone(),
}


class Doubled(torch.nn.Module):
    """A weight that is computed at each call, and that nothing but the call keeps."""

    def forward(self, weight):
        return 2 * weight


@pytest.mark.parametrize("hook", WITH_HOOKS)
def test_what_is_kept_may_be_kept_elsewhere(hook):
    # As torch.autograd.graph.save_on_cpu does: the tensors of the forward pass are gone by then.
    def run(hooks):
        module, x = made(recurrent_dropout=0.5, zoneout=0.3), batch().requires_grad_()
        for name in ("weight_hh_l0", "weight_ih_l0"):
            torch.nn.utils.parametrize.register_parametrization(module, name, Doubled())
        torch.manual_seed(1)
        with torch.autograd.graph.saved_tensors_hooks(*hooks):
            outputs, _ = module(x)
        _overwrite_what_is_free()
        return torch.autograd.grad(outputs.sin().sum(), [x, *module.parameters()])

    hooks = WITH_HOOKS[hook], lambda t: t if isinstance(t, torch.Tensor) else torch.from_numpy(t)
    same = (lambda t: t, lambda t: t)
    assert_near(run(hooks), run(same), SAME)


@pytest.mark.parametrize("options", [{}, {"recurrent_dropout": 0.5, "zoneout": 0.3}], ids=str)
def test_a_checkpoint_computes_it_again(options):
    def run(reentrant):
        module, x = made(**options, num_layers=2), batch().requires_grad_()
        torch.manual_seed(1)
        if reentrant is None:
            outputs = module(x)[0]
        else:
            outputs = checkpoint(lambda x: module(x)[0], x, use_reentrant=reentrant)
        _overwrite_what_is_free()
        outputs.sin().sum().backward()
        return [x.grad, *(w.grad for w in module.parameters())]

    for reentrant in (False, True):
        assert_near(run(reentrant), run(None), SAME)


def _overwrite_what_is_free() -> None:
    """Asks for memory of all the sizes that the tests' tensors have, and fills it."""
    kept = [torch.full((n,), torch.nan, dtype=torch.float64) for n in range(1, 400) for _ in "ab"]
    assert len(kept) > 1


# an embedding, whose result is read in its table


def of_table(engine: str, before: Callable) -> list[torch.Tensor | None]:
    """Outputs and gradients; `before` is called with tokens, table and what was looked up."""
    torch.manual_seed(0)
    table, module = nn.Embedding(20, 64), nn.LSTM(64, 8, engine=engine)
    tokens = torch.arange(96).reshape(12, 8) ** 2 % 20
    x = table(tokens)
    before(tokens, table.weight, x)
    outputs, _ = module(x)
    if not outputs.requires_grad:
        return [outputs]
    d = torch.autograd.grad(outputs.sin().sum(), [table.weight, *module.parameters()])
    return [outputs.detach(), *d]


BEFORE = {
    "nothing": lambda tokens, table, x: None,
    "the table changes": lambda tokens, table, x: table.detach().mul_(2),
    "the result changes": lambda tokens, table, x: x.mul_(2),
    "a hook doubles the gradient": lambda tokens, table, x: x.register_hook(lambda d: 2 * d),
}


@pytest.mark.parametrize("before", BEFORE)
def test_what_was_looked_up_stays_what_it_was(before):
    found, expected = (of_table(engine, BEFORE[before]) for engine in ("native", "torch"))
    assert_near(found, expected, FLOAT32)


@torch.no_grad()
def test_tokens_may_change_after_they_were_looked_up():
    def change(tokens, table, x):
        tokens.zero_()

    assert_near(of_table("native", change), of_table("torch", change), FLOAT32)


def test_what_was_looked_up_has_a_gradient_where_one_is_asked_for():
    def run(engine):
        torch.manual_seed(0)
        table, module = nn.Embedding(20, 64), nn.LSTM(64, 8, engine=engine)
        x = table(torch.arange(96).reshape(12, 8) ** 2 % 20)
        x.retain_grad()
        module(x)[0].sin().sum().backward()
        return x.grad

    assert run("native") is not None
    assert_near(run("native"), run("torch"), FLOAT32)


# tensors as users have them

FLOWS = {
    "expanded": lambda y: y.sum(),
    "of one step": lambda y: y[1].sin().sum(),
    "of every other unit": lambda y: y[..., ::2].sin().sum(),
    "turned": lambda y: (y.transpose(0, 2) * normal(*y.transpose(0, 2).shape)).sum(),
    "weighted": lambda y: (y * normal(*y.shape)).sum(),
    "of nothing": lambda y: y.sum() * 0,
}


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("flow", FLOWS)
def test_gradients_of_any_layout(flow, both_ways):
    def run(module, x):
        return FLOWS[flow](module(x, lengths=[3, 1, 2, 3])[0])

    found = gradients(run, bidirectional=both_ways)
    assert_near(found, gradients(run, "torch", bidirectional=both_ways), EQUAL)


INPUTS = {
    "turned": lambda: normal(4, 3, 3).transpose(0, 1),
    "units apart": lambda: normal(3, 4, 6)[..., ::2],
    "rows apart": lambda: normal(3, 4, 8)[..., 2:5],
    "rows apart and steps apart": lambda: normal(6, 4, 8)[::2, :, 1:4],
    "sequences apart": lambda: normal(3, 8, 3)[:, ::2],
    "one row for all": lambda: normal(1, 1, 3).expand(3, 4, 3),
    "one step for all": lambda: normal(1, 4, 3).expand(3, 4, 3),
    "one sequence for all": lambda: normal(3, 1, 3).expand(3, 4, 3),
    "one unit for all": lambda: normal(3, 4, 1).expand(3, 4, 3),
    "backwards": lambda: normal(3, 4, 3).flip(0),
    "of another tensor's end": lambda: normal(100)[-36:].view(3, 4, 3),
    "overlapping": lambda: normal(40).as_strided((3, 4, 3), (4, 2, 1)),
}


@either_engine
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("layout", INPUTS)
def test_inputs_of_any_layout(layout, batch_first, engine):
    def run(engine):
        module = made("gru", engine, batch_first=batch_first)
        leaf = INPUTS[layout]()
        x = leaf.requires_grad_()
        outputs, _ = module(x, lengths=[2, 1, 3] if batch_first else [2, 3, 1, 3])
        return outputs, torch.autograd.grad(outputs.sin().sum(), [x, *module.parameters()])

    assert_near(run(engine), run("torch"), EQUAL)


@pytest.mark.parametrize("columns", [1, 3])
def test_weights_and_states_of_any_layout(columns):
    def run(engine):
        module = made("lstm", engine, input_size=columns)
        weights = {}
        for name, w in module.named_parameters():
            apart = torch.stack([w.detach()] * 2, -1)[..., 1]  # numbers lie two apart
            weights[name] = apart.t().contiguous().t() if w.dim() == 2 else apart
            weights[name].requires_grad_()
        hx = [normal(1, 5, 4).transpose(1, 2), normal(1, 4, 10)[..., ::2]]
        hx = [s.requires_grad_() for s in hx]
        x = normal(3, 4, columns)
        outputs, ends = torch.func.functional_call(module, weights, (x, hx))
        loss = outputs.sin().sum() + sum(e.cos().sum() for e in ends)
        return outputs, torch.autograd.grad(loss, [*hx, *weights.values()])

    assert_near(run("native"), run("torch"), EQUAL)


@pytest.mark.parametrize(
    "wanted",
    [
        ["x"],
        ["h"],
        ["c"],
        ["weight_ih_l0"],
        ["weight_hh_l0_reverse"],
        ["bias_hh_l0"],
        ["x", "bias_ih_l0_reverse"],
        ["c", "weight_ih_l0", "weight_hh_l0"],
    ],
    ids="+".join,
)
@pytest.mark.parametrize("of", ["outputs", "h", "c"])
def test_only_some_gradients_of_only_some_results(wanted, of):
    def run(engine):
        module, x = made("peephole_lstm", engine, bidirectional=True), batch()
        leaves = dict(zip("hc", first_states(module, 4), strict=True)) | {"x": x}
        leaves |= dict(module.requires_grad_(False).named_parameters())
        for name in wanted:
            leaves[name].requires_grad_()
        outputs, (h, c) = module(x, (leaves["h"], leaves["c"]), lengths=[2, 1, 3, 3])
        result = {"outputs": outputs, "h": h, "c": c}[of]
        return torch.autograd.grad(
            result.sin().sum(),
            [leaves[name] for name in wanted],
            allow_unused=True,
            materialize_grads=True,
        )

    assert_near(run("native"), run("torch"), EQUAL)


def test_what_needs_no_gradient_has_no_graph():
    module = made().requires_grad_(False)
    outputs, (h, c) = module(batch())
    assert [t.requires_grad for t in (outputs, h, c)] == [False] * 3
    with torch.inference_mode():
        assert_near(module(batch())[0].clone(), outputs, SAME)


# number types


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("options", [{}, {"recurrent_dropout": 0.3, "dropout": 0.2}], ids=str)
def test_training_under_autocast(kind, options):
    def train(autocast):
        torch.manual_seed(0)
        module = getattr(nn, kind)(8, 16, 2, bidirectional=True, **options).train(not options)
        model = torch.nn.ModuleDict(
            {"into": torch.nn.Linear(3, 8), "rnn": module, "out": torch.nn.Linear(32, 2)}
        )
        if options:
            module.train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        losses = []
        for step in range(3):
            torch.manual_seed(step)
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                y, _ = model["rnn"](model["into"](batch(step).float()), lengths=[2, 1, 3, 3])
                loss = model["out"](y).float().square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return [*losses, *(w.detach() for w in model.parameters())]

    found, expected = train(True), train(False)
    assert all(t.isfinite().all() and t.dtype == torch.float32 for t in found)
    assert_near(found, expected, BFLOAT16)


# the smallest and the unsorted


@every_cell
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1)], ids=str)
def test_one_of_everything(name, shape):
    def run(engine):
        torch.manual_seed(0)
        projected = "R" in Recurrent(**sizes(name)).cell.graph.sizes.values()
        module = Recurrent(name, 1, 1 + projected, proj_size=1 * projected, bidirectional=True,
                           engine=engine, dtype=torch.float64)  # fmt: skip
        x, hx = normal(*shape, 1).requires_grad_(), first_states(module, shape[1])
        outputs, ends = module(x, hx if len(hx) > 1 else hx[0])
        ends = ends if isinstance(ends, tuple) else (ends,)
        loss = outputs.sin().sum() + sum(e.cos().sum() for e in ends)
        return outputs, ends, torch.autograd.grad(loss, [x, *module.parameters()])

    assert_near(run("native"), run("torch"), EQUAL)


@pytest.mark.parametrize(
    "lengths", [[1, 5, 3, 5], [5, 5, 3, 1], [1, 1, 1, 5], [1, 1, 1, 1], [5, 5, 5, 5]], ids=str
)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_lengths_in_any_order(lengths, packed, batch_first):
    def run(engine):
        module = made("lstm", engine, num_layers=2, bidirectional=True, batch_first=batch_first)
        x = (normal(4, 6, 3) if batch_first else normal(6, 4, 3)).requires_grad_()
        hx = [s.requires_grad_() for s in first_states(module, 4)]
        if packed:
            given = torch.nn.utils.rnn.pack_padded_sequence(
                x, torch.tensor(lengths), batch_first, False
            )
            outputs, ends = module(given, hx)
            outputs = outputs.data
        else:
            outputs, ends = module(x, hx, lengths=lengths)
        loss = (outputs * normal(*outputs.shape)).sum() + sum(e.cos().sum() for e in ends)
        return outputs, ends, torch.autograd.grad(loss, [x, *hx, *module.parameters()])

    assert_near(run("native"), run("torch"), EQUAL)


def test_what_flows_back_into_padding_goes_nowhere():
    module, x = made(bidirectional=True), batch().requires_grad_()
    lengths = [2, 1, 3, 3]
    outputs, _ = module(x, lengths=lengths)
    clean = normal(*outputs.shape)
    foul = clean.clone()
    for b, n in enumerate(lengths):
        foul[n:, b] = torch.nan
    leaves = [x, *module.parameters()]
    found, expected = (
        torch.autograd.grad(outputs, leaves, d, retain_graph=True) for d in (foul, clean)
    )
    assert_near(found, expected, SAME)
