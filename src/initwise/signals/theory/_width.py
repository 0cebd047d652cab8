"""What finite width does to theory that holds for infinite width."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from initwise._arguments import Arguments


class FiniteWidth(NamedTuple):
    """How far networks scatter around what theory says.

    Attributes:
        fluctuation: sum of 1 / n over the hidden layers; above 1 or so, one network tells little of the next.
        second_moment: E M^2 / (E M)^2 of M = |x|^2 / n behind He-initialized ReLU layers: product of 1 + 5 / n.
    """

    fluctuation: float
    second_moment: float


def finite_width(widths: Iterable[int]) -> FiniteWidth:
    """Return how far signals scatter in a chain of layers of these widths.

    From Hanin and Rolnick 2018 (arXiv 1803.01719) and Hanin 2018 (arXiv 1801.03744).

    Args:
        widths: the units of each hidden layer.

    Raises:
        ArgumentError: a width that is not a positive whole number.

    >>> found = finite_width([50] * 10)
    >>> round(found.fluctuation, 3), round(found.second_moment, 3)
    (0.2, 2.594)
    """
    check = Arguments("finite_width")
    found = [check.integer(f"widths[{place}]", width, least=1) for place, width in enumerate(widths)]
    check.done()
    return FiniteWidth(math.fsum(1 / width for width in found), math.prod(1 + 5 / width for width in found))
