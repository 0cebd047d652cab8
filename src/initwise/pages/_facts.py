"""`Fact`: one thing that a summary tells, and how it stands on a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

Tone = Literal["good", "warning", "error", "plain"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing to know: a heading, a number or a few words, a sentence."""

    title: str
    value: str
    sentence: str
    tone: Tone = "plain"


_MARKS: dict[str, str] = {"good": "✔", "warning": "▲", "error": "✖", "plain": ""}


def marked(text: str, tone: str) -> str:
    """Return a text behind the mark of its tone, which is for the eye: the words say it too."""
    mark = _MARKS[tone]
    return f'<span aria-hidden="true">{mark}</span> {escape(text)}' if mark else escape(text)


def summary_html(first: Fact, others: Sequence[Fact]) -> str:
    """Return the verdict above the other facts."""
    return f'{_verdict(first)}<dl class="facts">{"".join(map(_definition, others))}</dl>'


def _verdict(fact: Fact) -> str:
    said = f"<strong>{marked(fact.value, fact.tone)}.</strong> {escape(fact.sentence)}"
    return f'<p class="verdict {fact.tone}">{said}</p>'


def _definition(fact: Fact) -> str:
    said = f"<dd><b>{marked(fact.value, fact.tone)}</b><span>{escape(fact.sentence)}</span></dd>"
    return f'<div class="{fact.tone}"><dt>{escape(fact.title)}</dt>{said}</div>'
