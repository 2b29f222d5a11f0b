"""One HTML page that loads nothing: style, figures and Plotly itself lie inside it.

What is said of runs and data is text, whoever wrote it. It becomes HTML in one way only: by
`Markup.format`, which escapes all that is no `Markup` yet. `Markup(…)` itself is for constants of
this package.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files

import plotly.graph_objects as go
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs
from plotly.utils import PlotlyJSONEncoder

from ostinato.report.figures import Look
from ostinato.report.records import Results
from ostinato.report.sentences import cell_name, duration

SHAPES = {
    "circle": Markup('<circle cx="14" cy="6" r="4"/>'),
    "square": Markup('<path d="M10 2h8v8h-8z"/>'),
    "diamond": Markup('<path d="M14 1l5 5-5 5-5-5z"/>'),
    "triangle-up": Markup('<path d="M14 1l5 9h-10z"/>'),
    "triangle-down": Markup('<path d="M14 11l5-9h-10z"/>'),
    "cross": Markup('<path d="M12 1h4v3h3v4h-3v3h-4v-3h-3v-4h3z"/>'),
    "line": Markup('<path d="M9 5h10v2.5h-10z"/>'),
}
_WIDE = re.compile(r'<div class="wide".*?</table>', re.DOTALL)
_HEAD = re.compile(r"<th\s+scope=\"col\"[^>]*>(.*?)</th>", re.DOTALL)
_ROW = re.compile(r"<tr[^>]*><th scope=\"row\".*?</tr>", re.DOTALL)
_CELL = re.compile(r"<td(?=[ >])")
DASHES = {"solid": "", "dash": "7 4", "dot": "2 3"}


_PAGE = Markup("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data: blob:; \
style-src 'unsafe-inline'; script-src {}; base-uri 'none'; form-action 'none'">
<title>{}</title>
<style>
{}</style>
</head>
<body>
<header>
<p class="brand">ostinato</p>
<h1>{}</h1>
<p class="lead">{}</p>
{}
<nav aria-label="Sections">{}</nav>
</header>
<main>
{}
</main>
<footer>{}</footer>
{}</body>
</html>
""")


def document(
    title: str, lead: str, sections: Mapping[str, str], footer: str, banner: str = ""
) -> str:
    """A page.

    Args:
        title: its title, as plain text.
        lead: what it says in short, as HTML.
        sections: HTML by the name that the navigation shows; one that is "" is left out.
        footer: when and where it was made, as HTML.
        banner: what stands between lead and navigation.

    Returns:
        HTML that opens from a file, without network; a content security policy in it forbids
        the page to load anything.
    """
    shown = {name: text for name, text in sections.items() if text}
    links = Markup().join(
        Markup('<a href="#{}">{}</a>').format(name.lower(), name) for name in shown
    )
    body = Markup("\n").join(
        Markup('<section id="{}">\n{}\n</section>').format(name.lower(), labelled(text))
        for name, text in shown.items()
    )
    scripts = (get_plotlyjs(), packaged("page.js")) if 'class="plot"' in body else ()
    page = _PAGE.format(
        Markup(" ").join(map(_digest, scripts)) or "'none'",
        title,
        Markup(packaged("page.css")),
        title,
        lead,
        banner,
        links,
        body,
        footer,
        _drawing(scripts),
    )
    # the name of a file that is not UTF-8 has halves of characters
    return Markup(page.encode("utf-8", "backslashreplace").decode())


def labelled(html: str) -> Markup:
    """Wide tables whose cells carry the heads of their columns, for screens too narrow for rows."""

    def table(found: re.Match[str]) -> str:
        heads = [Markup(head).striptags() for head in _HEAD.findall(found[0])]

        def row(cells: re.Match[str]) -> str:
            names = iter(heads[1:])
            return _CELL.sub(lambda td: f'{td[0]} data-head="{escape(next(names, ""))}"', cells[0])

        return _ROW.sub(row, found[0])

    return Markup(_WIDE.sub(table, html))


