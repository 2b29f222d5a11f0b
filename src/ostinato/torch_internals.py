"""All that Ostinato uses of PyTorch beyond its documented interface.

Each function here stands on names or on behaviour that PyTorch may change without notice.
`tests/test_torch_internals.py` holds every one of them, and says what breaks with it.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode


def transformed() -> bool:
    """Whether PyTorch looks into what is computed: forward mode, functional transforms, tracing."""
    return (
        forward_ad._current_level >= 0
        or torch._C._are_functorch_transforms_active()
        or torch._C._is_tracing()
        or torch._C._len_torch_dispatch_stack() > 0
    )


def addressed(t: Tensor) -> bool:
    """Whether the numbers of a tensor lie in this process's memory, as an ordinary tensor's do.

    Those of a subclass with operations of its own may lie anywhere.
    """
    ordinary = type(t).__torch_dispatch__ is Tensor.__torch_dispatch__
    return ordinary and t.is_cpu and t.layout is torch.strided


def has_address(t: Tensor) -> bool:
    """Whether a gradient is numbers in memory; a batch of gradients under vmap is not."""
    try:
        return t.data_ptr() >= 0
    except RuntimeError:
        return False


def version(t: Tensor) -> int:
    """How often PyTorch has seen a tensor being written into."""
    return t._version


def has_hooks(t: Tensor) -> bool:
    """Whether someone has asked to be called with a tensor's gradient."""
    return bool(t._backward_hooks)


def visits_every_node() -> bool:
    """Whether the backward pass that runs now goes to every node, as `Tensor.backward` does.

    `torch.autograd.grad` goes only to the nodes on the way to what it was asked for. A node that
    belongs to no graph of the caller is not among them. No is always a safe answer.
    """
    with torch.enable_grad():
        stranger = torch.ones((), requires_grad=True).expand(1).grad_fn
    return bool(torch._C._will_engine_execute_node(stranger))  # type: ignore[arg-type]


def with_data(sequence: PackedSequence, data: Tensor) -> PackedSequence:
    """A packed sequence of the same lengths and order, with other numbers."""
    return sequence._replace(data=data)


def parallel_region() -> Callable[[int, int, int, int], None] | None:
    """`GOMP_parallel(function, data, threads, flags)` of the OpenMP library PyTorch has loaded.

    None where PyTorch comes with another library than GNU's.
    """
    for file in (Path(torch.__file__).parent / "lib").glob("libgomp*.so*"):
        with contextlib.suppress(OSError, AttributeError):
            start = ctypes.CDLL(str(file)).GOMP_parallel
            start.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
            start.restype = None
            return start
    return None


def one_dnn_linear() -> Callable[[Tensor, Tensor], Tensor] | None:
    """A linear map by oneDNN, of tensors in its layout; None where PyTorch is built without it.

    PyTorch has no public name for it that does not warn.
    """
    linear: Callable[[Tensor, Tensor], Tensor] | None
    linear = getattr(torch._C._nn, "mkldnn_linear", None)
    return linear


class Undrawn(TorchFunctionMode):
    """Leaves weights as they are where random ones would be drawn.

    On the meta device drawing changes nothing, but imports the compiler of PyTorch: a second.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if function in _DRAWS:
            return args[0] if args else (kwargs or {})["tensor"]
        return function(*args, **kwargs or {})


_DRAWS: tuple[Any, ...] = (Tensor.normal_, Tensor.uniform_, nn.init.normal_, nn.init.uniform_)
