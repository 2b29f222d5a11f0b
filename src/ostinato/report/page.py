"""Results → one HTML page that loads nothing: style, figures and Plotly itself lie inside it.

A section is a function from the results to HTML; a section whose results are missing is "".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from ostinato.report.figures import (
    Look,
    accuracy_curves,
    generator_curves,
    gradient_curves,
    looks,
    loss_curves,
)
from ostinato.report.sentences import (
    cell_name,
    chance,
    duration,
    gradient_reach,
    output_sizes,
    overfitting,
    percent,
    source_name,
    summary,
    writer,
)

DOTS = 60
"""The steps that the strip in the head of the page shows."""
SHAPES = {
    "circle": '<circle cx="14" cy="6" r="4"/>',
    "square": '<path d="M10 2h8v8h-8z"/>',
    "diamond": '<path d="M14 1l5 5-5 5-5-5z"/>',
    "triangle-up": '<path d="M14 1l5 9h-10z"/>',
    "triangle-down": '<path d="M14 11l5-9h-10z"/>',
    "cross": '<path d="M12 1h4v3h3v4h-3v3h-4v-3h-3v-4h3z"/>',
    "line": '<path d="M9 5h10v2.5h-10z"/>',
}
DASHES = {"solid": "", "dash": "7 4", "dot": "2 3"}
SYMBOLS = {" ": "␣", "\n": "↵", "\t": "⇥"}
PYTHON = re.compile(
    r"""(?P<remark>\#.*|\"{3}[\s\S]*?\"{3})|(?P<word>\b(?:def|return|for|in|if|else|not)\b)"""
)

Results = Mapping[str, Any]


def demo_page(results: dict[str, Any]) -> str:
    """The page of `ostinato demo`.

    Args:
        results: plain data, as in `demo.json`: `title`, `created` (ISO 8601), `seconds`,
            `machine`, `data` (reviews by split), `classifiers` (a record for each cell),
            `baseline`, `flow` (gradient sizes by cell, time, state and distance), `generator`,
            `equations` (code by cell), `next_steps`. A part that is missing is left out.

    Returns:
        HTML that opens from a file, without network; a content security policy in it forbids
        the page to load anything.
    """
    sections = {
        "Comparison": _comparison(results),
        "Learning": _learning(results.get("classifiers", [])),
        "Gradients": _gradients(results.get("flow", {})),
        "Equations": _equations(results.get("equations", {})),
        "Generator": _generator(results.get("generator")),
        "Next": _next_steps(results.get("next_steps", [])),
    }
    shown = {name: text for name, text in sections.items() if text}
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name in shown)
    body = "\n".join(
        f'<section id="{name.lower()}">\n{text}\n</section>' for name, text in shown.items()
    )
    title = escape(results.get("title", "Ostinato"))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data: blob:; \
style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>
{_packaged("page.css")}</style>
</head>
<body>
<header>
<p class="brand">ostinato</p>
<h1>{title}</h1>
<p class="lead">{summary(results)}</p>
{_strip(results.get("flow", {}))}
<nav aria-label="Sections">{links}</nav>
</header>
<main>
{body}
</main>
<footer>{_origin(results)}</footer>
{_drawing() if 'class="plot"' in body else ""}</body>
</html>
"""


# ---------------------------------------------------------------------------------- the head


def _strip(flow: Results) -> str:
    """Dots for the last words of a review, as large as the gradient that reaches them."""
    rows = []
    for cell, look in looks(flow).items():
        sizes = output_sizes(flow[cell], "trained")[:DOTS]
        largest = max(sizes, default=0)
        if not 0 < largest < math.inf:
            continue
        dots = "".join(
            f'<circle cx="{10 * (DOTS - k) - 5}" cy="5" r="{radius:.2f}"/>'
            for k, size in enumerate(sizes)
            if (radius := 0.6 + 3.6 * math.sqrt(max(size, 0) / largest))
        )
        rows.append(
            f'<span>{cell_name(cell)}</span><svg viewBox="0 0 {10 * DOTS} 10" fill="{look.color}" '
            f'preserveAspectRatio="xMaxYMid slice" aria-hidden="true">{dots}</svg>'
        )
    if not rows:
        return ""
    return (
        f'<figure class="strip"><div>{"".join(rows)}</div><figcaption>The last words of a review. '
        "The larger a dot, the more of the gradient comes back to that word once the network is "
        "trained.</figcaption></figure>"
    )


def _origin(results: Results) -> str:
    """When, where and how long."""
    parts = []
    if created := results.get("created"):
        when = datetime.fromisoformat(created)
        parts.append(
            f'<time datetime="{escape(created)}">{when.day} {when:%B %Y, %H:%M} UTC</time>'
        )
    if "seconds" in results:
        parts.append(duration(results["seconds"]))
    if "machine" in results:
        parts.append(escape(results["machine"]))
    return f"<p>Made by <code>ostinato demo</code> · {' · '.join(parts)}</p>"


# ----------------------------------------------------------------------- the film reviews


def _comparison(results: Results) -> str:
    """The table: accuracy, size and time, the linear baseline last and never left out."""
    classifiers, baseline = results.get("classifiers", []), results.get("baseline")
    rows = [*classifiers, *([baseline] if baseline else [])]
    if not rows:
        return ""
    best = max(row["test_accuracy"] for row in rows)
    look = looks(record["cell"] for record in classifiers)
    body = "\n".join(_row(row, look, row["test_accuracy"] == best) for row in rows)
    data = results.get("data", {})
    splits = ", ".join(
        f"{data[split]:,} {use}"
        for split, use in {
            "training": "to learn from",
            "validation": "to choose the epoch by",
            "test": "to judge by",
        }.items()
        if split in data
    )
    return f"""<h2>Who reads reviews best?</h2>
