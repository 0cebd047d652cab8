"""Numbers of an experiment in the words of its page."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from initwise.comparison.statistics import Contender, Divergence, Scale

_PERCENT = re.compile(r"(?<=\d) ?%")
_TIMES = math.log(10)  # beyond ten times, percent are hard to read


def change(difference: float, scale: Scale) -> str:
    r"""Return a difference of losses: of logarithms in percent, or as a factor from ten on.

    >>> change(-0.105, "log"), change(3.0, "log"), change(-0.25, "identity")
    ('−10.0\xa0%', '×20.1', '−0.25')
    """
    return _changes([difference], scale)[0]


def against(said: Contender, scale: Scale) -> str:
    """Return how a contender's loss lies to the reference's, with its interval, in one unit."""
    if said.difference is None:
        return "no pair survived"
    found, *ends = _changes([said.difference, *(said.interval or ())], scale)
    return f"{found} ({' to '.join(ends)})" if ends else found


def _changes(differences: Sequence[float], scale: Scale) -> list[str]:
    if scale == "identity":
        return [_signed(f"{each:+.3g}") for each in differences]
    if max(map(abs, differences)) < _TIMES:
        return [_signed(percent(f"{math.expm1(each) * 100:+.1f}%")) for each in differences]
    return [f"×{math.exp(each):.3g}" if each < 100 else "×>1e43" for each in differences]


def smaller(said: Contender, scale: Scale) -> str:
    """Return by how much a contender's loss is below the reference's, as half a sentence; "" where there is no size."""
    if said.difference is None or said.interval is None:
        return ""
    low, high = said.interval
    if scale == "log" and low > -_TIMES and high < 0:
        mean, least, most = (-math.expm1(each) * 100 for each in (said.difference, high, low))
        return percent(f"its loss is {mean:.1f}% lower (between {least:.1f} and {most:.1f}%)")
    return f"its loss against that one's: {against(said, scale)}"


def percent(text: str) -> str:
    r"""Return a text whose percent signs stand apart from their numbers.

    >>> percent("found with 25%")
    'found with 25\xa0%'
    """
    return _PERCENT.sub("\u00a0%", text)


def fate(found: Divergence) -> str:
    """Return how many runs diverged, with the interval that holds the probability."""
    low, high = found.interval
    return f"{found.diverged} of {found.runs} ({low * 100:.0f} to {high * 100:.0f}\u00a0%)"


def lasting(seconds: float) -> str:
    """Return a time in the unit that suits it.

    >>> lasting(41.0), lasting(190.0), lasting(9000.0)
    ('41 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _signed(text: str) -> str:
    return text.replace("-", "−")
