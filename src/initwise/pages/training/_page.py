"""`TrainingPage`: the report about a training, in each form that it can be written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from initwise.pages._facts import Fact
from initwise.pages._page import ENDINGS, Page
from initwise.pages.training._content import Training
from initwise.pages.training._html import html
from initwise.pages.training._markdown import markdown
from initwise.pages.training._summary import verdict
from initwise.pages.training._svg import svg
from initwise.reporting import to_json


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingPage(Page):
    """A report about a training, as far as it had come when it was made.

    Attributes:
        content: all that it tells, as plain values.
    """

    endings: ClassVar[tuple[str, ...]] = (*ENDINGS, ".json")
    content: Training = field(repr=False)

    @cached_property
    def html(self) -> str:
        """The page as one HTML file."""
        return html(self.content)

    @property
    def verdict(self) -> Fact:
        """The whole in one sentence."""
        return verdict(self.content)

    def to_markdown(self) -> str:
        """The summary, the alerts, the tables and the suggestion as Markdown, for comments and logs of CI."""
        return markdown(self.content)

    def to_svg(self) -> str:
        """The loss, the map of layers and the curves as a picture that needs no script."""
        return svg(self.content)

    def to_json(self) -> str:
        """All that was seen, every frame included, and the suggestion, as JSON."""
        return to_json(self.content.to_dict()) + "\n"

    def forms(self) -> dict[str, Callable[[], str]]:
        """What is written by the ending of a path."""
        return {**super().forms(), ".json": self.to_json}
