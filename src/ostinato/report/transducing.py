"""Sections on transducers: errors by the length of a text, and what each output looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from markupsafe import Markup

from ostinato.report.figures import Look, heat_map, length_curves, looks
from ostinato.report.page import key, legend, named, plot
from ostinato.report.records import Record
from ostinato.report.sentences import cell_name

SEES = "without attention"
"""What is said of a network whose decoder knows the last state of its encoder alone."""


def transducing(groups: Mapping[str, Sequence[Record]]) -> Record:
    """For each cell what its first run reaches, its errors by length, and texts that are shown.

    Args:
        groups: the runs of each cell; of transducers they have `attentions`, and `lengths` in
            `test`.
    """
    names = ("exact_match", "error_rate", "bleu", "chrf", "signatures", "lengths")
    return {
        cell: {name: own[0]["test"][name] for name in names} | {"shown": own[0]["attentions"]}
        for cell, own in groups.items()
        if "attentions" in own[0] and "lengths" in own[0].get("test", {})
    }


def lengths_section(found: Record) -> str:
    """Errors by the length of a text, and all measures."""
    if not found:
        return ""
    look = looks(found)
    lengths = {cell: own["lengths"] for cell, own in found.items()}
    unit = next(iter(lengths.values()))["unit"]
    plots = Markup().join(
        plot(length_curves(lengths, field), title)
        for field, title in {
            "error_rate": "Token error rate",
            "exact_match": "Exact match",
        }.items()
    )
    rows = Markup().join(
        Markup(
            '<tr><th scope="row">{}{}</th>'
            "<td>{:.2%}</td><td>{:.2%}</td>"
            "<td>{:.2f}</td><td>{:.2f}</td></tr>"
        ).format(
            key(look[cell]),
            cell_name(cell),
            own["error_rate"],
            own["exact_match"],
            own["bleu"],
            own["chrf"],
        )
        for cell, own in found.items()
    )
    heads = ("model", "token error rate", "exact match", "BLEU", "chrF")
    head = Markup().join(Markup('<th scope="col">{}</th>').format(name) for name in heads)
    signatures = next(iter(found.values()))["signatures"]
    plain = [cell for cell, own in found.items() if _blind(own)]
    why = ""
    if plain and len(plain) < len(found):
        why = Markup(
            "<p>Without attention the whole text must be encoded in one "
            "vector, the last state of the encoder, however long the text "
            "is. With attention the decoder can use the state of every token "
            "(Bahdanau, Cho and Bengio 2015). {}</p>"
        ).format(Markup(" ").join(_change(cell, own) for cell, own in found.items()))
    return Markup("""<h2>Errors by length</h2>
<p>Held-out texts in groups of similar length, in {}. The token error rate is the number of
substitutions, insertions and deletions divided by the length of the nearest reference; exact match
is the fraction of texts whose output has no error.</p>
{}
{}
<div class="pair">{}</div>
<div class="wide" role="region" aria-label="Measures" tabindex="0"><table><thead><tr>{}</tr>
</thead><tbody>{}</tbody></table></div>
<p class="note">BLEU: {}; chrF: {}. First seeds.</p>""").format(
        unit, why, legend(look, {}), plots, head, rows, signatures[0], signatures[1]
    )


def attention_section(found: Record) -> str:
    """Some texts, their outputs, and where there is attention what each token looked at."""
    if not found:
        return ""
    look = looks(found)
    most = max(len(own["shown"]) for own in found.values())
    figures = Markup().join(
        _shown(cell, own["shown"][k], look[cell])
        for k in range(most)  # the same text of all of them side by side
        for cell, own in found.items()
        if k < len(own["shown"])
    )
    return Markup("""<h2>Attention</h2>
<p>Attention weights of held-out texts: source tokens (columns) and output tokens (rows). Each row
sums to 1; stronger colours are larger weights.</p>
<div class="pair maps">{}</div>""").format(figures)


def _change(cell: str, own: Record) -> str:
    """How errors go from the shortest texts to the longest."""
    first, *_, last = own["lengths"]["groups"] * 2
    return (
        f"{cell_name(cell)}: token error rate {first['error_rate']:.1%} for "
        f"the shortest texts, {last['error_rate']:.1%} for the longest."
    )


def _shown(cell: str, each: Record, look: Look) -> str:
    right = each["text"].split() == each["reference"].split()
    said = "right" if right else Markup("correct: <q>{}</q>").format(each["reference"])
    text = Markup('<p class="note"><q>{}</q> <small class="said">{}</small></p>').format(
        each["text"], said
    )
    title = named(look, cell)
    if each["weights"] is None:
        between = "" if _letters(each["source"]) else " "
        source = between.join(each["source"])
        return Markup(
            "<figure><figcaption>{} <small>{}</small></figcaption>"
            '<pre class="sample">{}</pre>{}</figure>'
        ).format(title, SEES, source, text)
    return Markup("{}{}</div>").format(
        _with_height(heat_map(each, look), title, len(each["tokens"])), text
    )


def _with_height(figure: go.Figure, title: str, rows: int) -> str:
    height = 5.5 + 1.35 * max(rows, 3)
    return Markup('<div class="map" style="--height:{:.1f}rem">{}').format(
        height, plot(figure, title)
    )


def _letters(tokens: Sequence[str]) -> bool:
    return all(len(token) == 1 for token in tokens)


def _blind(own: Record) -> bool:
    return all(each["weights"] is None for each in own["shown"])
