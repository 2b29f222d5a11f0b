"""Pages that commands write."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from ostinato.cli.screen import console
from ostinato.train import write_out


def write_page(html: str, page: Path, open_page: bool = False) -> None:
    """Writes a page, says where it is, and perhaps opens it in a browser."""
    write_out(page, html)
    console.print(f"Report: {page}", soft_wrap=True)
    if open_page:
        webbrowser.open(page.resolve().as_uri())


def page_title(names: str, about: str, task: str) -> str:
    """What a page is called: its models, their data and their task.

    >>> page_title("LSTM and GRU", "a.csv", "tag")
    'LSTM and GRU on a.csv (tag)'
    """
    return f"{names} on {about} ({task})" if about else f"{names} ({task})"


def title_of(data: str) -> str:
    """What a page calls the data."""
    return "standard input" if data == "-" else Path(data).name
