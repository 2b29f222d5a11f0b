"""However many threads work, whoever calls, before and after a fork: the same bits.

Each test is a process of its own, so that what hangs there fails here.
"""

import itertools
import multiprocessing
import threading
import warnings

import numpy as np
import pytest
import torch
from process import alone

from every import EVERY, sizes
from ostinato.levels.native.runtime import call, layer, stock, stream, target
from ostinato.nn import LSTM, Recurrent

pytestmark = pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))
STEPS, SEQUENCES = 12, 40
RAGGED = [1 + (7 * b) % STEPS for b in range(SEQUENCES)]  # of both shortest and longest
WAYS = {
    "dense": ({}, None),
    "ragged": ({"batch_first": True}, RAGGED),
    "both ways": ({"bidirectional": True, "zoneout": 0.3}, RAGGED),
}


FOUR = {"OMP_NUM_THREADS": "4", "OMP_WAIT_POLICY": "passive"}
"""Threads that may be more than the machine has cores: then they had better not spin."""


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def made(name: str = "lstm", input_size: int = 128, hidden_size: int = 64, **options) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(**sizes(name, input_size, hidden_size), engine="native", **options)


def everything(module: Recurrent, x: torch.Tensor, lengths: list | None = None) -> list:
    """Outputs, last states, gradients, and outputs without gradients; noise starts anew."""
    torch.manual_seed(0)
    x = x.detach().requires_grad_()
    outputs, states = module(x, lengths=lengths)
    states = states if isinstance(states, tuple) else (states,)
    flow = [normal(*t.shape, seed=k + 1) for k, t in enumerate((outputs, *states))]
    found = torch.autograd.grad((outputs, *states), [x, *module.parameters()], flow)
    with torch.no_grad():
        plain, _ = module(x, lengths=lengths)
    return [outputs.detach(), *(s.detach() for s in states), *found, plain]


def same(found: list, expected: list) -> bool:
    """By NumPy, as PyTorch's own threads do not live through a fork."""
    pairs = zip(found, expected, strict=True)
    return all(np.array_equal(one.numpy(), other.numpy()) for one, other in pairs)


