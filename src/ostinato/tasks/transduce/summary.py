"""What the commands show of a transducer: how it was trained, how good its outputs are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ostinato.data import Pairs
from ostinato.tasks.base.summary import (
    Fields,
    Figures,
    Message,
    Note,
    Shown,
    SummaryTable,
    duration,
    parameters,
    within,
)

if TYPE_CHECKING:
    from ostinato.tasks.transduce.estimator import Transducer
    from ostinato.tasks.transduce.measures import Measures
    from ostinato.tasks.transduce.model import Transduction


def trained(transducer: Transducer, test: Pairs | None) -> Iterator[Shown]:
    """What was trained, on the validation pairs and on those of a test part, if there is one."""
    yield from _left_out(transducer)
    settings = transducer.settings()
    best = transducer.best_
    row = [
        settings.cell,
        f"{best['validation_loss']:.3f}",
        f"{best['error_rate']:.2%}",
        f"{best['exact_match']:.2%}",
        f"{parameters(transducer.network_):,}",
        duration(sum(record["seconds"] for record in transducer.history_)),
    ]
    columns = (
        "greedy, on the validation set",
        "nats",
        "token error rate",
        "exact",
        "parameters",
        "time",
    )
    yield SummaryTable(columns, [row])
    yield Message(f"With a beam of {settings.decoding.beam}, on the validation set:")
    own = transducer.evaluate(transducer.validation_, more=transducer.references_)
    yield from within("beam", measured(own))
    if test is not None:
        yield Message("On the test set:")
        yield from within("test", measured(transducer.evaluate(test)))


def measured(measures: Measures) -> Iterator[Shown]:
    """The measures of outputs, line by line."""
    yield Message(f"texts {measures.texts}")
    yield Message(f"exact_match {measures.exact_match:.4f}")
    yield Message(f"sequence_error_rate {1 - measures.exact_match:.4f}")
    yield Message(f"token_error_rate {measures.token_error_rate:.4f}")
    yield Message(f"bleu {measures.bleu:.2f}  {measures.signatures[0]}")
    yield Message(f"chrf {measures.chrf:.2f}  {measures.signatures[1]}")
    yield Figures(vars(measures))


def answers(found: Sequence[Transduction], best: int, alignments: bool) -> Iterator[Fields]:
    """The outputs of a text, a line for each; none for a bad row that was left out."""
    if not found:
        yield Fields([], {"prediction": ""}, {"text": None})
    columns: dict[str, str] = {}
    lines, records = [], []
    for place, each in enumerate(found, start=1):
        own = {"prediction": each.text}
        own |= {"score": f"{each.score:.4f}"} if best > 1 else {}
        own |= {"alignment": alignment(each)} if alignments else {}
        columns |= {name if place == 1 else f"{name}_{place}": v for name, v in own.items()}
        lines.append(list(own.values()))
        look = {"alignment": alignment(each)} if alignments else {}
        records.append({"text": each.text, "score": each.score, **look})
    whole: Mapping[str, object] = {"outputs": records} if best > 1 else dict(*records[:1])
    for place, line in enumerate(lines):
        yield Fields(line, None if place else columns, {} if place else whole)


def alignment(found: Transduction) -> str:
    """For each token of the output the token of the source that counted most."""
    if found.alignment is None:
        return ""
    return " ".join(f"{t}-{s}" for t, s in enumerate(found.alignment.argmax(-1)))


def _left_out(transducer: Transducer) -> Iterator[Shown]:
    """Which pairs were not trained on, and why."""
    reasons = {
        "their source is in the held-out set": len(transducer.references_),
        "their source or target is longer than data.max_tokens = "
        f"{transducer.settings().data.max_tokens}": (transducer.longer_),
    }
    for why, count in reasons.items():
        if count:
            are = "pair is" if count == 1 else "pairs are"
            yield Note(f"ostinato: {count:,} {are} not used for training: {why}")
