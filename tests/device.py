"""A device that is made up: its numbers lie in the CPU's memory, but nothing else may touch them.

Tensors of it say that they are on `meta`. As on a GPU, an operation that meets numbers of two
devices is an error, other than one that copies from one to the other; results are those of the
CPU, and are there to be compared.
"""

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")
aten = torch.ops.aten
COPIES = {aten._to_copy, aten.copy_}


class There(torch.Tensor):
    """A tensor of the device; `here` holds its numbers."""

    @staticmethod
    def __new__(cls, here):
        made = torch.Tensor._make_wrapper_subclass(
            cls, here.shape, here.stride(), here.storage_offset(), dtype=here.dtype, device=DEVICE
        )
        made.here = here
        return made

    def tolist(self):
        return self.here.tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f"{func} outside of the device's time")


class Device(TorchDispatchMode):
    """Runs operations on the device's tensors, and counts what is made elsewhere.

    Attributes:
        elsewhere: operations that made numbers with a point on the CPU.
    """

    def __init__(self):
        super().__init__()
        self.elsewhere = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        read = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        there = any(isinstance(t, There) for t in read)
        strangers = [t for t in read if not isinstance(t, There) and t.dim()]
        if there and func.overloadpacket not in COPIES:
            assert not strangers, f"{func} reads numbers of two devices"
        device = kwargs.get("device")
        if device is not None:
            there = torch.device(device) == DEVICE
            kwargs["device"] = "cpu"
        of = {id(t.here): t for t in read if isinstance(t, There)}
        args, kwargs = tree_map(lambda t: t.here if isinstance(t, There) else t, (args, kwargs))
        result = func(*args, **kwargs)
        if func.overloadpacket is aten.copy_:
            there = id(args[0]) in of
        if not there:
            made = [t for t in tree_leaves(result) if isinstance(t, torch.Tensor)]
            if any(t.is_floating_point() for t in made):
                self.elsewhere.append(str(func))
            return result

        def moved(t):
            if not isinstance(t, torch.Tensor):
                return t
            return of[id(t)] if id(t) in of else There(t)

        return tree_map(moved, result)


def to_device(value):
    """A module, or tensors in lists, tuples and dicts, on the device."""
    if isinstance(value, nn.Module):
        for part in value.modules():
            for name, p in part._parameters.items():
                if p is not None:
                    part._parameters[name] = nn.Parameter(There(p.detach().clone()))
            for name, b in part._buffers.items():
                part._buffers[name] = There(b)
        return value
    return tree_map(lambda t: There(t) if isinstance(t, torch.Tensor) else t, value)


def from_device(value):
    return tree_map(lambda t: t.here if isinstance(t, There) else t, value)
