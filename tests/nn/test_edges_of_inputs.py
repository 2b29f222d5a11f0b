"""Empty batches, numbers of other types, autocast, too many rows: as torch.nn has it."""

import itertools

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from every import EVERY, assert_near, short, sizes
from ostinato import cells, nn
from ostinato.levels import native
from ostinato.levels.native.runtime import rows
from ostinato.nn import Recurrent
from ostinato.tasks.base.stack import StackSettings
from results import normal
from tolerances import BFLOAT16, SAME

KINDS = {
    "RNN": {}, "LSTM": {}, "GRU": {}, "projected": {"proj_size": 2},
}  # fmt: skip
every_kind = pytest.mark.parametrize("kind", KINDS)
engines = pytest.mark.parametrize("engine", ["auto", "torch", "aten"])
PROJECTION = "ignore:LSTM with projections is not supported with oneDNN"
pytestmark = pytest.mark.filterwarnings(PROJECTION)


def pair(kind, engine="auto", **options):
    """Ours and theirs with the same weights."""
    name = "LSTM" if kind == "projected" else kind
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(3, 5, **options, **KINDS[kind])
    ours = getattr(nn, name)(3, 5, **options, **KINDS[kind], engine=engine)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def states(module, batch, dtype=torch.float32):
    """First states for one of torch.nn's layers, or ours."""
    count = module.num_layers * (1 + module.bidirectional)
    units = [module.proj_size or module.hidden_size, module.hidden_size]
    several = "LSTM" in type(module).__name__
    made = [
        torch.ones(count, batch, n, dtype=dtype).requires_grad_()
        for n in units[: 1 + several]
    ]  # fmt: skip
    return made if several else made[0]


def flat(results):
    outputs, ends = results
    outputs = outputs.data if isinstance(outputs, PackedSequence) else outputs
    return [outputs, *(ends if isinstance(ends, tuple) else (ends,))]


@every_kind
@engines
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("form", ["dense", "packed", "lengths"])
def test_no_sequences_give_an_empty_result(kind, engine, batch_first, given, form):
    for layers, both in itertools.product((1, 2), (False, True)):
        options = {"num_layers": layers, "bidirectional": both, "batch_first": batch_first}
        found = []
        for module in pair(kind, engine, **options):
            x = torch.zeros((0, 4, 3) if batch_first else (4, 0, 3), requires_grad=True)
            leaf = x
            more = {"hx": states(module, 0)} if given else {}
            if form == "packed":
                leaf = torch.zeros(0, 3, requires_grad=True)
                x = PackedSequence(leaf, torch.tensor([0]))
            elif form == "lengths" and isinstance(module, Recurrent):
                more["lengths"] = []
            results = flat(module(x, **more))
            hx = more.get("hx", [])
            leaves = [leaf, *module.parameters(), *([hx] if isinstance(hx, torch.Tensor) else hx)]
            gradients = torch.autograd.grad(
                sum(r.sum() for r in results), leaves, allow_unused=True, materialize_grads=True
            )
            found.append([*results, *gradients])
        for ours, theirs in zip(*found, strict=True):
            assert ours.shape == theirs.shape
            assert ours.dtype == theirs.dtype
            assert torch.equal(ours, theirs)  # gradients of weights are 0


@pytest.mark.parametrize("name", EVERY, ids=short)
def test_every_cell_gives_an_empty_result(name):
    module = Recurrent(**sizes(name), num_layers=2, bidirectional=True, zoneout=0.1, dropout=0.1)
    outputs, ends = module(torch.zeros(4, 0, 3))
    assert outputs.shape == (4, 0, 2 * module.output_size)
    assert all(s.shape[:2] == (4, 0) for s in (ends if isinstance(ends, tuple) else (ends,)))
    outputs.sum().backward()
    assert all(not w.grad.any() for w in module.parameters())


@every_kind
@engines
@pytest.mark.parametrize("shape", [(0, 2, 3), (0, 0, 3), (0, 3)], ids=str)
def test_no_steps_are_refused(kind, engine, shape):
    ours, theirs = pair(kind, engine)
    with pytest.raises(RuntimeError, match="length to be larger than 0"):
        theirs(torch.zeros(shape))
    with pytest.raises(ValueError, match="sequences of 0 steps; there is nothing to read"):
        ours(torch.zeros(shape))


@every_kind
def test_packed_sequences_without_steps_or_with_steps_of_nobody(kind):
    ours, theirs = pair(kind)
    with pytest.raises(
        ValueError, match="the PackedSequence has no steps; there is nothing to read"
    ):
        ours(PackedSequence(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)))
    packed = PackedSequence(torch.ones(3, 3), torch.tensor([2, 1, 0, 0]))
    found, expected = ours(packed), theirs(packed)
    assert_near(flat(found), flat(expected), 1e-6)
    assert torch.equal(found[0].batch_sizes, expected[0].batch_sizes)


OTHERS = [torch.int64, torch.int8, torch.bool, torch.float64, torch.float16, torch.bfloat16,
          torch.complex64]  # fmt: skip


