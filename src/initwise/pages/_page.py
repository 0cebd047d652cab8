"""`Page`: what `report` returns, in each form that it can be written in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path

from initwise._arguments import show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.pages._content import Content
from initwise.pages._html import html
from initwise.pages._markdown import markdown
from initwise.pages._summary import Fact, verdict
from initwise.pages._svg import svg

ENDINGS = (".html", ".htm", ".md", ".svg")


@dataclass(frozen=True, eq=False)
class Page:
    """A report.

    Attributes:
        content: all that it tells, as plain values.
        path: where it was written; None where it was not.
    """

    content: Content = field(repr=False)
    path: Path | None = None

    @cached_property
    def html(self) -> str:
        """The page as one HTML file."""
        return html(self.content)

    @property
    def verdict(self) -> Fact:
        """The whole in one sentence."""
        return verdict(self.content)

    def to_markdown(self) -> str:
        """The summary, the findings and the signals as Markdown, for comments and logs of CI."""
        return markdown(self.content)

    def to_svg(self) -> str:
        """The curves as a picture that needs no script."""
        return svg(self.content)

    def text(self, path: Path) -> str:
        """The page in the form that the ending of a path asks for."""
        forms = {".md": self.to_markdown, ".svg": self.to_svg}
        make = forms.get(path.suffix.lower())
        return self.html if make is None else make()

    def write(self) -> None:
        """Write the page to its path, in the form that the ending asks for.

        Raises:
            ArgumentError: it cannot be written.
        """
        if self.path is None:
            return
        try:
            self.path.write_text(self.text(self.path), encoding="utf-8")
        except OSError as error:
            raise ArgumentError(f"report: {str(self.path)!r} cannot be written: {error.strerror}") from error

    def _repr_html_(self) -> str:
        """What notebooks show: the page in a frame of its own."""
        return (
            f'<iframe srcdoc="{escape(self.html)}" style="width:100%;height:640px;border:0" title="initwise"></iframe>'
        )


def checked_path(path: object) -> Path | None:
    """Return where to write.

    Raises:
        ArgumentError: the ending is not known, or the place cannot be written to.
        ArgumentTypeError: it is no path.
    """
    if path is None:
        return None
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentTypeError(f"report: path is {show(path)} of type {type(path).__name__}; give a file's name")
    found = Path(path)
    if found.suffix.lower() not in ENDINGS:
        raise ArgumentError(f"report: path is {str(found)!r}; it must end with {', '.join(ENDINGS)}")
    folder = found.parent
    if not folder.is_dir():
        raise ArgumentError(
            f"report: {str(found)!r} cannot be written: there is no folder {str(folder)!r}; make it first"
        )
    if found.is_dir() or not os.access(found if found.exists() else folder, os.W_OK):
        raise ArgumentError(
            f"report: {str(found)!r} cannot be written: no permission, or it is a folder; give another path"
        )
    return found
