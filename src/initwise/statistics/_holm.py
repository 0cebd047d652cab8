"""Holm's method: p-values of a family of tests, adjusted so that a level holds for all of them together."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p: Sequence[float]) -> list[float]:
    """Return adjusted p-values: rejecting those below alpha errs anywhere with a probability of at most alpha.

    The i-th smallest of m is multiplied by m - i + 1 and is at least as large as those before it. It holds however the
    tests depend on each other. Holm, A simple sequentially rejective multiple test procedure, 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p)), key=p.__getitem__)
    adjusted, largest = [1.0] * len(p), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - place) * p[index]))
        adjusted[index] = largest
    return adjusted
