"""`ostinato compare TASK DATA`: several cells with several seeds, judged by one exam."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from cyclopts import App, Parameter

from ostinato.cells import find
from ostinato.cli.frameworks import TEXTS, compare_frameworks, few, named, plain
from ostinato.cli.parallel import Job, Show, in_parallel
from ostinato.cli.report import BASELINE, collected, tell, write_page
from ostinato.cli.runs import Data, free_folder, merge
from ostinato.cli.screen import machine
from ostinato.cli.trial import Settings, trial
from ostinato.data import Examples, read_labelled, read_tagged, read_text, split_blocks
from ostinato.errors import ConfigError, DataError
from ostinato.observe.exams import Exam
from ostinato.observe.exams.classify import ClassifyExam
from ostinato.observe.exams.generate import GenerateExam, symbols_of
from ostinato.observe.exams.tag import TagExam
from ostinato.report.sentences import listed
from ostinato.tasks.classify_network import ClassifyNetwork
from ostinato.tasks.classify_settings import ClassifySettings
from ostinato.tasks.generate import GenerateNetwork, GenerateSettings
from ostinato.tasks.tag_labels import Labels
from ostinato.tasks.tag_network import TagNetwork
from ostinato.tasks.tag_settings import TagSettings
from ostinato.train import Run

compare = App(
    name="compare",
    help="Train several cells with several seeds, and say which differences are shown.\n\n"
    "Example: ostinato compare classify reviews.csv --cells rnn,lstm,gru --seeds 3",
)

HELD_OUT = 0.2
"""The part of labelled texts that is held out to judge by, where a source has no test part."""
HELD_OUT_TEXT = 0.1
"""The last part of a text that is held out to judge by."""
SECONDS = 60.0
"""What each run gets under `--equal time`, unless `--train.seconds` is given."""
ENDLESS = 10**6

Equal: TypeAlias = Literal["parameters", "recurrent", "time"]


@compare.command
def classify(
    data: Data,
    /,
    *,
    cells: str = "rnn,lstm,gru",
    seeds: int | None = None,
    equal: Equal | None = None,
    frameworks: str | None = None,
    texts: int | None = None,
    out: str | None = None,
    jobs: int | None = None,
    config: str | None = None,
    open_page: bool = False,
    settings: Annotated[ClassifySettings | None, Parameter(name="*")] = None,
) -> None:
    """Compare cells as classifiers of texts, with a linear baseline beside them.

    Example: ostinato compare classify reviews.csv --cells rnn,lstm,gru --seeds 3 --out runs/c

    Example: ostinato compare classify imdb --frameworks torch,keras

    Every cell is trained with every seed on the same texts in the same batches, and judged by
    the same texts held out: the test part of a packaged source, else a fifth of a file, in whole
    blocks of neighbours. Given again with the same --out, it goes on where it was stopped.

    With --frameworks each cell is trained in each framework instead, from the same first weights,
    on the same batches in the same order, without dropout: do the loss curves coincide, do the
    trained models agree, and which is faster?

    Parameters
    ----------
    data
        A table with the columns text and label, a folder, `-` for standard input, or `imdb`; as
        for `fit`.
    cells
        The cells, with commas between them; path/to/file.py:name for your own.
    seeds
        How many seeds: --seed, the one after it, and so on; 3 unless given.
    equal
        `parameters` or `recurrent`: hidden sizes are chosen so that all parameters, or those of
        the recurrent layers, are as many as the first cell's. `time`: each run gets
        --train.seconds seconds (60 unless given).
    frameworks
        `torch`, `keras` or both, with commas between them; KERAS_BACKEND says what Keras runs on.
    texts
        With --frameworks: how many texts are trained on, drawn at random, and at most asked
        about; 2000 unless given. So that Keras is done in minutes, --data.max-tokens is 200 then,
        and --train.epochs 3, unless given.
    out
        The folder for runs and page; runs/compare-1, -2, … (with --frameworks
        runs/frameworks-1, …) unless given.
    jobs
        How many runs are trained at a time; as many as there are cores unless given.
    config
        A TOML file of settings; options given here win over it.
    open_page
        Open the page in a browser at the end.
    settings
        The settings, the same for all cells.
    """
    chosen = merge(ClassifySettings, config, _without_cell(settings))
    if chosen.data.labels.several:
        raise ConfigError(
            "several labels of a text (data.multi_label, data.separator) cannot be compared yet; "
            "train each cell with `ostinato fit classify`, and judge it with `ostinato evaluate`"
        )
    if frameworks is not None:
        alone = {"--seeds": seeds, "--equal": equal, "--jobs": jobs}
        for option, value in alone.items():
            if value is not None:
                raise ConfigError(f"{option} is for comparing cells; leave it or --frameworks out")
        chosen = plain(chosen)
        named(frameworks)
    elif texts is not None:
        raise ConfigError("--texts is for --frameworks, which is not given")
    if texts is not None and texts < 2:
        raise ConfigError(f"--texts {texts}: there must be two at least")
    words = _named_cells(cells)
    splits = read_labelled(data, chosen.data.text, chosen.data.label)
    training, test = splits["train"], splits.get("test")
    if min(Counter(training.labels).values()) < 3 or len(set(training.labels)) < 2:
        raise DataError(f"{data}: a comparison needs two classes with three texts each")
    if test is None:
        kept, held = split_blocks(training.labels, HELD_OUT, 0)
        training, test = training.select(np.sort(kept)), training.select(np.sort(held))
    if frameworks is not None:
        count = TEXTS if texts is None else texts
        training, test = (few(part, count, chosen.seed) for part in (training, test))
        about = _title(data)
        compare_frameworks(about, chosen, frameworks, words, training, test, out, open_page)
        return
    pairs = (list(training.texts), training.labels)  # in memory: they go into processes
    test = Examples(list(test.texts), test.labels)
    sizes = (2, len(set(training.labels)))  # the embedding is as large for every cell
    _compare(
        data,
        chosen,
        words,
        3 if seeds is None else seeds,
        equal,
        pairs,
        ClassifyExam(test),
        sizes,
        out,
        jobs,
        open_page,
    )


@compare.command
def generate(
    data: Data,
    /,
    *,
    cells: str = "rnn,lstm,gru",
    seeds: int = 3,
    equal: Equal | None = None,
    out: str | None = None,
    jobs: int | None = None,
    config: str | None = None,
    open_page: bool = False,
    settings: Annotated[GenerateSettings | None, Parameter(name="*")] = None,
) -> None:
    """Compare cells as models of a text, with a table of n-grams beside them.

    Example: ostinato compare generate book.txt --cells lstm,gru --seeds 3 --train.epochs 3

    Every cell is trained with every seed on the same text in the same batches, and judged by the
    last tenth of it. Given again with the same --out, it goes on where it was stopped.

    Parameters
    ----------
    data
        A text file, `-` for standard input, `shakespeare` or `python-docs`.
    cells
        The cells, with commas between them; path/to/file.py:name for your own.
    seeds
        How many seeds: --seed, the one after it, and so on.
    equal
        `parameters` or `recurrent`: hidden sizes are chosen so that all parameters, or those of
        the recurrent layers, are as many as the first cell's. `time`: each run gets
        --train.seconds seconds (60 unless given).
    out
        The folder for runs and page; runs/compare-1, -2, … unless given.
    jobs
        How many runs are trained at a time; as many as there are cores unless given.
    config
        A TOML file of settings; options given here win over it.
    open_page
        Open the page in a browser at the end.
    settings
        The settings, the same for all cells.
    """
    chosen = merge(GenerateSettings, config, _without_cell(settings))
    text = read_text(data)
    end = len(text) - round(len(text) * HELD_OUT_TEXT)
    sizes = (len(symbols_of(chosen, text[:end])[1]), 0)
    exam = GenerateExam(text[end:])
    words = _named_cells(cells)
    _compare(data, chosen, words, seeds, equal, (text[:end],), exam, sizes, out, jobs, open_page)


@compare.command
def tag(
    data: Data,
    /,
    *,
    cells: str = "rnn,lstm,gru",
    seeds: int = 3,
    equal: Equal | None = None,
    out: str | None = None,
    jobs: int | None = None,
    format: str | None = None,
    config: str | None = None,
    open_page: bool = False,
    settings: Annotated[TagSettings | None, Parameter(name="*")] = None,
) -> None:
    """Compare cells as taggers of words, with each word's most frequent tag beside them.

    Example: ostinato compare tag train.conllu --cells lstm,gru --seeds 3 --out runs/c

    Every cell is trained with every seed on the same sentences in the same batches, and judged by
    the same sentences held out: a fifth of the file, in whole blocks of neighbours. Given again
    with the same --out, it goes on where it was stopped.

    Parameters
    ----------
    data
        Tagged sentences as for `fit tag`, or `-` for standard input.
    cells
        The cells, with commas between them; path/to/file.py:name for your own.
    seeds
        How many seeds: --seed, the one after it, and so on.
    equal
        `parameters` or `recurrent`: hidden sizes are chosen so that all parameters, or those of
        the recurrent layers, are as many as the first cell's. `time`: each run gets
        --train.seconds seconds (60 unless given).
    out
        The folder for runs and page; runs/compare-1, -2, … unless given.
    jobs
        How many runs are trained at a time; as many as there are cores unless given.
    format
        conll, conllu or text, where neither the name of the file nor its beginning tells.
    config
        A TOML file of settings; options given here win over it.
    open_page
        Open the page in a browser at the end.
    settings
        The settings, the same for all cells.
    """
    chosen = merge(TagSettings, config, _without_cell(settings))
    given = read_tagged(data, chosen.data.word, chosen.data.tag, format=format).tagged()
    if len(given) < 10:
        raise DataError(f"{data}: a comparison of taggers needs ten sentences")
    kept, held = split_blocks([""] * len(given), HELD_OUT, 0)
    training, exam = given.select(np.sort(kept)), TagExam(given.select(np.sort(held)))
    labels = Labels.of(given, chosen.data.scheme, chosen.data.unlabelled)
    sizes = (2, 2, len(labels.classes))  # the embeddings are as large for every cell
    both, words = (training.words, training.tags), _named_cells(cells)
    _compare(data, chosen, words, seeds, equal, both, exam, sizes, out, jobs, open_page)


def _compare(
    data: str,
    settings: Settings,
    cells: Mapping[str, str],
    seeds: int,
    equal: Equal | None,
    training: tuple[Any, ...],
    exam: Exam,
    sizes: tuple[int, ...],
    out: str | None,
    workers: int | None,
    open_page: bool,
) -> None:
    """Trains what is not trained yet, and writes table, page and `comparison.json`."""
    if seeds < 1 or (workers is not None and workers < 1):
        raise ConfigError("--seeds and --jobs must be at least 1")
    each = _settings_of_cells(settings, cells, equal, sizes)
    folder = Path(free_folder("compare") if out is None else out)
    plan = {
        folder / f"{name}-{settings.seed + k}": own.model_copy(update={"seed": settings.seed + k})
        for k in range(seeds)
        for name, own in each.items()
    }
    jobs: dict[str, Job] = {
        path.name: (trial, (own, training, exam, str(path))) for path, own in plan.items()
    }
    jobs["baseline"] = (_baseline, (settings, training, exam, str(folder)))
    began = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    in_parallel(jobs, workers or os.cpu_count() or 1)
    results = collected([str(path) for path in plan], Run(folder).read_json(BASELINE)) | {
        "title": f"{listed(name.upper() for name in each)} on {_title(data)}",
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": time.perf_counter() - began,
        "machine": machine(),
        "equal": equal,
        "data": {"training": len(training[0]), "test": len(exam)},
    }
    Run(folder).write_json("comparison.json", results)
    tell(results)
    write_page(results, folder / "report.html", "ostinato compare", open_page)


def _baseline(
    settings: Settings, training: tuple[Any, ...], exam: Exam, folder: str, show: Show
) -> None:
    """Fits the baseline, if it is not there already for this data."""
    run, data = Run(folder), [exam.trained_on(training), exam.fingerprint()]
    if not (run.path / BASELINE).exists() or run.read_json(BASELINE)["data"] != data:
        found = exam.baseline(settings, training)
        run.write_json(BASELINE, found | {"exam": data[1], "data": data})
    show(1.0, f"held out: {exam.metric} {run.read_json(BASELINE)[exam.metric]:.4f}")


def _settings_of_cells(
    settings: Settings, cells: Mapping[str, str], equal: Equal | None, sizes: tuple[int, ...]
) -> dict[str, Settings]:
    """The settings of each cell, by the name that its runs have; one thread unless said."""
    found = {name: settings.model_copy(update={"cell": word}) for name, word in cells.items()}
    train: dict[str, Any] = {"threads": settings.train.threads or 1}
    if equal == "time":  # then nothing but the clock stops a run
        seconds = settings.train.seconds or SECONDS
        train |= {"seconds": seconds, "epochs": ENDLESS, "patience": ENDLESS}
    with_clock = settings.train.model_copy(update=train)
    found = {name: own.model_copy(update={"train": with_clock}) for name, own in found.items()}
    if equal in ("parameters", "recurrent"):
        first, *others = found
        wanted = _parameters(found[first], equal, sizes, found[first].model.hidden)
        for name in others:
            count = partial(_parameters, found[name], equal, sizes)
            hidden = nearest_size(count, wanted, settings.model.projection + 1)
            model = settings.model.model_copy(update={"hidden": hidden})
            found[name] = found[name].model_copy(update={"model": model})
    return found


def _named_cells(cells: str) -> dict[str, str]:
    """What `--cells` asks for: how each is called, and the word for it.

    Raises:
        ConfigError: when a cell is named twice, or none is.
    """
    found: dict[str, str] = {}
    for word in filter(None, (word.strip() for word in cells.split(","))):
        name = find(word).name
        if name in found:
            raise ConfigError(f"--cells {cells}: there are two called {name!r}")
        found[name] = word
    if not found:
        raise ConfigError("--cells needs the name of a cell")
    return found


def _parameters(settings: Settings, equal: Equal, sizes: tuple[int, ...], hidden: int) -> int:
    """How many parameters a network has with so many hidden units; its weights are not made."""
    model: Any = settings.model.model_copy(update={"hidden": hidden})
    cell, symbols = find(settings.cell), sizes[0]
    network: Any
    with torch.device("meta"):
        match settings:
            case ClassifySettings():
                network = ClassifyNetwork(cell, model, symbols, sizes[1])
            case GenerateSettings():
                network = GenerateNetwork(cell, model, symbols)
            case TagSettings():
                network = TagNetwork(cell, model, symbols, sizes[1], sizes[2])
    part = network if equal == "parameters" else network.recurrent
    return sum(p.numel() for p in part.parameters())


def nearest_size(count: Callable[[int], int], wanted: int, least: int = 1) -> int:
    """The size whose count is nearest to the one wanted, where a larger size has a larger count.

    >>> nearest_size(lambda n: n * n, 50), nearest_size(lambda n: n * n, 60)
    (7, 8)
    """
    low, high = least, least + 1
    while count(high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
    return min(low, high, key=lambda size: abs(count(size) - wanted))


def _without_cell(settings: Any) -> Any:
    """Settings that do not name a cell: `--cells` does.

    Raises:
        ConfigError: when they do.
    """
    if settings and "cell" in settings.model_fields_set:
        raise ConfigError("--cell: a comparison takes --cells, with commas between them")
    return settings


def _title(data: str) -> str:
    return "standard input" if data == "-" else Path(data).name
