"""`Page`: what `report` returns, in each form that it can be written in."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import ClassVar

from initwise._arguments import show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.pages._facts import Fact

ENDINGS = (".html", ".htm", ".md", ".svg")


@dataclass(frozen=True, eq=False, kw_only=True)
class Page(ABC):
    """A report.

    Attributes:
        path: where it was written; None where it was not.
        endings: of the paths that it can be written to.
    """

    endings: ClassVar[tuple[str, ...]] = ENDINGS
    path: Path | None = None

    @property
    @abstractmethod
    def html(self) -> str:
        """The page as one HTML file."""

    @property
    @abstractmethod
    def verdict(self) -> Fact:
        """The whole in one sentence."""

    @abstractmethod
    def to_markdown(self) -> str:
        """What stands in it as Markdown, for comments and logs of CI."""

    @abstractmethod
    def to_svg(self) -> str:
        """The curves as a picture that needs no script."""

    def forms(self) -> dict[str, Callable[[], str]]:
        """What is written by the ending of a path; any other ending is HTML."""
        return {".md": self.to_markdown, ".svg": self.to_svg}

    def text(self, path: Path) -> str:
        """The page in the form that the ending of a path asks for."""
        make = self.forms().get(path.suffix.lower())
        return self.html if make is None else make()

    def write(self) -> None:
        """Write the page to its path, in the form that the ending asks for.

        Raises:
            ArgumentError: it cannot be written.
        """
        if self.path is None:
            return
        text = self.text(self.path)
        try:
            _replace(self.path, text)
        except OSError as error:
            raise ArgumentError(f"report: {str(self.path)!r} cannot be written: {error.strerror}") from error

    def _repr_html_(self) -> str:
        """What notebooks show: the page in a frame of its own."""
        return (
            f'<iframe srcdoc="{escape(self.html)}" style="width:100%;height:640px;border:0" title="initwise"></iframe>'
        )


def _replace(path: Path, text: str) -> None:
    """Put a file in the place of another in one step: whoever reads it meets the old or the new one."""
    target = path.resolve()  # what a link points to is replaced, and the link stays
    draft = target.with_name(f".{target.name[:200]}.{os.getpid()}.draft")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(target)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def checked_path(path: object, endings: tuple[str, ...] = ENDINGS) -> Path | None:
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
    if found.suffix.lower() not in endings:
        raise ArgumentError(f"report: path is {str(found)!r}; it must end with {', '.join(endings)}")
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
