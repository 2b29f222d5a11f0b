"""The page of `ostinato demo`.

A section is a function from the results to HTML; a section whose results are missing is "".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ostinato.report.figures import Look, looks, metric_curves
from ostinato.report.page import Results, bar, document, key, origin, plot
from ostinato.report.sections import gradients, learning
from ostinato.report.sentences import (
    cell_name,
    chance,
    duration,
    output_sizes,
    percent,
    source_name,
    summary,
    writer,
)
from ostinato.report.terms import TERMS

REVIEWS = TERMS["classify"]._replace(things="reviews")
SYMBOLS = {" ": "␣", "\n": "↵", "\t": "⇥"}
DOTS = 60
"""The steps that the strip in the head of the page shows."""
PYTHON = re.compile(
    r"""(?P<remark>\#.*|\"{3}[\s\S]*?\"{3})|(?P<word>\b(?:def|return|for|in|if|else|not)\b)"""
)


def demo_page(results: dict[str, Any]) -> str:
    """The page of `ostinato demo`.

    Args:
        results: plain data, as in `demo.json`: `title`, `created` (ISO 8601), `seconds`,
            `machine`, `data` (reviews by split), `classifiers` (a record for each cell),
            `baseline`, `flow` (gradient sizes by cell, time, state and distance), `generator`,
            `equations` (code by cell), `next_steps`. A part that is missing is left out.

    Returns:
        HTML, see `document`.
    """
    sections = {
        "Comparison": _comparison(results),
        "Learning": learning(results.get("classifiers", []), REVIEWS),
        "Gradients": gradients(
            results.get("flow", {}), "Means over reviews, the loss at the last word."
        ),
        "Equations": _equations(results.get("equations", {})),
        "Generator": _generator(results.get("generator")),
        "Next": _next_steps(results.get("next_steps", [])),
    }
    return document(
        results.get("title", "Ostinato"),
        summary(results),
        sections,
        origin(results, "ostinato demo"),
        _strip(results.get("flow", {})),
    )


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
        f'<tr{" class=top" if best else ""}><th scope="row">{key(each)}{name} '
        f'<small>{aside}</small></th><td class="accuracy">'
        f"{bar(accuracy, each.color)}<b>{accuracy:.2%}</b>{mark}</td>"
        f"{''.join(f'<td>{text}</td>' for text in cells)}</tr>"
    )


def _equations(equations: Mapping[str, str]) -> str:
    """The code of each cell."""
    if not equations:
        return ""
    look = looks(equations)
    blocks = "".join(
        f'<details open><summary>{key(look[cell])}{cell_name(cell)}</summary><pre class="code">\n'
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
        charts += plot(metric_curves([generator], "bits"), "Bits for each character held out")
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
        f"<td>{bar(row['probability'] / largest, color)}</td>"
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
