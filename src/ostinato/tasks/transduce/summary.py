"""What the commands show of a transducer: how it was trained, how good its outputs are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ostinato.data import Pairs
from ostinato.tasks.base.summary import Message, Note, Shown, SummaryTable, duration, parameters

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
    yield from measured(transducer.evaluate(transducer.validation_, more=transducer.references_))
    if test is not None:
        yield Message("On the test set:")
        yield from measured(transducer.evaluate(test))


def measured(measures: Measures) -> Iterator[Shown]:
    """The measures of outputs, line by line."""
    yield Message(f"texts {measures.texts}")
    yield Message(f"exact_match {measures.exact_match:.4f}")
    yield Message(f"sequence_error_rate {1 - measures.exact_match:.4f}")
    yield Message(f"token_error_rate {measures.token_error_rate:.4f}")
    yield Message(f"bleu {measures.bleu:.2f}  {measures.signatures[0]}")
    yield Message(f"chrf {measures.chrf:.2f}  {measures.signatures[1]}")


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