def origin(results: Results, command: str) -> str:
    """When, where and how long."""
    parts: list[str] = []
    if created := results.get("created"):
        when = datetime.fromisoformat(created)
        parts.append(
            Markup('<time datetime="{}">{} {:%B %Y, %H:%M} UTC</time>').format(
                created, when.day, when
            )
        )
    if "seconds" in results:
        parts.append(duration(results["seconds"]))
    if "machine" in results:
        parts.append(str(results["machine"]))
    return Markup("<p>Made by <code>{}</code> · {}</p>").format(command, Markup(" · ").join(parts))


def plot(figure: go.Figure, title: str) -> str:
    """A figure with its title, drawn by page.js from the JSON behind it."""
    label = Markup.escape(title).striptags()
    return Markup(
        "<figure><figcaption>{}</figcaption>"
        '<div class="plot" role="img" aria-label="{}"></div>'
        '<script type="application/json">{}</script></figure>'
    ).format(title, label, _json(_as_text(figure.to_plotly_json())))


def legend(look: Mapping[str, Look], dashes: Mapping[str, str]) -> str:
    """Cells with their colour and shape, kinds of line with their dashes."""
    keys = [
        Markup("<li>{}{}</li>").format(key(each), cell_name(cell)) for cell, each in look.items()
    ]
    keys += [Markup("<li>{}{}</li>").format(line(dash), name) for name, dash in dashes.items()]
    return Markup('<ul class="legend">{}</ul>').format(Markup().join(keys)) if keys else ""


def key(look: Look) -> Markup:
    """The shape of a cell in its colour."""
    shape = SHAPES[look.symbol]
    return Markup(
        '<svg class="key" viewBox="8 0 12 12" fill="{}" aria-hidden="true">{}</svg>'
    ).format(look.color, shape)


def line(dash: str) -> str:
    """A piece of a line of that kind."""
    return Markup(
        '<svg class="key line" viewBox="0 0 28 12" stroke="currentColor" stroke-width="2" '
        'stroke-dasharray="{}" aria-hidden="true"><path d="M0 6h28"/></svg>'
    ).format(DASHES[dash])


def bar(part: float, color: str) -> str:
    """A bar that is filled to a part of its length."""
    return Markup('<i class="bar" aria-hidden="true" style="--part:{:.4f};--color:{}"></i>').format(
        part, color
    )


def two(text: str, below: str) -> str:
    """A number, and a smaller one below it."""
    return Markup('{}<small class="below">{}</small>').format(text, below)


def named(look: Look, cell: str) -> Markup:
    """A cell's name behind its shape."""
    return key(look) + cell_name(cell)


def _drawing(scripts: Sequence[str]) -> Markup:
    """The scripts of the page, all of them ours: Plotly and the few lines that draw with it."""
    if not scripts:
        return Markup()
    note = Markup("<noscript><p>The figures need JavaScript; nothing is loaded.</p></noscript>")
    each = (Markup("\n<script>{}</script>").format(Markup(script)) for script in scripts)
    return note + Markup().join(each) + "\n"


def _digest(script: str) -> Markup:
    """A script as a content policy names it: by its SHA-256, so that no other one runs."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Markup("'sha256-{}'").format(digest)


def _as_text(figure: object, key: str = "") -> object:
    """A figure as plain data whose strings Plotly shows as they are.

    Plotly reads a part of HTML in titles, names, ticks and texts: it is escaped, but for the
    templates of hover texts, which are ours alone.
    """
    match figure:
        case str() if key != "hovertemplate":
            return str(escape(figure))
        case Mapping():
            return {name: _as_text(value, name) for name, value in figure.items()}
        case list() | tuple():
            return [_as_text(each, key) for each in figure]
        case _:
            return figure


def _json(data: object) -> Markup:
    """JSON that ends no script element, whatever its strings hold."""
    text: str = json.dumps(data, cls=PlotlyJSONEncoder, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def packaged(name: str) -> str:
    """A text file of this package."""
    return files("ostinato.report").joinpath(name).read_text("utf-8")
