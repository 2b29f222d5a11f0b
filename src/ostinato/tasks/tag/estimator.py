"""Tag the words of sentences: embedding, spelling → recurrent stack → CRF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ostinato import data
from ostinato.data import Skipped, Tagged, TaggedFile, Vocabulary, read_tagged
from ostinato.data.sentences.formats import text
from ostinato.data.symbols.cooccurrence import ppmi_vectors
from ostinato.data.symbols.spelling import Spelling
from ostinato.equation import Cell
from ostinato.errors import DataError, check_finite, quoted
from ostinato.tasks.base.estimator import Estimator, reproducible
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.tag.baseline import FrequentTag
from ostinato.tasks.tag.labels import Labels
from ostinato.tasks.tag.learner import TagLearner
from ostinato.tasks.tag.measures import Evaluation, confusion, entity_scores, tag_scores, total
from ostinato.tasks.tag.network import TagNetwork, real
from ostinato.tasks.tag.sentences import Chosen, Read, plain, tagged, words_of
from ostinato.tasks.tag.settings import TagSettings
from ostinato.train import Progress, Run, fit

_ASIDE = 8  # times as many tokens in a batch where nothing is learnt from it
R = TypeVar("R")


class Tagger(Estimator[TagSettings]):
    """Tags words with a recurrent network that reads sentences, and the spelling of words.

    `Tagger("gru", model={"hidden": 128}, train={"epochs": 3})`: the settings are those of
    `TagSettings`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        seed: fixes everything random.
        data: what is read, see `TagData`.
        model: the network, see `TagModel`.
        train: the loop, see `Training`.
        baseline: whether to count each word's most frequent tag too.

    After `fit`: `labels_`, `vocabulary_`, `spelling_`, `network_`, `history_` (a record for each
    epoch), `baseline_` and `baseline_score_` on the validation sentences.
    """

    kind = TagSettings
    format_ = "conll"
    width_ = 0
    labels_: Labels
    vocabulary_: Vocabulary
    spelling_: Spelling
    network_: TagNetwork

    def fit(
        self,
        sentences: Any,
        tags: Any = None,
        *,
        validation: Tagged | None = None,
        run: Run | None = None,
        show: Callable[[Progress], None] = lambda progress: None,
        resume: bool = False,
        skipped: Skipped | None = None,
    ) -> Self:
        """Trains the network.

        The best epoch is chosen by F1 of entities, or by accuracy where tags are no entities, on
        the validation sentences: those given, or the file of `data.validation`, or else a part
        of the sentences, in whole blocks of neighbours.

        Args:
            sentences: lists of words, or what `read_tagged` gives.
            tags: the tags of each sentence; None where the sentences have them.
            validation: what chooses the epoch.
            run: where to log and save; None saves nothing.
            show: is told of the progress.
            resume: go on from the newest checkpoint of `run`.
            skipped: what was left out of the data, for the manifest of `run`.

        Raises:
            DataError: when a sentence is empty, words and tags are not as many, there are too few
                sentences to hold some out, or a tag is of no scheme.
        """
        settings = self.settings()
        given = tagged(sentences, tags)
        self.skipped_ = skipped
        if given.format:
            self.format_, self.width_ = given.format, given.width
        training, held = self._split(given, validation)
        self.labels_ = Labels.of(given, settings.data.scheme, settings.data.unlabelled)
        words = (plain(s) if settings.data.lower else s for s in training.words)
        self.vocabulary_ = Vocabulary.build(
            words, settings.data.vocabulary, settings.data.min_count
        )
        self.spelling_ = Spelling.of(training.words, settings.data.max_characters)
        with reproducible(settings.seed, settings.train.threads):
            self.network_ = self._built()
            read = self.read(training.words)
            counts = np.bincount(np.concatenate(read.words), minlength=len(self.vocabulary_))
            self.network_.counts = torch.from_numpy(counts).float()
            if settings.model.start == "ppmi":
                size = settings.model.embedding
                vectors = ppmi_vectors(read.words, len(self.vocabulary_), size, settings.seed)
                self.network_.embedding.weight.data = torch.from_numpy(0.3 * vectors)
            learner = TagLearner(self, (read, training), held)
            if run:
                digests = {"sha256": given.fingerprint()}
                if training is given:  # what chooses the epoch is not a part of it
                    digests["validation_sha256"] = held.fingerprint()
                self._begin(run, self.network_.recurrent, digests, resume)
            self.history_ = fit(learner, settings.train, run, show, resume)
        self.baseline_: FrequentTag | None = None
        if self.baseline:
            self.baseline_ = FrequentTag.of(training, settings.data.unlabelled)
            predicted = [self.baseline_.predict(words) for words in held.words]
            self.baseline_score_ = self.judged(held.tags, predicted)[self.metric]
            if run:
                run.write_json("baseline.json", {f"validation_{self.metric}": self.baseline_score_})
        if run:
            self._finish(run)
        return self

    @property
    def metric(self) -> str:
        """What it is judged by: `f1` of entities, `accuracy` of other tags."""
        return "f1" if self.labels_.entities else "accuracy"

    def predict(self, sentences: Any) -> list[list[str]]:
        """The most likely tags of each sentence, all its words taken together."""

        def answers(emissions: Tensor, mask: Tensor, chosen: Chosen) -> Iterator[list[str]]:
            return map(self.labels_.tags, self.network_.crf.decode(emissions, mask))

        return self.each(sentences, answers)

    def tag(self, sentences: Any) -> list[tuple[list[str], NDArray[np.float32]]]:
        """Tags of each sentence, and how likely each is by itself, given the whole sentence.

        Args:
            sentences: lists of words, or what `read_tagged` gives.

        Raises:
            DataError: for what is no list of words, or has none.
        """

        def answers(
            emissions: Tensor, mask: Tensor, chosen: Chosen
        ) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
            crf = self.network_.crf
            chances = crf.marginals(emissions, mask)
            for row, path in enumerate(crf.decode(emissions, mask)):
                sure = chances[torch.arange(len(path)), row, torch.tensor(path)]
                yield self.labels_.tags(path), sure.numpy()

        return self.each(sentences, answers)

    def predict_proba(self, sentences: Any) -> list[NDArray[np.float32]]:
        """P of each label at each word (T, K), in the order of `labels_.classes`."""

        def answers(
            emissions: Tensor, mask: Tensor, chosen: Chosen
        ) -> Iterator[NDArray[np.float32]]:
            chances = self.network_.crf.marginals(emissions, mask)
            for row, length in enumerate(mask.sum(0).tolist()):
                yield chances[:length, row].numpy()

        return self.each(sentences, answers)

    def best(self, sentences: Any, n: int = 5) -> list[list[tuple[float, list[str]]]]:
        """The n most likely taggings of each sentence, each with its log-probability in nats."""

        def answers(
            emissions: Tensor, mask: Tensor, chosen: Chosen
        ) -> Iterator[list[tuple[float, list[str]]]]:
            crf = self.network_.crf
            likely = crf.log_partition(emissions, mask).tolist()
            for paths, all_ in zip(crf.n_best(emissions, mask, n), likely, strict=True):
                yield [(score - all_, self.labels_.tags(path)) for score, path in paths]

        return self.each(sentences, answers)

    def read_file(
        self,
        where: str,
        *,
        format: str | None = None,
        skip_bad_rows: Skipped | None = None,
        blind: bool = False,
    ) -> TaggedFile:
        """The sentences of a file, in the format that it tells itself, or else that of training.

        The columns that the settings name are those of the format of training; of another one
        they are its usual ones.

        Args:
            where: a file, `-` for standard input, or a packaged source of texts.
            format: the format, where it is none of these.
            skip_bad_rows: see `read_tagged`.
            blind: whether tags may be missing.

        Raises:
            DataError: see `read_tagged`; and for plain text, where the labels are not its tags.
        """
        columns = self.settings().data
        file = read_tagged(
            where,
            columns.word,
            columns.tag,
            format=format,
            skip_bad_rows=skip_bad_rows,
            trained=(self.width_ or 2) if blind else None,
            usual=self.format_,
        )
        if file.format == "text" and not set(self.labels_.classes) <= set(text.TAGS):
            raise DataError(
                f"{file.title}: plain text, whose case and marks are restored by a run trained on "
                f"such; this one's tags are {self.labels_.named()}, and --format says what is none"
            )
        return file

    def score(self, sentences: Any, tags: Any = None) -> float:
        """F1 of entities, or the accuracy where tags are no entities."""
        result = self.evaluate(sentences, tags)
        return result.f1 if self.labels_.entities else result.accuracy

    def evaluate(self, sentences: Any, tags: Any = None) -> Evaluation:
        """How well words are tagged; words whose tag is not known are left out.

        Raises:
            DataError: when words and tags are not as many, or a tag is of no scheme.
        """
        check_is_fitted(self)
        given = tagged(sentences, tags)
        self._check(given)
        true, predicted = self.labels_.known(given.tags, self.predict(given.words))
        scores = (entity_scores if self.labels_.entities else tag_scores)(true, predicted)
        classes, counts = confusion(true, predicted, self.labels_.scheme)
        words, right = sum(map(len, true)), _right(true, predicted)
        encoded = self.read(given.words).words
        return Evaluation(
            accuracy=right / max(words, 1),
            total=total(scores),
            scores=scores,
            confusion=counts,
            classes=classes,
            words=words,
            unknown_words=sum(int((symbols == 0).sum()) for symbols in encoded),
            unknown_characters=self.spelling_.unknown(given.words),
        )

    def judged(
        self, true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
    ) -> dict[str, float]:
        """Accuracy, and F1 as in `Evaluation`."""
        true, predicted = self.labels_.known(true, predicted)
        accuracy = _right(true, predicted) / max(sum(map(len, true)), 1)
        f1 = total(entity_scores(true, predicted)).f1 if self.labels_.entities else accuracy
        return {"accuracy": accuracy, "f1": f1}

    def unknown(self, sentences: Sequence[Sequence[str]]) -> dict[str, Counter[str]]:
        """The words, and the characters, that are not known, and how often each comes."""
        count = Counter(word for words in sentences for word in words)
        read = plain(list(count)) if self.settings().data.lower else list(count)
        words = {
            word: count[word]
            for word, symbol in zip(count, self.vocabulary_.encode(read), strict=True)
            if symbol == 0
        }
        return {"word": Counter(words), "character": self.spelling_.unknown(sentences)}

    def read(self, sentences: Sequence[Sequence[str]]) -> Read:
        """Sentences as numbers."""
        number: dict[str, int] = {}
        lower = self.settings().data.lower
        words, which = [], []
        for sentence in sentences:
            words.append(self.vocabulary_.encode(plain(sentence) if lower else sentence))
            numbers = (number.setdefault(word, len(number)) for word in sentence)
            which.append(np.fromiter(numbers, np.int64, len(sentence)))
        return Read(words, which, [self.spelling_.encode(word) for word in number])

    def each(
        self, sentences: Any, answers: Callable[[Tensor, Tensor, Chosen], Iterable[R]]
    ) -> list[R]:
        """What is made of each sentence's emissions, sentences of like length together.

        Args:
            sentences: lists of words.
            answers: emissions (T, B, K), which are real (T, B) and of which sentences they are
                (B,) → B answers.
        """
        check_is_fitted(self)
        read = sentences if isinstance(sentences, Read) else self.read(words_of(sentences))
        lengths = [len(words) for words in read.words]
        found: list[Any] = [None] * len(lengths)
        self.network_.eval()
        with torch.no_grad():
            for chosen in data.bucketed(lengths, _ASIDE * self.settings().data.batch_tokens, 0, 0):
                batch = read.batch(chosen)
                emissions = self.network_(batch)
                check_finite(emissions)
                for i, answer in zip(chosen, answers(emissions, real(batch), chosen), strict=True):
                    found[i] = answer
        return found

    def _split(self, given: Tagged, validation: Tagged | None) -> tuple[Tagged, Tagged]:
        """The sentences to learn from, and those that choose the epoch."""
        settings = self.settings()
        share = settings.data.validation
        if validation is None and isinstance(share, str):
            columns = settings.data.word, settings.data.tag
            validation = read_tagged(share, *columns, usual=self.format_).tagged()
        if validation is not None:
            return given, validation
        if len(given) < 2:
            raise DataError("a tagger needs two sentences: one to learn from, one to validate by")
        return given.split(float(share), settings.seed)

    def _check(self, given: Tagged) -> None:
        """That tags of entities are some, and of other tags one at least is known.

        Raises:
            DataError: for one that is of no scheme, or where none is known.
        """
        labels = self.labels_
        if labels.entities:
            Labels.of(given, labels.scheme, labels.unlabelled)
        elif not labels.any_known(given.tags):
            tag = next(tag for tags in given.tags for tag in tags)
            raise DataError(
                f"{given.place(0)}: no tag here was in the training data, from {quoted(tag)} on; "
                f"there they are {labels.named()}"
            )

    def _network(self, cell: Cell) -> TagNetwork:
        sizes = len(self.vocabulary_), len(self.spelling_.characters), len(self.labels_.classes)
        return TagNetwork(cell, self.settings().model, *sizes, self.labels_.constraints())

    def _read(self, run: Run) -> None:
        self.vocabulary_ = from_json(run, "vocabulary.json", Vocabulary.from_json)
        known = from_json(run, "characters.json", Vocabulary.from_json)
        self.spelling_ = Spelling(known, self.settings().data.max_characters)
        self.labels_ = from_json(run, "labels.json", Labels.from_json)
        self.format_, self.width_ = from_json(
            run, "format.json", lambda values: (str(values["format"]), int(values["width"]))
        )

    def _write(self, run: Run) -> None:
        run.write_json("vocabulary.json", self.vocabulary_.to_json())
        run.write_json("characters.json", self.spelling_.characters.to_json())
        run.write_json("labels.json", self.labels_.to_json())
        run.write_json("format.json", {"format": self.format_, "width": self.width_})


def _right(true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> int:
    return sum(
        a == b for x, y in zip(true, predicted, strict=True) for a, b in zip(x, y, strict=True)
    )
