"""One HTML page that loads nothing: style, figures and Plotly itself lie inside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from ostinato.report.figures import Look
from ostinato.report.sentences import cell_name, duration

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

Results = Mapping[str, Any]


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
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name in shown)
    body = "\n".join(
        f'<section id="{name.lower()}">\n{text}\n</section>' for name, text in shown.items()
    )
    title = escape(title)
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data: blob:; \
style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>
{packaged("page.css")}</style>
</head>
<body>
<header>
<p class="brand">ostinato</p>
<h1>{title}</h1>
<p class="lead">{lead}</p>
{banner}
<nav aria-label="Sections">{links}</nav>
</header>
<main>
{body}
</main>
<footer>{footer}</footer>
{_drawing() if 'class="plot"' in body else ""}</body>
</html>
"""
    # the name of a file that is no UTF-8 has halves of characters
    return page.encode("utf-8", "backslashreplace").decode()


def origin(results: Results, command: str) -> str:
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
    return f"<p>Made by <code>{escape(command)}</code> · {' · '.join(parts)}</p>"


def plot(figure: go.Figure, title: str) -> str:
    """A figure with its title, drawn by page.js from the JSON behind it."""
    label = escape(re.sub(r"<[^>]*>", "", title), quote=True)
    data = figure.to_json().replace("<", "\\u003c")
    return (
        f"<figure><figcaption>{title}</figcaption>"
        f'<div class="plot" role="img" aria-label="{label}"></div>'
        f'<script type="application/json">{data}</script></figure>'
    )


def legend(look: Mapping[str, Look], dashes: Mapping[str, str]) -> str:
    """Cells with their colour and shape, kinds of line with their dashes."""
    keys = [f"<li>{key(each)}{cell_name(cell)}</li>" for cell, each in look.items()]
    keys += [f"<li>{line(dash)}{escape(name)}</li>" for name, dash in dashes.items()]
    return f'<ul class="legend">{"".join(keys)}</ul>' if keys else ""


def key(look: Look) -> str:
    """The shape of a cell in its colour."""
    shape = SHAPES[look.symbol]
    return (
        f'<svg class="key" viewBox="8 0 12 12" fill="{look.color}" aria-hidden="true">{shape}</svg>'
    )


def line(dash: str) -> str:
    """A piece of a line of that kind."""
    return (
        '<svg class="key line" viewBox="0 0 28 12" stroke="currentColor" stroke-width="2" '
        f'stroke-dasharray="{DASHES[dash]}" aria-hidden="true"><path d="M0 6h28"/></svg>'
    )


def bar(part: float, color: str) -> str:
    """A bar that is filled to a part of its length."""
    return f'<i class="bar" aria-hidden="true" style="--part:{part:.4f};--color:{color}"></i>'


def _drawing() -> str:
    """Plotly and the few lines that draw with it."""
    note = "<noscript><p>The figures need JavaScript; nothing is loaded.</p></noscript>"
    return f"{note}\n<script>{get_plotlyjs()}</script>\n<script>\n{packaged('page.js')}</script>\n"


def packaged(name: str) -> str:
    """A text file of this package."""
    return files("ostinato.report").joinpath(name).read_text("utf-8")