def threads_and_slices(names: list[str], size: int) -> None:
    """Cells on 1 … 4 threads, which are all seen at work."""
    seen = []
    run = layer.pool.run

    def spied(work, stages, threads):
        seen.append((threads, max(map(len, stages))))
        run(work, stages, threads)

    layer.pool.run = spied
    for name, (way, (options, lengths)) in itertools.product(names, WAYS.items()):
        module = made(name, size, size // 2, **options)
        x = normal(STEPS, SEQUENCES, size)
        x = x.transpose(0, 1) if module.batch_first else x
        torch.set_num_threads(1)
        expected = everything(module, x, lengths)
        for threads in (2, 3, 4):
            torch.set_num_threads(threads)
            seen.clear()
            assert same(everything(module, x, lengths), expected), (name, way, threads)
            assert len(seen) == 3, "forward, backward, and forward without gradients"
            assert all(at_work == threads <= tasks for at_work, tasks in seen), (name, way, seen)
    print("same")


def test_the_number_of_threads_changes_no_bit():
    assert alone(threads_and_slices, ["lstm"], 128, **FOUR) == "same\n"


def threads_for_little_work() -> None:
    call.WORK = 1
    threads_and_slices(EVERY, 22)


@pytest.mark.slow
def test_the_number_of_threads_changes_no_bit_of_any_cell():
    assert alone(threads_for_little_work, **FOUR) == "same\n"


def small_slices() -> None:
    """Few sequences in many slices, of which some have nothing left to do."""
    call.ROWS = call.WORK = 1
    for batch, units in itertools.product((1, 2, 3, 9), (1, 33)):
        for options, lengths in WAYS.values():
            module = made("lstm", 3, units, recurrent_dropout=0.5, **options)
            given = lengths and [1 + n % 7 for n in lengths[:batch]]
            x = normal(*((batch, 7, 3) if module.batch_first else (7, batch, 3)))
            torch.set_num_threads(1)
            expected = everything(module, x, given)
            for threads in (2, 3, 4):
                torch.set_num_threads(threads)
                assert same(everything(module, x, given), expected), (batch, units, threads)
    print("same")


@pytest.mark.slow
def test_slices_as_thin_as_one_sequence():
    assert alone(small_slices, **FOUR) == "same\n"


def callers(threads: int) -> None:
    """Python's threads: four models, two of which two threads share."""
    torch.set_num_threads(threads)
    models = [made("lstm", 24, 32), made("gru", 24, 32), made("layer_norm_lstm", 24, 32),
              made("lstm", 24, 32, bidirectional=True)]  # fmt: skip
    jobs = [(models[k % 4], normal(30 + k, 16, 24, seed=k)) for k in range(6)]
    expected = [everything(*job) for job in jobs]
    wrong: list[int] = []
    start = threading.Barrier(len(jobs))

    def call(k: int) -> None:
        start.wait()
        for _ in range(8):
            try:
                if not same(everything(*jobs[k]), expected[k]):
                    wrong.append(k)
            except BaseException:
                wrong.append(-k)
                raise

    several = [threading.Thread(target=call, args=(k,)) for k in range(len(jobs))]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    print(wrong)


@pytest.mark.parametrize("threads", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_callers_on_several_threads_do_not_meet(threads):
    assert alone(callers, threads, seconds=60) == "[]\n"


def one_graph_twice() -> None:
    """Two threads go back through one graph at once, as autograd allows."""
    module, x = made("lstm", 32, 64), normal(60, 16, 32).requires_grad_()
    outputs, _ = module(x)
    flows = [normal(*outputs.shape, seed=k) for k in (1, 2)]

    def back(k: int) -> torch.Tensor:
        return torch.autograd.grad(outputs, x, flows[k], retain_graph=True)[0]

    expected = [back(0), back(1)]
    wrong = []

    def call(k: int) -> None:
        wrong.extend(k for _ in range(10) if not torch.equal(back(k), expected[k]))

    several = [threading.Thread(target=call, args=(k,)) for k in (0, 1)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    print(wrong)


@pytest.mark.slow
def test_two_threads_may_go_back_through_one_graph():
    assert alone(one_graph_twice, seconds=60) == "[]\n"


def fork_and(child, *args, seconds: float = 15) -> int | None:
    """The exit status of a forked child; None if it hangs."""
    process = multiprocessing.get_context("fork").Process(target=child, args=args)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks where threads are
        process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        return None
    return process.exitcode


def forks(train_before: bool) -> None:
    """What the parent computed with its threads, a forked child computes, with its own."""
    torch.set_num_threads(2)
    module, x = made(), normal(STEPS, SEQUENCES, 128)
    with torch.no_grad():
        expected, _ = module(x)
    if train_before:
        everything(module, x)

    def child() -> None:
        with torch.no_grad():
            assert same([module(x)[0]], [expected])
        if not train_before:  # PyTorch refuses a backward pass in a child of one who had one
            assert same(everything(module, x)[:1], [expected])

    print([fork_and(child) for _ in range(3)], flush=True)
    with torch.no_grad():
        assert same([module(x)[0]], [expected])


@pytest.mark.parametrize("train_before", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_forked_child_computes_what_its_parent_does(train_before):
    assert alone(forks, train_before) == "[0, 0, 0]\n"


def fork_in_the_middle() -> None:
    """The parent forks while another thread of it takes a context: the child has that moment."""
    module, x = made("lstm", 3, 5), normal(4, 2, 3)
    with torch.no_grad():
        expected, _ = module(x)
    inside, over = threading.Event(), threading.Event()

    def hold() -> None:
        with stock.idle.lock:
            inside.set()
            over.wait()

    def child() -> None:
        with torch.no_grad():
            assert same([module(x)[0]], [expected])

    if hasattr(stock.idle, "lock"):
        holder = threading.Thread(target=hold)
        holder.start()
        inside.wait()
    print(fork_and(child, seconds=10), flush=True)
    over.set()


@pytest.mark.slow
def test_a_fork_while_another_thread_takes_a_context():
    assert alone(fork_in_the_middle, seconds=60) == "0\n"


def steps(stream, x: torch.Tensor) -> np.ndarray:
    return np.stack([stream.step(row) for row in x.numpy()])


def streams_of_threads() -> None:
    """Threads share the steps of a cell whose units need nothing of each other."""
    stream.SHARED = 1
    shared = []
    for name in EVERY:
        options = {"proj_size": 33} if name == "projected_lstm" else {}
        module, x = Recurrent(name, 20, 70, 2, **options), normal(9, 20)
        torch.set_num_threads(1)
        expected = {kind: steps(module.stream(kind), x) for kind in stream.WEIGHTS}
        for threads in (2, 3, 4, 6):  # 5 panels of 16 units: for the sixth nothing is left
            torch.set_num_threads(threads)
            for kind, right in expected.items():
                assert np.array_equal(steps(module.stream(kind), x), right), (name, threads, kind)
        if any(c.memory.by_units for c in module.stream()._contexts):
            shared.append(name)
    print(*shared)


@pytest.mark.slow
def test_threads_that_share_the_steps_of_a_stream_change_no_bit():
    names = alone(streams_of_threads, **FOUR | {"OMP_NUM_THREADS": "6"}).split()
    assert {"lstm", "gru", "rnn"} <= set(names)
    assert not {"layer_norm_lstm", "cho_gru", "projected_lstm"} & set(names)


def stream_over_forks() -> None:
    stream.SHARED = 1
    torch.set_num_threads(2)
    module, x = Recurrent("lstm", 20, 70), normal(9, 20)
    ours = module.stream()
    expected = steps(ours, x)
    ours.reset()
    steps(ours, x[:4])

    def child() -> None:
        assert np.array_equal(steps(ours, x[4:]), expected[4:])
        assert np.array_equal(steps(module.stream(), x), expected)

    print([fork_and(child) for _ in range(3)], flush=True)
    assert np.array_equal(steps(ours, x[4:]), expected[4:])


@pytest.mark.slow
def test_a_stream_goes_on_in_a_forked_child():
    assert alone(stream_over_forks) == "[0, 0, 0]\n"


class Sentences(torch.utils.data.Dataset):
    """Items that a model makes."""

    def __init__(self) -> None:
        self.module = LSTM(16, 32, engine="native").eval()
        self.x = normal(8, 20, 16)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, k: int) -> torch.Tensor:
        with torch.no_grad():
            return self.module(self.x[k])[0]


def loader() -> None:
    torch.set_num_threads(2)
    everything(made(), normal(STEPS, SEQUENCES, 128))
    data = Sentences()
    expected = torch.stack([data[k] for k in range(len(data))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks where threads are
        batches = torch.utils.data.DataLoader(
            data, 2, num_workers=2, timeout=30, multiprocessing_context="fork"
        )
        print(torch.equal(torch.cat(list(batches)), expected))


@pytest.mark.slow
def test_workers_of_a_loader_run_native_modules():
    assert alone(loader, seconds=60) == "True\n"
