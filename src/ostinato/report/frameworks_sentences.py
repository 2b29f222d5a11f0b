"""Frameworks side by side, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from ostinato.report.frameworks import coincide
from ostinato.report.records import Record, Results
from ostinato.report.sentences import listed


def says(results: Results) -> list[str]:
    """What was found, in sentences of plain text."""
    text = []
    first, *others = results["titles"]
    for name in others:
        both = listed(results["titles"][k] for k in (first, name))
        one: dict[str, str] = {}
        two: dict[str, str] = {}
        same: dict[str, str] = {}
        times: dict[str, float] = {}
        for each in results["cells"]:
            cell = each["name"].upper()
            own = next(d for d in each["differences"] if d["framework"] == name)
            (one if coincide(own, each["shaken"]) else two)[cell] = tiny(own["largest"])
            same[cell] = f"{own['alike']:,}"
            times[cell] = _times(each, first, name)
        if one:
            text.append(
                f"The loss curves of {both} coincide: the largest difference "
                f"at any step is {_each(one)} nats."
            )
        if two:
            text.append(f"The loss curves of {both} differ: by up to {_each(two)} nats.")
        text.append(f"Of {results['held']:,} held-out texts {_each(same)} get the same label.")
        behind = all(ratio < 1 for ratio in times.values())
        shown = {cell: f"{1 / r if behind else r:.3g}" for cell, r in times.items()}
        ahead = results["titles"][name if behind else first]
        text.append(f"{ahead} trains {_each(shown)} times as fast.")
    moved = {
        each["name"].upper(): tiny(each["shaken"]["largest"])
        for each in results["cells"]
        if each["shaken"]
    }
    if moved:
        text.insert(
            1,
            "Rounding each weight at each step changes the loss in one framework "
            f"by up to {_each(moved)} nats.",
        )
    return text


def _each(values: Mapping[str, str]) -> str:
    """The value of each cell; of a single one alone.

    >>> _each({"LSTM": "12", "GRU": "13"}), _each({"GRU": "13"})
    ('12 (LSTM) and 13 (GRU)', '13')
    """
    if len(values) == 1:
        return next(iter(values.values()))
    return listed(f"{value} ({cell})" for cell, value in values.items())


def _times(each: Record, first: str, other: str) -> float:
    """How many times as fast the first trains as the other."""
    speeds = {trial["framework"]: trial["tokens_per_second"] for trial in each["trials"]}
    return float(speeds[first] / speeds[other])


def done(results: Results) -> str:
    """What was trained, where, and on what."""
    names = list(results["titles"].values())
    count = f"{results['training']:,} texts"
    if len(names) == 1:
        right = {
            each["name"].upper(): f"{each['trials'][0]['accuracy']:.2%}"
            for each in results["cells"]
        }
        held = f"{results['held']:,} held-out texts"
        return f"Trained in {names[0]} on {count}. Accuracy on {held}: {_each(right)}."
    return (
        f"Trained in {listed(names)} with the same initial weights, on the "
        f"same batches of {count} in the same order."
    )


def tiny(number: float) -> str:
    """A small number of two digits, as people write it.

    >>> tiny(2.384e-7), tiny(0.0312), tiny(0.0)
    ('2.4·10⁻⁷', '0.031', '0')
    """
    if number == 0:
        return "0"
    if number >= 1e-3:
        return f"{number:.2g}"
    digits, _, power = f"{number:.1e}".partition("e")
    return f"{digits}·10{raised(int(power))}"


def raised(power: int) -> str:
    """A power as it stands above the line."""
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
