"""Sections on taggers: precision and recall of each type, and sentences with their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from ostinato.report.figures import looks
from ostinato.report.page import key
from ostinato.report.records import Record
from ostinato.report.sentences import cell_name

MOST = 40
"""The most types that are listed, those that come most often."""


def tagging(groups: Mapping[str, Sequence[Record]]) -> Record:
    """For each cell the counts of each type over all seeds, and the sentences of its first seed.

    Args:
        groups: the runs of each cell; of taggers they have `tagged`, and `kinds` in `test`.
    """
    found: dict[str, Record] = {}
    for cell, own in groups.items():
        if not all(run.get("tagged") and "kinds" in run.get("test", {}) for run in own):
            continue
        kinds: dict[str, list[int]] = {}
        for run in own:
            for kind, counts in run["test"]["kinds"].items():
                kinds[kind] = (np.array(kinds.get(kind, [0, 0, 0])) + counts).tolist()
        found[cell] = {"kinds": kinds, "sentences": own[0]["tagged"]}
    return found


def types_section(tagged: Record) -> str:
    """Precision, recall and F1 of each type."""
    if not tagged:
        return ""
    look = looks(tagged)
    figures = Markup().join(
        Markup("<figure><figcaption>{}{}</figcaption>{}</figure>").format(
            key(look[cell]), cell_name(cell), _types(own["kinds"])
        )
        for cell, own in tagged.items()
    )
    return Markup("""<h2>Precision and recall</h2>
<p>Precision is the fraction of what is predicted that is correct, recall the fraction of what is
there that is predicted, F1 their harmonic mean. An entity of several words is correct only as a
whole. The support is how often a type is there. All seeds together.</p>
<div class="pair">{}</div>""").format(figures)


def _types(kinds: Mapping[str, Sequence[int]]) -> str:
    shown = sorted(kinds.items(), key=lambda item: (-item[1][2], item[0]))
    rows = Markup().join(
        Markup(
            '<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td><b>{}</b></td><td>{:,}</td></tr>'
        ).format(
            kind,
            _part(correct, found),
            _part(correct, there),
            _part(2 * correct, found + there),
            there,
        )
        for kind, (correct, found, there) in shown[:MOST]
    )
    heads = Markup().join(
        Markup('<th scope="col">{}</th>').format(name)
        for name in ("type", "precision", "recall", "F1", "support")
    )
    table = Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(heads, rows)
    return Markup('<div class="scroll">{}</div>').format(table)


def _part(count: int, all_: int) -> str:
    return f"{count / all_:.1%}" if all_ else "–"


def sentences_section(tagged: Record) -> str:
    """Sentences, each tag under its word, the surer the stronger its ground; errors underlined."""
    if not tagged:
        return ""
    look = looks(tagged)
    figures = Markup().join(
        Markup(
            '<figure><figcaption>{}{}</figcaption><div style="--color:{}">{}</div></figure>'
        ).format(
            key(look[cell]),
            cell_name(cell),
            look[cell].color,
            Markup().join(_sentence(each) for each in own["sentences"]),
        )
        for cell, own in tagged.items()
    )
    return Markup("""<h2>Sentences</h2>
<p>Held-out sentences of the first seed, those with errors first. A stronger colour means a higher
confidence of the tag, given the whole sentence; hover to read it. A wrong tag is underlined and
followed by an arrow and the correct one.</p>
<div class="samples">{}</div>""").format(figures)


def _sentence(each: Record) -> str:
    rows = zip(each["words"], each["true"], each["tags"], each["sure"], strict=True)
    return Markup('<p class="tagged">{}</p>').format(Markup(" ").join(_word(*row) for row in rows))


def _word(word: str, true: str, tag: str, sure: float) -> str:
    if true == tag and tag == "O":
        return Markup('<span title="O, confidence {:.1%}">{}</span>').format(sure, word)
    kind, shown = ("tag", tag) if true == tag else ("tag wrong", f"{tag} → {true}")
    return Markup(
        '<span class="{}" style="--part:{:.3f}" title="{}, confidence {:.1%}">'
        "{} <small>{}</small></span>"
    ).format(kind, sure, tag, sure, word, shown)