@every_kind
@engines
@pytest.mark.parametrize("dtype", OTHERS, ids=str)
def test_numbers_of_another_type_are_refused(kind, engine, dtype):
    ours, theirs = pair(kind, engine)
    x = torch.zeros(4, 2, 3)
    packed = pack_sequence([torch.zeros(3, 3, dtype=dtype), torch.zeros(1, 3, dtype=dtype)])
    for given in (x.to(dtype), packed):
        with pytest.raises((ValueError, RuntimeError)):
            theirs(given)
        with pytest.raises(ValueError, match=r"convert it with \.to\(torch\.float32\)") as raised:
            ours(given)
        assert f"the input is {dtype}, the weights are torch.float32" in str(raised.value)
        assert "\n" not in str(raised.value)
    hx = torch.zeros(1, 2, 5, dtype=dtype)
    hx = hx if kind in ("RNN", "GRU") else (hx[..., : ours.output_size], hx)
    with pytest.raises(RuntimeError):
        theirs(x, hx)
    with pytest.raises(ValueError, match=rf"the first state h is {dtype}, the weights are"):
        ours(x, hx)


@every_kind
@pytest.mark.parametrize("form", ["dense", "packed"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("given", [None, torch.float32, torch.bfloat16], ids=str)
@engines
def test_autocast_gives_the_types_of_torch(kind, form, dtype, given, engine):
    ours, theirs = pair(kind, engine, num_layers=2, bidirectional=True)

    def run(module, narrow):
        x = normal(6, 3, 3).bfloat16().to(dtype if narrow else torch.float32)
        if form == "packed":
            x = pack_sequence([x[:6, 0], x[:4, 1], x[:1, 2]])
        hx = None if given is None else states(module, 3, given if narrow else torch.float32)
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            results = flat(module(x, hx))
            loss = sum(r.float().square().sum() for r in results)
        return [*results, *torch.autograd.grad(loss, list(module.parameters()))]

    def worst(found):
        pairs = zip(found, exact, strict=True)
        return max(float(((a - b).abs().max() / b.abs().max()).detach()) for a, b in pairs)

    found, expected, exact = run(ours, True), run(theirs, True), run(theirs, False)
    assert [t.dtype for t in found] == [t.dtype for t in expected]
    assert worst(found) <= worst(expected) + BFLOAT16


@every_kind
def test_autocast_rounds_results_once_and_no_more(kind):
    if not native.supports(nn.GRU(3, 5).cell):
        pytest.skip("no native code here")
    ours, _ = pair(kind)
    x = normal(6, 3, 3).float()
    expected = flat(ours(x))
    with torch.autocast("cpu", torch.bfloat16):
        found = flat(ours(x))
    for one, other in zip(found, expected, strict=True):
        assert_near(one.float(), other.to(one.dtype).float(), SAME)


@every_kind
def test_float64_stays_under_autocast(kind):
    ours, theirs = (m.double() for m in pair(kind))
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = flat(ours(normal(4, 2, 3))), flat(theirs(normal(4, 2, 3)))
        with pytest.raises(ValueError, match=r"the input is torch\.float32, the weights are"):
            ours(normal(4, 2, 3).float())
    assert_near(found, expected, 1e-12)
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(ValueError, match=r"float64, the w"):
        ours.float()(normal(4, 2, 3))


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_dropout_without_a_next_layer_warns(kind):
    for library in (torch.nn, nn):
        with pytest.warns(UserWarning, match=r"dropout=0\.5.*num_layers=1"):
            getattr(library, kind)(3, 5, dropout=0.5)
    getattr(nn, kind)(3, 5, 2, dropout=0.5)
    with pytest.warns(UserWarning, match="has no effect with num_layers=1"):
        Recurrent("indrnn", 3, 5, dropout=0.1)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_task_with_dropout_warns_of_nothing(layers):
    made = StackSettings(dropout=0.5, layers=layers).recurrent(cells.find("lstm"))
    assert made.dropout == (0.5 if layers > 1 else 0)


@pytest.mark.parametrize(
    ("shape", "lengths"),
    [((2**16, 2**15, 3), None), ((2, 2**30, 3), None), ((2**31, 1, 3), None), ((2**31, 3), None),
     ((2**16, 2**16, 3), [1] * 2)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("batch_first", [False, True])
def test_more_rows_than_32_bits_can_number_are_refused(shape, lengths, batch_first):
    x = torch.zeros(1).expand(shape)  # of one number in memory
    module = Recurrent("gru", 3, 5, engine="native", batch_first=batch_first)
    rows = x.shape[:-1].numel()
    with pytest.raises(ValueError, match=rf"at most 2,147,483,647 rows .*, not {rows:,}"):
        module(x, lengths=lengths)
    with pytest.raises(ValueError, match="use smaller batches, or engine='torch'"):
        nn.LSTM(3, 5)(x)


def test_more_rows_of_a_packed_sequence_and_of_an_order_are_refused():
    packed = PackedSequence(torch.zeros(1).expand(2**31, 3), torch.tensor([2**31]))
    with pytest.raises(ValueError, match="not 2,147,483,648: use smaller batches"):
        nn.GRU(3, 5)(packed)
    with pytest.raises(ValueError, match="not 2,147,483,648: use smaller batches"):
        rows.Order.of([2**30])  # and as many first states
    with pytest.raises(ValueError, match="not 2,147,483,648: use smaller batches"):
        native.scan(nn.GRU(3, 5).cell)(torch.zeros(1).expand(2**31, 3), [2**31], [], None)
