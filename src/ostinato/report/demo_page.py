"""The page of `ostinato demo`.

A section is a function from the results to HTML; a section whose results are missing is "".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from ostinato import tasks
from ostinato.report.figures import Look, looks, metric_curves
from ostinato.report.page import bar, document, key, origin, plot
from ostinato.report.records import Record, Results
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

REVIEWS = tasks.find("classify").terms._replace(things="reviews")
SYMBOLS = {" ": "␣", "\n": "↵", "\t": "⇥"}
DOTS = 60
"""The steps that the strip in the head of the page shows."""
PYTHON = re.compile(
    r"""(?P<remark>\#.*|\"{3}[\s\S]*?\"{3})|(?P<word>\b(?:def|return|for|in|if|else|not)\b)"""
)


def demo_page(results: Record) -> str:
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
            results.get("flow", {}), "Means over reviews; the loss is that of the last word."
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
        dots = Markup().join(
            Markup('<circle cx="{}" cy="5" r="{:.2f}"/>').format(10 * (DOTS - k) - 5, radius)
            for k, size in enumerate(sizes)
            if (radius := 0.6 + 3.6 * math.sqrt(max(size, 0) / largest))
        )
        rows.append(
            Markup(
                '<span>{}</span><svg viewBox="0 0 {} 10" fill="{}" '
                'preserveAspectRatio="xMaxYMid slice" aria-hidden="true">{}</svg>'
            ).format(cell_name(cell), 10 * DOTS, look.color, dots)
        )
    if not rows:
        return ""
    return Markup(
        '<figure class="strip"><div>{}</div><figcaption>The last words of a review. '
        "Larger dots mean a larger gradient at that word, after training.</figcaption></figure>"
    ).format(Markup().join(rows))


def _comparison(results: Results) -> str:
    """The table: accuracy, size and time, the linear baseline last and never left out."""
    classifiers, baseline = results.get("classifiers", []), results.get("baseline")
    rows = [*classifiers, *([baseline] if baseline else [])]
    if not rows:
        return ""
    best = max(row["test_accuracy"] for row in rows)
    look = looks(record["cell"] for record in classifiers)
    body = Markup("\n").join(_row(row, look, row["test_accuracy"] == best) for row in rows)
    data = results.get("data", {})
    splits = ", ".join(
        f"{data[split]:,} {use}"
        for split, use in {
            "training": "for training",
            "validation": "for validation",
            "test": "for testing",
        }.items()
        if split in data
    )
    return Markup("""<h2>Results on film reviews</h2>
<div class="wide" role="region" aria-label="Comparison" tabindex="0"><table>
<thead><tr><th scope="col">model</th><th scope="col" class="accuracy">accuracy on held-out reviews
</th><th scope="col">on the validation set</th><th scope="col">parameters</th><th
scope="col">recurrent</th><th scope="col">training time</th></tr></thead>
<tbody>
{}
</tbody>
</table></div>
<p class="note">{}{}</p>""").format(
        body, f"Reviews: {splits}. " if splits else "", chance(best, data.get("test"))
    )


def _row(row: Results, look: Mapping[str, Look], best: bool) -> str:
    if "cell" in row:
        each, name = look[row["cell"]], cell_name(row["cell"])
        aside = f"level {row['level']}" if "level" in row else ""
    else:
        each, name = Look("var(--muted)", "line"), "linear baseline"
        aside = "words and pairs, tf-idf"
    accuracy = row["test_accuracy"]
    mark = Markup(' <span class="best">best</span>') if best else ""
    cells = [
        f"{row['validation_accuracy']:.2%}" if "validation_accuracy" in row else "–",
        f"{row['parameters']:,}" if "parameters" in row else "–",
        f"{row['recurrent_parameters']:,}" if "recurrent_parameters" in row else "–",
        duration(row["seconds"]) if "seconds" in row else "–",
    ]
    return Markup(
        '<tr{}><th scope="row">{}{} '
        '<small>{}</small></th><td class="accuracy">'
        "{}<b>{:.2%}</b>{}</td>"
        "{}</tr>"
    ).format(
        " class=top" if best else "",
        key(each),
        name,
        aside,
        bar(accuracy, each.color),
        accuracy,
        mark,
        Markup().join(Markup("<td>{}</td>").format(text) for text in cells),
    )


