"""`ModelPage`: the report about a model, in each form that it can be written in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from initwise.pages._content import Content
from initwise.pages._facts import Fact
from initwise.pages._html import html
from initwise.pages._markdown import markdown
from initwise.pages._page import Page
from initwise.pages._summary import verdict
from initwise.pages._svg import svg


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelPage(Page):
    """A report about a model.

    Attributes:
        content: all that it tells, as plain values.
    """

    content: Content = field(repr=False)

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
