"""Results → sentences: what the numbers say is worked out from them, and never assumed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from ostinato.report.figures import VANISHED, cell_label, vanishing_step
from ostinato.report.records import Record

Times = Mapping[str, Mapping[str, Sequence[float]]]
"""Sizes of gradients of one cell by time (start, trained), by state, by distance in steps."""


def summary(results: Record) -> Markup:
    """What was done and what came out."""
    classifiers, data = results.get("classifiers", []), results.get("data", {})
    text = []
    if classifiers:
        names = listed(cell_name(record["cell"]) for record in classifiers)
        text.append(
            f"{names} were trained on {_count(data.get('training'), 'film reviews')} to predict"
        )
        text.append("which of them praise a film. They were then tested on")
        text.append(f"{_count(data.get('test'), 'others')} that are not in the training data.")
        text.append(verdict(classifiers, results.get("baseline")))
    if generator := results.get("generator"):
        beside = "In addition, " if classifiers else ""
        text.append(f"{beside}{_a_cell(generator)} learned to write {source_name(generator)},")
        text.append("one character after the other.")
    joined = Markup(" ").join(text)
    return joined[:1].upper() + joined[1:]


def verdict(classifiers: Sequence[Record], baseline: Record | None) -> Markup:
    """Which network is best, and whether it was worth the trouble."""
    top = max(classifiers, key=lambda record: record["test_accuracy"])
    name, reached, alone = cell_name(top["cell"]), top["test_accuracy"], len(classifiers) == 1
    text = f"The {name} is right" if alone else f"The best, the {name}, is right"
    said = Markup("{} on <strong>{:.2%}</strong>").format(text, reached)
    if not baseline:
        return said + "."
    simple = baseline["test_accuracy"]
    if simple > reached:
        judged = f"is better than {'the' if alone else 'every'} network here"
    else:
        judged = "is as good" if simple == reached else "is not as good"
    return Markup(
        "{}; a linear baseline on counts of words and pairs of words {}: <strong>{:.2%}</strong>."
    ).format(said, judged, simple)


def chance(accuracy: float, count: int | None) -> str:
    """How far chance alone moves an accuracy: 1.96 standard errors of a proportion.

    >>> chance(0.5, 10_000)[:75]
    'The 95% confidence interval of an accuracy on 10,000 reviews is ±1.0 points'
    """
    if not count:
        return "Each network was trained once; other seeds give other results."
    points = 196 * math.sqrt(accuracy * (1 - accuracy) / count)
    return (
        f"The 95% confidence interval of an accuracy on {count:,} reviews is "
        f"±{points:.1f} points, and each network was trained once: smaller "
        "differences mean little."
    )


def overfitting(
    runs: Sequence[Record], things: str = "reviews", validation: str = "validation_loss"
) -> str:
    """Which networks went on learning their training data when validation no longer improved.

    Args:
        runs: records with `cell` and `history`, one for each cell.
        things: what is learned from.
        validation: the field of a history that holds the loss on validation data.
    """
    late: dict[int, list[str]] = {}
    growing = []
    for record in runs:
        history = [r for r in record.get("history", []) if {"loss", validation} <= r.keys()]
        if len(history) < 2:
            continue
        best, last = min(history, key=lambda r: r[validation]), history[-1]
        if best is last:
            growing.append(f"the {cell_name(record['cell'])}")
        elif last["loss"] < best["loss"]:
            late.setdefault(best["epoch"], []).append(f"the {cell_name(record['cell'])}")
    text = []
    if late:
        who = listed(f"{listed(names)} after epoch {epoch}" for epoch, names in late.items())
        text.append(
            f"Overfitting: the loss on training {things} still decreases, but "
            f"that on validation {things} does not: {who}."
        )
    if growing:
        text.append(f"More epochs may still improve {listed(growing)}.")
    return " ".join(text)


def gradient_reach(flow: Mapping[str, Times]) -> str:
    """How far back from the last step the gradient reaches.

    A sentence for each time compares the cells' outputs, and one for each further state its times.
    """
    text = []
    for when, opening in {"start": "Before training", "trained": "After it"}.items():
        sizes = {cell: output_sizes(times, when) for cell, times in flow.items()}
        reach = {cell: _reach(each) for cell, each in sizes.items() if _measured(each)}
        gone = [(step, cell_name(cell)) for cell, (step, part) in reach.items() if not part]
        kept = [(percent(part), cell_name(cell)) for cell, (_, part) in reach.items() if part]
        clauses = []
        if gone:
            (step, name), *others = gone
            ends = [f"{_back(step)} in the {name}"] + [f"{k} in the {name}" for k, name in others]
            clauses.append(f"1% of its largest size is left {listed(ends)}")
        if kept:
            (most, name), *rest = kept
            whole = "it" if gone else "its largest size"
            ends = [f"{most} of {whole} in the {name}"] + [f"{p} in the {name}" for p, name in rest]
            far = max(step for step, part in reach.values() if part)
            clauses.append(f"{_back(far)} there is still {listed(ends)}")
        if clauses:
            text.append(f"{opening}, {'; '.join(clauses)}.")
    for cell, times in flow.items():
        for state in list(dict.fromkeys(s for states in times.values() for s in states))[1:]:
            ends = []
            for when, closing in {"start": "before training", "trained": "after it"}.items():
                if _measured(each := times.get(when, {}).get(state, [])):
                    step, part = _reach(each)
                    ends.append(f"{percent(part or VANISHED)} is left {_back(step)} {closing}")
            if ends:
                owner = f"the {cell_name(cell)}’s {state}"
                text.append(f"Of the gradient of {owner} (dashed), {listed(ends)}.")
    return " ".join(text)


def output_sizes(times: Times, when: str) -> Sequence[float]:
    """The sizes for the first state, which is a cell's output."""
    return next(iter(times.get(when, {}).values()), [])


