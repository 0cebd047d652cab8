"""The page: what was tried, and each figure beside what is stated of it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

from benchmarks.reproduce.claim import Claim, Figure

HEAD = """# Published claims, tried

Written by `make reproduce`. Seven claims about training, each tried by a small experiment on a CPU whose initialization
is planned and written by initwise's public interface. Nothing here repeats a paper's own experiment: the models are
small and the data are scikit-learn's digits or noise, so what is compared is the effect, not the paper's number.

- *stated*: what the paper or its theorem says; in brackets, what an earlier measurement of the same effect gave with
  other code, other random numbers and, where it is not written down, other settings: they show the order of magnitude
- *asked*: between which bounds the number must lie for the claim to be met, chosen for the effect, not for
  the number; without bounds a number is only shown
- met or not met: a claim is met if all its bounds are kept; seeds are fixed, last digits differ between machines"""

Tried = Sequence[tuple[Claim, list[Figure], float]]


def summary(done: Tried) -> Iterator[str]:
    """A row for each claim."""
    yield "| claim | | bounds kept | seconds |"
    yield "|---|---|--:|--:|"
    for claim, figures, seconds in done:
        asked = [figure for figure in figures if figure.is_asked]
        kept = sum(figure.is_met for figure in asked)
        yield f"| {claim.title} | {verdict(kept == len(asked))} | {kept} of {len(asked)} | {seconds:.0f} |"


def section(claim: Claim, figures: list[Figure], seconds: float) -> Iterator[str]:
    """Claim, source, initialization, differences, and the figures."""
    yield from ("", f"## {claim.title}", "")
    yield from wrap(f"{claim.says} ({claim.source}.)")
    yield ""
    yield from wrap(f"- initialization: {claim.by}")
    yield from wrap(f"- what differs: {claim.differs}")
    yield f"- `python -m benchmarks.reproduce {claim.name}`, {seconds:.0f} s"
    yield from ("", "| | found | stated | asked | |", "|---|--:|--:|--:|---|")
    for figure in figures:
        met = verdict(figure.is_met) if figure.is_asked else ""
        yield f"| {figure.what} | {number(figure.found)} | {figure.stated} | {bounds(figure)} | {met} |"


def wrap(text: str) -> list[str]:
    """Lines of a page, those behind a list's mark set in."""
    indent = "  " if text.startswith("- ") else ""
    return textwrap.wrap(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def verdict(met: bool) -> str:
    """In words, the bad one loud."""
    return "met" if met else "**not met**"


def bounds(figure: Figure) -> str:
    """The bounds in words, empty where nothing is asked."""
    least, most = number(figure.least), number(figure.most)
    if not figure.is_asked:
        return ""
    if figure.least == figure.most:
        return least
    if math.isinf(figure.least):
        return f"at most {most}"
    return f"at least {least}" if math.isinf(figure.most) else f"{least} to {most}"


def number(value: float) -> str:
    """Three digits, whole numbers as such."""
    return f"{value:.0f}" if math.isfinite(value) and value == round(value) and abs(value) < 1e6 else f"{value:.3g}"
