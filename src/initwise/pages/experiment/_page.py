"""`ComparisonPage`: the report about an experiment, in each form that it can be written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from initwise.comparison import Comparison
from initwise.pages._facts import Fact
from initwise.pages._page import ENDINGS, Page
from initwise.pages.experiment._html import html
from initwise.pages.experiment._markdown import markdown
from initwise.pages.experiment._summary import verdict
from initwise.pages.experiment._svg import svg
from initwise.reporting import to_json


@dataclass(frozen=True, eq=False, kw_only=True)
class ComparisonPage(Page):
    """A report about an experiment.

    Attributes:
        comparison: what it tells.
        heading: its title; by default the task's name.
    """

    endings: ClassVar[tuple[str, ...]] = (*ENDINGS, ".json")
    comparison: Comparison = field(repr=False)
    heading: str | None = None

    @property
    def title(self) -> str:
        """The title of the page."""
        return self.heading or f"Initializations compared on {self.comparison.experiment.task.name}"

    @cached_property
    def html(self) -> str:
        """The page as one HTML file."""
        return html(self.comparison, self.title)

    @property
    def verdict(self) -> Fact:
        """The whole in one sentence."""
        return verdict(self.comparison)

    def to_markdown(self) -> str:
        """The summary and the tables as Markdown, for comments and logs of CI."""
        return markdown(self.comparison, self.title)

    def to_svg(self) -> str:
        """The learning curves and the losses by seed as a picture that needs no script."""
        return svg(self.comparison, self.title)

    def to_json(self) -> str:
        """All that was found, every run included, as JSON."""
        return to_json(self.comparison.to_dict()) + "\n"

    def forms(self) -> dict[str, Callable[[], str]]:
        """What is written by the ending of a path."""
        return {**super().forms(), ".json": self.to_json}