def _equations(equations: Mapping[str, str]) -> str:
    """The code of each cell."""
    if not equations:
        return ""
    look = looks(equations)
    blocks = Markup().join(
        Markup(
            '<details open><summary>{}{}</summary><pre class="code">\n{}</pre></details>'
        ).format(key(look[cell]), cell_name(cell), _colored(source))
        for cell, source in equations.items()
    )
    return Markup("""<h2>Equations</h2>
<p>One step, repeated for every word: from the embedding of the word and the old states to the new
states.</p>
{}""").format(blocks)


def _colored(source: str) -> str:
    """Escaped code, its words and remarks marked."""
    parts, end = [], 0
    for match in PYTHON.finditer(source):
        parts.append(source[end : match.start()])
        parts.append(Markup('<span class="{}">{}</span>').format(match.lastgroup, match.group()))
        end = match.end()
    return Markup().join([*parts, source[end:]])


def _generator(generator: Results | None) -> str:
    """What the character model generated, its loss, and its predictions of the next character."""
    if not generator:
        return ""
    prompt = generator.get("prompt", "")
    samples = Markup().join(
        Markup(
            '<figure><figcaption>temperature {}</figcaption><pre class="sample">\n{}</pre></figure>'
        ).format(sample["temperature"], _begun(sample["text"], prompt))
        for sample in generator.get("samples", [])
    )
    look = looks([generator["cell"]])[generator["cell"]]
    charts = _next_symbols(generator.get("next", []), prompt, look.color)
    if len(generator.get("history", [])) > 1:
        charts += plot(
            metric_curves([generator], "bits"), "Bits per character on the held-out text"
        )
    return Markup("""<h2>Text generation: {}</h2>
<p>{} A low temperature favours likely characters; a high temperature gives more varied text with
more errors.</p>
<div class="samples">{}</div>
<p class="note warning">This text is fiction, generated character by character. It imitates the
training text, and offensive language in it can reappear.</p>
<div class="pair">{}</div>""").format(source_name(generator), writer(generator), samples, charts)


def _begun(text: str, prompt: str) -> str:
    """An escaped sample, the prompt in it marked."""
    if prompt and text.startswith(prompt):
        return Markup("<b>{}</b>{}").format(prompt, text[len(prompt) :])
    return text


def _next_symbols(rows: Sequence[Results], prompt: str, color: str) -> str:
    """Bars for what comes next, the longest as long as the figure."""
    if not rows:
        return ""
    largest = max(row["probability"] for row in rows) or 1.0
    lines = Markup().join(
        Markup('<tr><th scope="row"><kbd>{}</kbd></th><td>{}</td><td>{}</td></tr>').format(
            _visible(row["symbol"]),
            bar(row["probability"] / largest, color),
            percent(row["probability"]),
        )
        for row in rows
    )
    after = (
        Markup("Next character after <kbd>{}</kbd>").format(_visible(prompt))
        if prompt
        else "First character"
    )
    table = Markup('<table class="next"><tbody>{}</tbody></table>').format(lines)
    return Markup("<figure><figcaption>{}</figcaption>{}</figure>").format(after, table)


def _visible(text: str) -> str:
    """White space as signs."""
    return "".join(SYMBOLS.get(symbol, symbol) for symbol in text)


def _next_steps(steps: Sequence[Results]) -> str:
    """Suggestions of commands."""
    if not steps:
        return ""
    rows = Markup().join(
        Markup("<li><code>{}</code><span>{}</span></li>").format(step["command"], step["why"])
        for step in steps
    )
    return Markup('<h2>What to try next</h2>\n<ul class="commands">{}</ul>').format(rows)
