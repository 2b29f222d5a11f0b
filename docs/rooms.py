"""Draws the rooms of the package from its imports: `python docs/rooms.py` writes docs/rooms.svg.

The rows are the layers of pyproject.toml, an arrow is an import. An arrow that follows from others
is left out: where a imports b and b imports c, there is none from a to c. What all rooms may import
stands at the bottom, without arrows.
"""

from __future__ import annotations

import ast
import textwrap
import tomllib
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "rooms.svg"
WIDTH, HEIGHT, GAP = 720, 64, 26
MARGIN = 90  # on both sides, for arrows that pass a row
FOR_ALL = ("registry", "errors", "visible")

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.name { font-weight: 600; font-size: 14px }
rect { fill: #eef4fa; stroke: #5b7a99 }
path { fill: none; stroke: #5b7a99; stroke-width: 1.2; marker-end: url(#end) }
"""


def layers() -> list[list[str]]:
    """The rooms of each layer, from top to bottom."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    rows = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    found = [[room.strip() for room in row.split("|")] for row in rows]
    return [row for row in found if row != ["__main__"]]


def imports() -> dict[str, set[str]]:
    """For each room those that it imports, without what follows from others."""
    graph = grimp.build_graph("ostinato")
    direct: dict[str, set[str]] = {room: set() for row in layers() for room in row}
    for module in graph.modules:
        room = _room(module)
        for imported in graph.find_modules_directly_imported_by(module):
            if room in direct and _room(imported) in direct and _room(imported) != room:
                direct[room].add(_room(imported))
    return {
        room: below - {far for near in below for far in _reached(direct, near)} - {*FOR_ALL}
        for room, below in direct.items()
    }


def _room(module: str) -> str:
    return f"{module}..".split(".")[1]


def _reached(direct: dict[str, set[str]], room: str) -> set[str]:
    """All rooms that a room imports, also by way of others."""
    found: set[str] = set()
    waiting = list(direct[room])
    while waiting:
        if (next_ := waiting.pop()) not in found:
            found.add(next_)
            waiting.extend(direct[next_])
    return found


def _about(room: str) -> str:
    """The first sentence of a room's docstring."""
    home = ROOT / "src" / "ostinato" / room
    file = home / "__init__.py" if home.is_dir() else home.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(".")


def _boxes() -> dict[str, tuple[int, int, int]]:
    """For each room the left and upper edge and the width of its box."""
    boxes = {}
    for k, row in enumerate(layers()):
        width = (WIDTH - GAP * (len(row) - 1)) // len(row)
        for place, room in enumerate(row):
            boxes[room] = (MARGIN + place * (width + GAP), k * (HEIGHT + GAP) + GAP, width)
    return boxes


def _box(room: str, left: int, top: int, width: int) -> str:
    lines = textwrap.wrap(_about(room), (width - 24) // 7, max_lines=2, placeholder=" …")
    about = "".join(
        f'<text x="{left + 12}" y="{top + 38 + 16 * k}">{escape(line)}</text>'
        for k, line in enumerate(lines)
    )
    return (
        f'<g><rect x="{left}" y="{top}" width="{width}" height="{HEIGHT}" rx="6"/>'
        f'<text class="name" x="{left + 12}" y="{top + 20}">{room}</text>{about}</g>'
    )


def _arrow(boxes: dict[str, tuple[int, int, int]], above: str, below: str, place: float) -> str:
    """A line to a room in the next row, or around the rows between."""
    (left, top, width), (to, under, wide) = boxes[above], boxes[below]
    start = top + HEIGHT
    rows = (under - start) // (HEIGHT + GAP)
    if rows == 0:
        first, last = max(left, to), min(left + width, to + wide)
        x = (first + last) // 2 if first < last else left + width // 2
        end = x if first < last else to + wide // 2
        return f'<path d="M{x} {start} L{end} {under}"/>'
    middle = MARGIN + WIDTH // 2
    box = (left, width) if width < WIDTH else (to, wide)  # which of the two is on one side
    right = 2 * box[0] + box[1] >= 2 * middle
    side, y = (left + width if right else left), top + HEIGHT // 2 + 6
    bend = middle + (1 if right else -1) * (WIDTH // 2 + MARGIN - 12 - int(40 * place))
    if wide == WIDTH:
        end, under = (to + wide if right else to), under + HEIGHT // 2
        return f'<path d="M{side} {y} C{bend} {y} {bend} {under} {end} {under}"/>'
    end, gap = to + wide // 2, under - GAP // 2  # between two rows, then down
    turn = end + (20 if right else -20)
    return (
        f'<path d="M{side} {y} C{bend} {y} {bend} {gap} {turn} {gap} Q{end} {gap} {end} {under}"/>'
    )


def drawn() -> str:
    """The picture as SVG."""
    boxes, found = _boxes(), imports()
    arrows = [(a, b) for a in boxes for b in sorted(found[a])]
    height = len(layers()) * (HEIGHT + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 2 * MARGIN} {height}" '
        'role="img" aria-label="The rooms of Ostinato and what they import">',
        f"<style>{STYLE}</style>",
        '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" '
        'style="fill: #5b7a99; stroke: none"/></marker></defs>',
        '<rect width="100%" height="100%" style="fill: #fff; stroke: none"/>',
        *(_arrow(boxes, a, b, k % 5 / 5) for k, (a, b) in enumerate(arrows)),
        *(_box(room, *box) for room, box in boxes.items()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(drawn(), "utf-8")
