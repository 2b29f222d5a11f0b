"""A comparison → sentences: what is shown is said, what is not shown is said not to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ostinato import tasks
from ostinato.report.diagrams import reads_numbers
from ostinato.report.figures import cell_label
from ostinato.report.records import Record
from ostinato.report.sentences import listed
from ostinato.statistics import LEVEL
from ostinato.tasks.base.terms import Terms

MANY = 4
"""The most pairs without a shown difference that are named one by one."""


def terms_of(results: Record) -> Terms:
    """The words of the task, as they are for what its networks read."""
    terms = tasks.of_metric(results["metric"]).terms
    parts: Sequence[Record] = next(iter(results["architectures"].values()), [])
    return terms.of_series() if reads_numbers(parts) else terms


def measure(metric: str, value: float) -> str:
    """A value, or a difference, of a metric.

    >>> measure("accuracy", 0.8651), measure("nats", 1.5)
    ('86.51%', '1.500')
    """
    digits = tasks.of_metric(metric).terms.digits
    return f"{value:.2%}" if digits is None else f"{value:.{digits}f}"


def p_value(p: float) -> str:
    """A p as people write it.

    >>> p_value(0.0312), p_value(0.4), p_value(1e-9)
    ('p = 0.031', 'p = 0.40', 'p < 0.001')
    """
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def contestant(name: str, baseline: Record | None) -> str:
    """A cell as people write it in a sentence; the baseline under its own name."""
    return f"the {name}" if baseline and name == baseline["name"] else cell_label(name)


def reached(results: Record) -> str:
    """Which has the best mean, and how it stands beside the baseline, whatever chance says."""
    metric, lower, baseline = results["metric"], results["lower"], results["baseline"]
    rows = [row for row in results["rows"] if "mean" in row]
    if not rows:
        return ""
    top = (min if lower else max)(rows, key=lambda row: row["mean"])
    mean, name = measure(metric, top["mean"]), cell_label(top["cell"])
    best = f"{name} reaches"
    if len(rows) > 1:
        alone = all(row["deviation"] is None for row in rows)
        best = f"Among the networks, {name} {'is best' if alone else 'has the best mean'}:"
    text = f"{best} {mean} {tasks.of_metric(metric).terms.words}"
    if baseline:
        text += f"; the {baseline['name']} has {measure(metric, baseline[metric])}"
    return f"{text}."


def verdicts(results: Record) -> list[str]:
    """What the tests show, and what they do not show."""
    pairs, baseline = results["pairs"], results["baseline"]
    if not pairs:
        return []
    if all(pair["over_seeds"] is None for pair in pairs):
        return ["With one seed the differences cannot be tested: use at least three seeds."]
    said = []
    ahead: dict[str, list[str]] = {}
    for pair in pairs:
        if pair["better"]:
            behind = pair["second"] if pair["better"] == pair["first"] else pair["first"]
            p = f"{contestant(behind, baseline)} ({p_value(pair['p'])})"
            ahead.setdefault(pair["better"], []).append(p)
    for better, behind in ahead.items():
        said.append(f"{_capital(contestant(better, baseline))} is better than {listed(behind)}.")
    open_ = [
        f"{contestant(pair['first'], baseline)} and {contestant(pair['second'], baseline)}"
        for pair in pairs
        if not pair["better"]
    ]
    if len(open_) > MANY:
        said.append(f"No significant difference for {len(open_)} of {len(pairs)} pairs.")
    elif open_:
        said.append(f"No significant difference between {'; '.join(open_)}.")
    return said


def networks_alone(results: Record) -> str:
    """That the figures are not those of the answers, where nothing but validation measured them."""
    rows = results["rows"]
    if any("mean" in row for row in rows) or not any(row["joined"] for row in rows):
        return ""
    return (
        "These figures are those of the networks alone: give --data for those of what answers "
        "together."
    )


def method(results: Record) -> str:
    """Which tests were made, and what had to hold."""
    pairs = results["pairs"]
    if not pairs:
        return ""
    over_seeds = _names(pair["seeds_test"] for pair in pairs if pair["seeds_test"])
    over_examples = _names(pair["examples_test"] for pair in pairs)
    each = _names(pair["each_seed_test"] for pair in pairs)
    examples = terms_of(results).examples
    if not over_seeds:
        return (
            f"Each pair is compared on the same {examples} ({each}). The test knows nothing of "
            "other seeds."
        )
    text = (
        f"Each pair is compared on the same {examples}, seed by seed. Test "
        f"over {examples}, each with its mean over seeds: {over_examples}; "
        f"for each seed: {each}. "
    )
    return text + (
        f"Test over seeds: {over_seeds}. A difference is significant if "
        f"both p-values, corrected for {_pairs(len(pairs))} (Holm), are "
        f"below {LEVEL}; the larger one is shown. All tests are "
        "two-sided. A difference that is not significant may still exist."
    )


def equality(results: Record) -> str:
    """What was made equal, and how near it came."""
    rows, equal = results["rows"], results.get("equal")
    if equal == "time":
        return (
            "Every run had the same training time, and the learning rate "
            "schedule follows the time, so the results depend on this "
            "machine."
        )
    if equal not in ("parameters", "recurrent"):
        return ""
    name = "parameters" if equal == "parameters" else "recurrent_parameters"
    first, *others = rows
    near = [
        f"{cell_label(row['cell'])} {row['hidden']} units, {row[name] / first[name] - 1:+.2%}"
        for row in others
    ]
    what = "All parameters" if equal == "parameters" else "The recurrent parameters"
    return (
        f"{what} were matched to those of {cell_label(first['cell'])} with "
        f"{first['hidden']} units, {first[name]:,}: {listed(near)}."
        if near
        else ""
    )


def _names(tests: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(tests))


def _pairs(count: int) -> str:
    return "the one pair" if count == 1 else f"{count} pairs"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def overview(results: Record) -> Sequence[str]:
    """All of it in short: what was done, what is best, what is shown."""
    rows, data = results["rows"], results.get("data", {})
    # what answers with a network is not trained with a seed
    networks = dict.fromkeys(cell_label(row["cell"].partition(" with ")[0]) for row in rows)
    names, many = listed(networks), len(networks) > 1
    seeds = {len(row["seeds"]) for row in rows}
    each = " each" if many else ""
    times = f"with {_number(seeds.pop())}{each}" if len(seeds) == 1 else ""
    terms, judged = terms_of(results), results.get("judged")
    did = f"{names} {'were' if many else 'was'} trained {times}".rstrip()
    if data:
        did += f" on {data['training']:,} {terms.data}, and evaluated on {data['test']:,} "
        did += "held-out ones"
    elif judged:
        did += f", and evaluated on {judged:,} held-out {terms.examples}"
    return [f"{did}.", reached(results), *verdicts(results)]


def _number(seeds: int) -> str:
    return "one seed" if seeds == 1 else f"{seeds} seeds"
