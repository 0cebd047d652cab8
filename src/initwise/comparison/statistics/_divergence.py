"""Divergence as an outcome of its own: how often, and whether one strategy diverges where another does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from initwise._arguments import Arguments
from initwise.comparison.statistics._losses import Losses

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Divergence:
    """How many runs of a strategy diverged, of how many, and the interval that holds the probability."""

    strategy: str
    diverged: int
    runs: int
    interval: Interval

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain data, for JSON."""
        return asdict(self)


def divergences(losses: Losses, level: float = 0.05) -> tuple[Divergence, ...]:
    """Return for each strategy how often it diverged, with the interval of Clopper and Pearson.

    >>> divergences(Losses.of({"a": [1.0, None], "b": [1.0, 1.0]}))[0].diverged
    1
    """
    found = []
    for name, row in zip(losses.strategies, losses.rows, strict=True):
        count = sum(loss is None for loss in row)
        found.append(Divergence(name, count, len(row), clopper_pearson(count, len(row), level)))
    return tuple(found)


def clopper_pearson(successes: int, trials: int, level: float = 0.05) -> Interval:
    """Return the interval that holds a probability, but for at most `level`, whatever the probability is.

    Its ends are quantiles of beta laws. Clopper and Pearson, The use of confidence or fiducial limits illustrated in
    the case of the binomial, 1934.

    >>> low, high = clopper_pearson(2, 10)
    >>> round(low, 4), round(high, 4)
    (0.0252, 0.5561)

    Raises:
        ArgumentError: more successes than trials, or a level outside 0 to 1.
    """
    from scipy.special import betaincinv

    arguments = Arguments("clopper_pearson")
    arguments.integer("successes", successes, least=0)
    if arguments.integer("trials", trials, least=1) < successes:
        arguments.refuse(f"successes is {successes}, more than the {trials} trials")
    if not 0 < arguments.number("level", level) < 1:
        arguments.refuse(f"level is {level}, and must lie between 0 and 1")
    arguments.done()
    failures = trials - successes
    low = float(betaincinv(successes, failures + 1, level / 2)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - level / 2)) if failures else 1.0
    return low, high


def mcnemar(one_only: int, other_only: int) -> float:
    """Return the exact two-sided p-value of McNemar's test: are discordant pairs a fair coin (1947).

    >>> mcnemar(9, 1)
    0.021484375
    """
    from scipy.special import bdtr

    count = one_only + other_only
    return min(1.0, 2 * float(bdtr(min(one_only, other_only), count, 0.5))) if count else 1.0


def diverges_alone(alone: int, seeds: int) -> float:
    """Return the p-value of `alone` seeds of all on which one strategy diverged and the other did not.

    If neither diverges more often, and divergences of two strategies on a seed are independent or tend to come
    together, that has a probability of at most p (1 - p) <= 1/4 on each seed. So it needs fewer seeds than McNemar's.

    >>> diverges_alone(4, 4)
    0.00390625
    """
    from scipy.special import bdtrc

    return float(bdtrc(alone - 1, seeds, 0.25)) if alone else 1.0


def survivors(row: Sequence[float | None]) -> list[float]:
    """Return the losses of the runs that did not diverge."""
    return [loss for loss in row if loss is not None]
