"""A trained model of a task: inputs → batch → network → predictions, and its run folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
import torch

from ostinato.data import bucketed
from ostinato.equation import Cell
from ostinato.errors import ConfigError, DataError
from ostinato.tasks.base.batch import Batch, Indices, Sequences
from ostinato.tasks.base.device import resolve
from ostinato.tasks.base.network import Network
from ostinato.tasks.base.parts import Part
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.base.stored import cell_in, settings_in
from ostinato.tasks.base.weights import checked, with_weights
from ostinato.train import BEST, Ending, Run, versions
from ostinato.train.manifest import FORMAT, Manifest, timestamp

S = TypeVar("S", bound=TaskSettings)
X = TypeVar("X", contravariant=True)
B = TypeVar("B", bound=Batch)
Y = TypeVar("Y")
A = TypeVar("A", covariant=True)
R = TypeVar("R")

_AT_A_TIME = 2**14  # inputs that are held in memory as numbers


class ModelSession(Protocol):
    """One input at a time, with a state."""

    def saved(self) -> bytes:
        """The state, as the content of a safetensors file."""
        ...

    def restore(self, content: bytes) -> None:
        """Continues from a state that `saved` gave.

        Raises:
            DataError: when it is damaged, or of another model.
        """
        ...


@dataclass(eq=False, kw_only=True)
class Model(ABC, Generic[S, X, B, Y, A]):
    """A trained model: what it was made from, and the way from inputs to predictions.

    It knows nothing of the data that it was trained on, and needs no scikit-learn.

    Attributes:
        settings: those of its training, complete.
        cell: the recurrence.
        network: the network, once it is built or read.
        manifest: of the run that it was read from or trained into; None where there is none.
    """

    kind: ClassVar[type[TaskSettings]]
    """The settings of its task."""

    settings: S
    cell: Cell
    network: Network[B, Y] = field(init=False)
    manifest: Manifest | None = field(init=False, default=None)

    @property
    def task(self) -> str:
        """The name of its task."""
        return str(self.kind.task)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.network.parameters()).device

    def to(self, device: torch.device | str) -> Self:
        """Moves the network to a device.

        Raises:
            ConfigError: for a device that is not there.
        """
        self.network.to(resolve(device) if isinstance(device, str) else device)
        return self

    # From inputs to answers.

    @abstractmethod
    def sequences(self, inputs: Sequence[X]) -> Sequences[B]:
        """Inputs as numbers, each of its own length.

        Raises:
            DataError: for an input that cannot be read.
        """

    def encode(self, inputs: Sequence[X]) -> B:
        """Inputs as one batch, on the model's device.

        Raises:
            DataError: for an input that cannot be read.
        """
        sequences = self.sequences(inputs)
        return sequences.batch(np.arange(len(sequences.lengths))).to(self.device)

    @abstractmethod
    def decode(self, outputs: Y, batch: B) -> Sequence[A]:
        """The predictions for the outputs of a batch, one for each sequence.

        Raises:
            NotFinite: when an output is not a number.
        """

    def predict(self, inputs: Sequence[X]) -> list[A]:
        """The prediction for each input: `encode`, `network` and `decode`, batch by batch.

        Raises:
            DataError: for an input that cannot be read.
            NotFinite: when an output is not a number.
        """
        check_inputs(inputs)
        return self.each(inputs, self.decode)

    def each(self, inputs: Sequence[X], answer: Callable[[Y, B], Iterable[R]]) -> list[R]:
        """As `predict`, with something else than answers made of the outputs for each batch."""
        found: list[R] = []
        for start in range(0, len(inputs), _AT_A_TIME):
            found.extend(self.over(self.sequences(inputs[start : start + _AT_A_TIME]), answer))
        return found

    @torch.no_grad()
    def over(self, sequences: Sequences[B], answer: Callable[[Y, B], Iterable[R]]) -> list[R]:
        """As `each`, of inputs that are numbers already; nothing random is drawn."""
        order: list[Indices] = []
        found: list[R] = []
        for chosen, outputs, batch in self.outputs(sequences):
            order.append(chosen)
            found.extend(answer(outputs, batch))
        return [found[k] for k in np.concatenate(order).argsort()]

    @torch.no_grad()
    def outputs(self, sequences: Sequences[B]) -> Iterator[tuple[Indices, Y, B]]:
        """Which sequences are read together, and what the network makes of them, in evaluation."""
        self.network.eval()
        device = self.device
        for chosen in self.batches(sequences.lengths):
            batch = sequences.batch(chosen).to(device)
            yield chosen, self.network(batch), batch

    def batches(self, lengths: Sequence[int]) -> Sequence[Indices]:
        """Which sequences are read together: those of like length, up to so many tokens."""
        return bucketed(lengths, self.batch_tokens, 0, 0)

    @property
    @abstractmethod
    def batch_tokens(self) -> int:
        """The most tokens of a batch, padding included, where nothing is learned."""

    def session(self) -> ModelSession:
        """One input at a time, with a state that can be saved, if the task supports it.

        Raises:
            ConfigError: where it does not.
        """
        raise ConfigError(f"a model of task {self.task!r} reads whole inputs: it has no session")

    # The network.

    def parts(self) -> list[Part]:
        """What it is made of: the network's parts, and what answers with the network."""
        return self.network.parts()

    @abstractmethod
    def new_network(self) -> Network[B, Y]:
        """A network with random weights, for what the model is made from."""

    def build(self, device: torch.device | str = "cpu") -> None:
        """Gives the model a network with random weights, the same on every device.

        Raises:
            ConfigError: when they would take too much memory.
        """
        self.network = checked(self.new_network).to(device)

    # The run folder.

    @classmethod
    def read(cls, run: Run, device: str | None = None) -> Self:
        """The model of a run.

        Args:
            run: the folder.
            device: see `resolve`.

        Raises:
            RunError: when it is another task's, or damaged.
        """
        run.say_state()
        model = cls.read_parts(run, settings_in(run, cls.kind), cell_in(run))  # type: ignore[arg-type]
        model.manifest = run.manifest
        model.network = with_weights(run, model.new_network)
        return model.to(resolve(device))

    @classmethod
    @abstractmethod
    def read_parts(cls, run: Run, settings: S, cell: Cell) -> Self:
        """The model of a run, without its network.

        Raises:
            RunError: when something is missing or damaged.
        """

    def write(self, run: Run, history: Sequence[Mapping[str, float]] = ()) -> None:
        """Writes the model into an empty run folder.

        Args:
            run: the folder.
            history: a record for each epoch of its training.

        Raises:
            RunError: when it cannot be written.
        """
        self.begin(run, {"sha256": ""})
        run.write_metrics(history)
        run.write_tensors(BEST, self.network.state_dict())
        self.finish(run)

    def begin(
        self,
        run: Run,
        data: Mapping[str, object],
        started: str | None = None,
        chosen: dict[str, object] | None = None,
    ) -> None:
        """Writes what training does not change: settings, cell, parts, and last the manifest.

        Args:
            run: the folder.
            data: what is trained on, for the manifest: `sha256`, ….
            started: when training began; now unless given.
            chosen: the settings that somebody chose, by path.
        """
        run.write("config.toml", self.settings.to_toml())
        run.write_json("cell.json", self.cell.graph.to_json())
        self.write_parts(run)
        recurrent = self.network.recurrent
        run.begin(
            Manifest(
                format=FORMAT,
                versions=versions(),
                started=started or timestamp(),
                seed=self.settings.seed,
                threads=torch.get_num_threads(),
                device=str(self.device),
                level={"training": recurrent.level(True), "evaluation": recurrent.level(False)},
                data=dict(data),
                chosen=chosen,
            )
        )

    def finish(self, run: Run, ending: Ending | None = None) -> None:
        """Writes what is fitted after training, and says that the run is whole."""
        self.write_fitted(run)
        run.finish(ending)
        self.manifest = run.manifest

    @abstractmethod
    def write_parts(self, run: Run) -> None:
        """Writes what `read_parts` reads besides settings and cell, and training leaves alone."""

    def write_fitted(self, run: Run) -> None:
        """Writes what `read_parts` reads of what is fitted after training; nothing, for most."""


def check_inputs(inputs: Sequence[object]) -> None:
    """Checks that the inputs of a model are a list, and none of them is missing.

    Raises:
        DataError: otherwise.
    """
    if isinstance(inputs, str | bytes):
        raise DataError("the inputs must be a list; this is a single text")
    for number, each in enumerate(inputs, start=1):
        if each is None:
            raise DataError(f"input {number} is None")


AnyModel = Model[Any, Any, Any, Any, Any]
