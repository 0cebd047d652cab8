"""HTML fragments as parsed: balanced, without scripts, and their text."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"br"}
_CLOSED = {"rect", "circle"}  # in SVG, closed where they open


class Fragment(HTMLParser):
    """A fragment that was parsed; it fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID | _CLOSED:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _CLOSED
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All that is read in it."""
        return "\n".join(self.words)


def parsed(text: str) -> Fragment:
    """A fragment that stands by itself: balanced, no scripts, nothing from elsewhere."""
    found = Fragment(text)
    assert not {"script", "link", "img", "iframe"} & set(found.tags)
    assert not [name for name, value in found.attributes if name.startswith("on") or "//" in (value or "")]
    return found