def writer(generator: Record) -> str:
    """What was trained to write, on how much, and how unsure it still is."""
    text = _a_cell(generator)
    if "parameters" in generator:
        text += f" of {generator['parameters']:,} parameters"
    text += f" read {_count(generator.get('characters'), 'characters')}"
    if "seconds" in generator:
        text += f" in {duration(generator['seconds'])}"
    text += "."
    if "bits" in generator:
        text += f" On held-out text its loss is {generator['bits']:.2f} bits per character"
        if "nats" in generator:
            text += f" ({generator['nats']:.3f} nats)"
        if "perplexity" in generator:
            text += f", a perplexity of {generator['perplexity']:.1f}"
        text += "."
    return text[0].upper() + text[1:]


def cell_name(cell: str) -> str:
    """A cell as people write it."""
    return cell_label(cell)


def source_name(record: Record) -> str:
    """A packaged source as people write it."""
    return str(record.get("source", "text")).replace("_", " ").capitalize()


def listed(names: Iterable[str]) -> str:
    """Names as a sentence has them.

    >>> listed("abc")
    'a, b and c'
    """
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def percent(part: float) -> str:
    """A part as a percentage of two digits.

    >>> percent(0.123), percent(0.0123), percent(1e-9)
    ('12%', '1.2%', '<0.01%')
    """
    if 0 < part < 1e-4:
        return "<0.01%"
    return f"{part:.0%}" if part >= 0.0995 else f"{100 * part:.2g}%"


def duration(seconds: float) -> str:
    """Seconds as people read them: `48 s`, `3 min 05 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _measured(sizes: Sequence[float]) -> bool:
    """Whether there is anything to say about a curve."""
    return len(sizes) > 1 and 0 < max(sizes) < math.inf


def _reach(sizes: Sequence[float]) -> tuple[int, float]:
    """Where 1% of the largest size is left, and 0; or the last step, and the part left there."""
    step = vanishing_step(sizes)
    return (len(sizes) - 1, sizes[-1] / max(sizes)) if step is None else (step, 0.0)


def _back(steps: int) -> str:
    return "1 step back" if steps == 1 else f"{steps} steps back"


def _a_cell(record: Record) -> str:
    """A cell's name with its article; the name is read letter by letter: an LSTM, a GRU."""
    name = cell_name(record["cell"])
    return f"{'an' if name[0] in 'AEFHILMNORSX' else 'a'} {name}"


def _count(number: int | None, things: str) -> str:
    return things if number is None else f"{number:,} {things}"