<div class="wide" role="region" aria-label="Comparison" tabindex="0"><table>
<thead><tr><th scope="col">model</th><th scope="col" class="accuracy">accuracy on held-out reviews
</th><th scope="col">on validation</th><th scope="col">parameters</th><th scope="col">of these
recurrent</th><th scope="col">training time</th></tr></thead>
<tbody>
{body}
</tbody>
</table></div>
<p class="note">{f"Reviews: {splits}. " if splits else ""}{chance(best, data.get("test"))}</p>"""


def _row(row: Results, look: Mapping[str, Look], best: bool) -> str:
    if "cell" in row:
        each, name = look[row["cell"]], cell_name(row["cell"])
        aside = f"level {escape(row['level'])}" if "level" in row else ""
    else:
        each, name = Look("var(--muted)", "line"), "linear baseline"
        aside = "words and pairs, tf-idf"
    accuracy = row["test_accuracy"]
    mark = ' <span class="best">best</span>' if best else ""
    cells = [
        f"{row['validation_accuracy']:.2%}" if "validation_accuracy" in row else "–",
        f"{row['parameters']:,}" if "parameters" in row else "–",
        f"{row['recurrent_parameters']:,}" if "recurrent_parameters" in row else "–",
        duration(row["seconds"]) if "seconds" in row else "–",
    ]
    return (
        f'<tr{" class=top" if best else ""}><th scope="row">{_key(each)}{name} '
        f'<small>{aside}</small></th><td class="accuracy">'
        f"{_bar(accuracy, each.color)}<b>{accuracy:.2%}</b>{mark}</td>"
        f"{''.join(f'<td>{text}</td>' for text in cells)}</tr>"
    )


def _learning(classifiers: Sequence[Results]) -> str:
    """Loss and accuracy by epoch."""
    classifiers = [record for record in classifiers if record.get("history")]
    if not classifiers:
        return ""
    look = looks(record["cell"] for record in classifiers)
    loss = _plot(loss_curves(classifiers), "Loss, nats for each review")
    accuracy = _plot(accuracy_curves(classifiers), "Accuracy on validation reviews")
    return f"""<h2>How they learned</h2>
<p>{overfitting(classifiers)}</p>
{_legend(look, {"validation": "solid", "training": "dot"})}
<div class="pair">{loss}{accuracy}</div>"""


def _gradients(flow: Results) -> str:
    """The size of the gradient by distance, before and after training."""
    if not flow:
        return ""
    look = looks(flow)
    others = any(len(states) > 1 for times in flow.values() for states in times.values())
    legend = _legend(look, {"output h": "solid", "cell state c": "dash"} if others else {})
    titles = {"start": "Before training", "trained": "After training"}
    dashed = ", dashed ‖∂L/∂c<sub>t</sub>‖" if others else ""
    size = f"<small>mean ‖∂L/∂h<sub>t</sub>‖{dashed}</small>"
    plots = "".join(
        _plot(gradient_curves(flow, when), f"{title} {size}")
        for when, title in titles.items()
        if any(times.get(when) for times in flow.values())
    )
    return f"""<h2>How far back the gradient reaches</h2>
<p>A word can teach a network only as much as the gradient of the loss that comes back to it.
{gradient_reach(flow)}</p>
{legend}
<div class="pair">{plots}</div>
<p class="note">On a log axis; a mark stands where 1% of a gradient’s largest size is left. Means
over reviews, the loss at the last word.</p>"""


def _equations(equations: Mapping[str, str]) -> str:
    """The code of each cell."""
    if not equations:
        return ""
    look = looks(equations)
    blocks = "".join(
        f'<details open><summary>{_key(look[cell])}{cell_name(cell)}</summary><pre class="code">\n'
        f"{_colored(source)}</pre></details>"
        for cell, source in equations.items()
    )
    return f"""<h2>What they compute</h2>
