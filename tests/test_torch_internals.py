"""A canary for each thing in PyTorch that Ostinato uses beyond its documented interface.

Where one fails after an update of PyTorch, its docstring says what no longer works.
"""

import ctypes
import inspect
import re
from pathlib import Path

import pytest
import torch
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.utils.rnn import pack_sequence
from torch.testing._internal.two_tensor import TwoTensor

import ostinato
from ostinato import torch_internals as internals


def during(run):
    """What `transformed` says while a function runs."""
    found = []
    run(lambda t: found.append(internals.transformed()) or t * 2)
    return found


def test_forward_mode_is_seen():
    """Else native code gives wrong tangents without an error: `forward_ad._current_level`."""
    assert not internals.transformed()
    with forward_ad.dual_level():
        assert internals.transformed()
    assert not internals.transformed()


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: torch.func.vmap(f)(torch.ones(2, 2)),
        lambda f: torch.func.grad(lambda t: f(t).sum())(torch.ones(2)),
        lambda f: torch.func.functionalize(f)(torch.ones(2)),
    ],
    ids=["vmap", "grad", "functionalize"],
)
def test_functional_transformations_are_seen(transform):
    """Else native code reads wrappers: `torch._C._are_functorch_transforms_active`."""
    assert during(transform) == [True]
    assert not internals.transformed()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tracing_is_seen():
    """Else native code is no part of a trace, which then is wrong: `torch._C._is_tracing`."""
    assert all(during(lambda f: torch.jit.trace(f, torch.ones(2), check_trace=False)))


def test_modes_are_seen():
    """Else native code runs on tensors without memory: `torch._C._len_torch_dispatch_stack`."""
    assert during(lambda f: make_fx(f)(torch.ones(2))) == [True]
    assert not internals.transformed()


def test_ordinary_tensors_have_an_address_and_others_have_not():
    """Else native code reads or refuses the wrong memory: `Tensor.__torch_dispatch__`."""
    plain = torch.ones(2, 2)
    for t in (plain, torch.nn.Parameter(plain), plain.int(), plain.T, plain[:0]):
        assert internals.addressed(t)
    for t in (TwoTensor(plain, plain), plain.to("meta"), plain.to_sparse()):
        assert not internals.addressed(t)


def test_a_batch_of_gradients_has_no_address():
    """Else native code reads one gradient for all under `is_grads_batched`: `Tensor.data_ptr`."""
    assert internals.has_address(torch.ones(2))
    found = []
    torch.func.vmap(lambda t: found.append(internals.has_address(t)) or t)(torch.ones(2, 2))
    assert found == [False]


def test_changes_of_a_tensor_are_counted():
    """Else an embedding's result that was edited counts as its table's rows: `Tensor._version`."""
    t = torch.ones(2)
    assert internals.version(t) == 0
    t.add_(1)
    assert internals.version(t) == 1


def test_hooks_on_a_tensor_are_seen():
    """Else the hook on an embedding's result is not called: `Tensor._backward_hooks`."""
    t = torch.ones(2, requires_grad=True) * 1
    assert not internals.has_hooks(t)
    handle = t.register_hook(lambda d: d)
    assert internals.has_hooks(t)
    handle.remove()
    assert not internals.has_hooks(t)


ASKED = []


class Asking(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, d):
        ASKED.append(internals.visits_every_node())
        return d


def test_a_backward_pass_to_some_nodes_is_not_taken_for_one_to_all():
    """Else gradients of an embedding's result are missing: `_C._will_engine_execute_node`."""
    ASKED.clear()
    x = torch.ones(2, requires_grad=True)
    torch.autograd.grad(Asking.apply(x).sum(), x)
    Asking.apply(x).sum().backward(inputs=[x])
    assert ASKED == [False, False]


def test_a_packed_sequence_takes_other_numbers():
    """Else a stack gives no packed result: `PackedSequence._replace`."""
    packed = pack_sequence([torch.ones(2, 3), torch.ones(4, 3)], enforce_sorted=False)
    other = internals.with_data(packed, torch.zeros(6, 5))
    assert other.data.shape == (6, 5)
    for name in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        assert torch.equal(getattr(other, name), getattr(packed, name))


def test_threads_of_pytorchs_own_library_are_started():
    """Else native code has threads of its own, which fight PyTorch's for cores: `GOMP_parallel`."""
    start = internals.parallel_region()
    if start is None:
        pytest.skip("PyTorch comes without GNU's OpenMP here")
    calls = []
    task = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(calls.append)
    start(ctypes.cast(task, ctypes.c_void_p).value, 7, 1, 0)
    assert calls == [7]


def test_a_linear_map_by_one_dnn():
    """Else `bench` gives no peak of oneDNN's: `torch._C._nn.mkldnn_linear`."""
    linear = internals.one_dnn_linear()
    if linear is None or not torch.backends.mkldnn.is_available():
        pytest.skip("PyTorch is built without oneDNN here")
    a, b = torch.randn(4, 8), torch.randn(6, 8)
    with torch.no_grad():
        found = linear(a.to_mkldnn(), b.to_mkldnn()).to_dense()
    torch.testing.assert_close(found, a @ b.T)


PRIVATE = re.compile(
    r"torch\._(?!_version__)|forward_ad\.|\._(version|backward_hooks|replace\(data|grad_fn|base)\b"
    r"|__torch_(dispatch|function)__|libgomp|_functorch|_subclasses"
)


def test_no_other_file_reaches_into_pytorch():
    root, own = Path(ostinato.__file__).parent, Path(inspect.getfile(internals))
    found = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in sorted(root.rglob("*.py"))
        if path != own
        for line in path.read_text(encoding="utf-8").splitlines()
        if PRIVATE.search(line)
    ]
    assert found == []


def test_weights_that_are_not_drawn_have_their_shapes():
    """Else a network of meta tensors is slow to make: its first draw imports PyTorch's compiler."""
    with torch.device("meta"), internals.Undrawn():
        layer = torch.nn.Linear(3, 2)
        torch.nn.init.normal_(tensor=layer.weight)
    assert (layer.weight.shape, layer.weight.device.type) == ((2, 3), "meta")
