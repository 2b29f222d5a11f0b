"""All that training allocates is on the model's device: here one without memory, `meta`."""

import sys

import pytest
import torch
from line import Stop
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ostinato.train import Judge, ProgressHook, Run, Training, fit, random_state


class Elsewhere(TorchDispatchMode):
    """Makes `meta` a device that can be read, and notes what is made anew on the CPU."""

    def __init__(self):
        super().__init__()
        self.made, self.seen = [], set()

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, op.name()
        given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        self.seen.add(name)
        if name == "aten::_local_scalar_dense":
            return 1.0
        if name == "aten::_to_copy" and str(kwargs.get("device")) == "cpu":
            return torch.ones(given[0].shape, dtype=given[0].dtype)
        if name == "aten::_fused_adamw_":
            assert {t.device.type for t in given} == {"meta"}
            return None
        found = op(*args, **kwargs)
        new = [t for t in tree_leaves(found) if isinstance(t, torch.Tensor) and not t.is_meta]
        self.made += [name for _ in new if not given]
        return found


class Far:
    """A line with dropout on `meta`, and a state that is carried from batch to batch."""

    judged_by = Judge("score", "score")

    def __init__(self):
        self.model = nn.Sequential(nn.Linear(3, 1, device="meta"), nn.Dropout(0.1))
        self.state = ()

    def batches(self, epoch):
        return [torch.zeros(5, 3, device="meta")] * 2

    def loss(self, batch):
        for carried in self.state:
            assert carried.is_meta
        self.state = (batch.sum(0),)
        return self.model(batch).square().mean(), 5, 5

    def validate(self):
        assert all(weight.is_meta for weight in self.model.parameters())
        return {"score": 1.0}


@pytest.mark.filterwarnings("ignore:for .*copying from a non-meta parameter:UserWarning")
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_everything_is_made_on_the_device_of_the_model(tmp_path, monkeypatch, stop):
    module = sys.modules["torch.optim.adam"]
    monkeypatch.setattr(module, "_device_dtype_check_for_fused", lambda weight: None)
    settings = Training(epochs=2, average=0.9, accumulate=2, find_lr=True, checkpoint=0)
    run, calls = Run.create(tmp_path / "run"), []

    def show(progress):
        calls.append(progress)
        if len(calls) == stop:
            raise Stop

    with Elsewhere() as device:
        with pytest.raises(Stop):
            fit(Far(), settings, run, [ProgressHook(show)])
        fit(Far(), settings, run, resume=True)
    assert "aten::_fused_adamw_" in device.seen
    assert device.made == []


def test_the_random_state_of_cuda_is_kept_too(monkeypatch):
    states = {}
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: torch.full((16,), 7).byte())
    monkeypatch.setattr(
        torch.cuda, "set_rng_state", lambda new, device: states.update({device: new})
    )
    cuda, before = torch.device("cuda:1"), torch.get_rng_state()
    saved = random_state.saved(cuda)
    torch.rand(3)
    random_state.restore(saved, cuda)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(states.pop(cuda), saved["random.cuda"])
    random_state.restore(random_state.saved(torch.device("cpu")), cuda)  # of a run on a CPU
    random_state.restore(saved, torch.device("cpu"))
    assert not states
