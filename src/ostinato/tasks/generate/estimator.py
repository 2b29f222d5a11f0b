"""Generate text: a language model over characters or words, and sampling from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Self, Unpack

from sklearn.utils.validation import check_is_fitted

from ostinato.data import Store, Tokenizer, Vocabulary
from ostinato.decode import until
from ostinato.tasks.base.estimator import Fitting, TextEstimator
from ostinato.tasks.generate.baseline import NGram
from ostinato.tasks.generate.measures import measure
from ostinato.tasks.generate.model import GenerateModel
from ostinato.tasks.generate.prepare import prepare
from ostinato.tasks.generate.session import Drawn, GenerateSession
from ostinato.tasks.generate.settings import GenerateSettings


class Generator(TextEstimator[GenerateSettings]):
    """Learns how a text continues, and continues it; an n-gram model is counted beside it.

    `Generator("gru", model={"hidden": 512}, train={"epochs": 3})`: the settings are those of
    `GenerateSettings`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        tokenizer: `char` (the default) or `word`: words with the space before them, and line
        breaks. seed: the seed of all random numbers. data: settings of the data, see
        `GenerateData`. model: the network, see `GenerateNetworkSettings`. train: settings of
        training, see `Training`. baseline: whether to also count the n-gram baseline.

    After `fit`: `model_`, the trained `GenerateModel`, and of its parts `tokenizer_`,
    `vocabulary_` and `network_`; `history_` (a record for each epoch) and `baseline_`.
    """

    kind = GenerateSettings
    model_type = GenerateModel
    model_: GenerateModel
    baseline_: NGram | None = None

    def fit(self, text: str | Iterable[str], y: None = None, **options: Unpack[Fitting]) -> Self:
        """Trains on a text; its last part is held out to choose the best epoch.

        Args:
            text: the text, whole or in chunks, as `data.read_chunks` returns them; a long text is
            stored as numbers in a file. y: ignored; for compatibility with scikit-learn. options:
            see `Fitting`.

        Raises:
            DataError: when the text is too short, or no symbol has the minimum count.
        """
        run = options.get("run")
        prepared = prepare(self._settings(options), self._cell(), text, run.path if run else None)
        self._train(prepared, **options)
        self.baseline_ = prepared.baseline
        return self

    def session(self, prompt: str = "", seed: int = 0) -> GenerateSession:
        """What continues a prompt, symbol by symbol, with samplers that may change.

        Raises:
            ConfigError: for a seed out of range.
        """
        check_is_fitted(self, "model_")
        return self.model_.session(prompt, seed=seed)

    def stream(
        self, prompt: str = "", length: int = 200, *, seed: int = 0, **samplers: float
    ) -> Iterator[Drawn]:
        """Samples symbols one after the other, each given all previous ones.

        Args:
            prompt: the text to continue; see `GenerateSession`.
            length: the number of symbols to generate.
            seed: the same seed gives the same symbols.
            samplers: see `GenerateSession.generate`.

        Raises:
            ConfigError: for a setting out of range.
            UnknownName: for an unknown sampler.
        """
        return self.session(prompt, seed).generate(length, **samplers)

    def sample(
        self, prompt: str = "", length: int = 200, *, stop: Sequence[str] = (),
        seed: int = 0, **samplers: float,
    ) -> str:  # fmt: skip
        """The prompt and `length` generated symbols; options as for `stream`.

        If one of the strings `stop` is generated, the text ends before it.
        """
        drawn = (d.text for d in self.stream(prompt, length, seed=seed, **samplers))
        return prompt + "".join(until(drawn, stop))

    def search(
        self, prompt: str = "", length: int = 200, *, beam: int = 4, best: int = 1
    ) -> list[tuple[str, float]]:
        """The most probable continuations of a prompt; see `GenerateModel.search`."""
        check_is_fitted(self, "model_")
        return self.model_.search(prompt, length, beam=beam, best=best)

    def unknown(self, prompt: str) -> list[str]:
        """The symbols of a prompt that are not in the vocabulary."""
        check_is_fitted(self, "model_")
        return self.model_.unknown(prompt)

    def evaluate(self, text: str | Iterable[str]) -> dict[str, float]:
        """Cross-entropy of a text, whole or in chunks; see `measures.measure`.

        Raises:
            DataError: when the text has fewer than two symbols.
        """
        check_is_fitted(self, "model_")
        model = self.model_
        store = Store(model.tokenizer)
        store.add_long([text] if isinstance(text, str) else text)
        symbols = store.tokens(model.vocabulary)
        shape = model.settings.data
        return measure(model.network, symbols, store.characters(), shape, model.ngrams)

    def score(self, text: str, y: None = None) -> float:
        """Minus the nats per symbol: larger is better."""
        return -self.evaluate(text)["nats"]

    @property
    def tokenizer_(self) -> Tokenizer:
        """What splits texts."""
        return self.model_.tokenizer

    @property
    def vocabulary_(self) -> Vocabulary:
        """The symbols that are known."""
        return self.model_.vocabulary
