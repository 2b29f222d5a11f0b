"""A page as a browser takes it apart."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input", "circle", "path"}


class Document(HTMLParser):
    """The elements of a page: their attributes, their text, and whether all are closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, int]] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.parts: list[list[str]] = []
        self.feed(page)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.parts.append([])
        if tag not in VOID:
            self.open.append((tag, len(self.elements) - 1))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.parts.append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag, f"</{tag}> closes another"

    def handle_data(self, data: str) -> None:
        for _, k in self.open:
            self.parts[k].append(data)

    def texts(self, tag: str, **attributes: str) -> list[str]:
        """The text of each such element, that of the elements within included."""
        return [
            "".join(parts)
            for (name, attrs), parts in zip(self.elements, self.parts, strict=True)
            if name == tag and attributes.items() <= attrs.items()
        ]

    def classed(self, tag: str, name: str) -> list[str]:
        """The text of each such element of a class."""
        return self.texts(tag, **{"class": name})