<p>One step, repeated for every word: from the word’s vector and the states before to the states
after.</p>
{blocks}"""


def _colored(source: str) -> str:
    """Escaped code, its words and remarks marked."""
    parts, end = [], 0
    for match in PYTHON.finditer(source):
        parts.append(escape(source[end : match.start()]))
        parts.append(f'<span class="{match.lastgroup}">{escape(match.group())}</span>')
        end = match.end()
    return "".join([*parts, escape(source[end:])])


# ------------------------------------------------------------------------------ the generator


def _generator(generator: Results | None) -> str:
    """What the character model wrote, how sure it is, and what it would write next."""
    if not generator:
        return ""
    prompt = generator.get("prompt", "")
    samples = "".join(
        f"<figure><figcaption>temperature {sample['temperature']}</figcaption>"
        f'<pre class="sample">\n{_begun(sample["text"], prompt)}</pre></figure>'
        for sample in generator.get("samples", [])
    )
    look = looks([generator["cell"]])[generator["cell"]]
    charts = _next_symbols(generator.get("next", []), prompt, look.color)
    if len(generator.get("history", [])) > 1:
        charts += _plot(generator_curves(generator), "Bits for each character held out")
    return f"""<h2>A writer of {source_name(generator)}</h2>
<p>{writer(generator)} A low temperature keeps to what is likely; a high one dares more, and errs
more.</p>
<div class="samples">{samples}</div>
<p class="note warning">Nobody said this: the text is invented, one character at a time. It
imitates what it was trained on, and can carry what is ugly there.</p>
<div class="pair">{charts}</div>"""


def _begun(text: str, prompt: str) -> str:
    """An escaped sample, the prompt in it marked."""
    if prompt and text.startswith(prompt):
        return f"<b>{escape(prompt)}</b>{escape(text[len(prompt) :])}"
    return escape(text)


def _next_symbols(rows: Sequence[Results], prompt: str, color: str) -> str:
    """Bars for what comes next, the longest as long as the figure."""
    if not rows:
        return ""
    largest = max(row["probability"] for row in rows) or 1.0
    lines = "".join(
        f'<tr><th scope="row"><kbd>{escape(_visible(row["symbol"]))}</kbd></th>'
        f"<td>{_bar(row['probability'] / largest, color)}</td>"
        f"<td>{percent(row['probability'])}</td></tr>"
        for row in rows
    )
    after = f"After <kbd>{escape(_visible(prompt))}</kbd> comes" if prompt else "First comes"
    table = f'<table class="next"><tbody>{lines}</tbody></table>'
    return f"<figure><figcaption>{after}</figcaption>{table}</figure>"


def _visible(text: str) -> str:
    """White space as signs."""
    return "".join(SYMBOLS.get(symbol, symbol) for symbol in text)


def _next_steps(steps: Sequence[Results]) -> str:
    """Commands to go on with."""
    if not steps:
        return ""
    rows = "".join(
        f"<li><code>{escape(step['command'])}</code><span>{escape(step['why'])}</span></li>"
        for step in steps
    )
    return f'<h2>What to try next</h2>\n<ul class="commands">{rows}</ul>'


# --------------------------------------------------------------------- the parts of a section


def _plot(figure: go.Figure, title: str) -> str:
    """A figure with its title, drawn by page.js from the JSON behind it."""
    label = escape(re.sub(r"<[^>]*>", "", title), quote=True)
    data = figure.to_json().replace("<", "\\u003c")
    return (
        f"<figure><figcaption>{title}</figcaption>"
        f'<div class="plot" role="img" aria-label="{label}"></div>'
        f'<script type="application/json">{data}</script></figure>'
    )


def _legend(look: Mapping[str, Look], dashes: Mapping[str, str]) -> str:
    """Cells with their colour and shape, kinds of line with their dashes."""
    keys = [f"<li>{_key(each)}{cell_name(cell)}</li>" for cell, each in look.items()]
    keys += [f"<li>{_line(dash)}{escape(name)}</li>" for name, dash in dashes.items()]
    return f'<ul class="legend">{"".join(keys)}</ul>' if keys else ""


def _key(look: Look) -> str:
    shape = SHAPES[look.symbol]
    return (
        f'<svg class="key" viewBox="8 0 12 12" fill="{look.color}" aria-hidden="true">{shape}</svg>'
    )


def _line(dash: str) -> str:
    return (
        '<svg class="key line" viewBox="0 0 28 12" stroke="currentColor" stroke-width="2" '
        f'stroke-dasharray="{DASHES[dash]}" aria-hidden="true"><path d="M0 6h28"/></svg>'
    )


def _bar(part: float, color: str) -> str:
    return f'<i class="bar" aria-hidden="true" style="--part:{part:.4f};--color:{color}"></i>'


def _drawing() -> str:
    """Plotly and the few lines that draw with it."""
    note = "<noscript><p>The figures need JavaScript; nothing is loaded.</p></noscript>"
    return f"{note}\n<script>{get_plotlyjs()}</script>\n<script>\n{_packaged('page.js')}</script>\n"


def _packaged(name: str) -> str:
    return files("ostinato.report").joinpath(name).read_text("utf-8")
