"""`Content`: all that a page tells, as plain values. A page is a function of it and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from initwise.findings import Finding
from initwise.planning import Plan
from initwise.reporting import Report
from initwise.signals import Signals


@dataclass(frozen=True)
class Bins:
    """How the values of one weight are spread, and how its law says they should be; in bins of equal width.

    Attributes:
        low, high: from where to where the bins reach.
        counts: how many values lie in each; empty where there are none (on meta).
        expected: which share of the values the law puts into each; empty where no distribution is declared.
    """

    low: float
    high: float
    counts: tuple[int, ...] = ()
    expected: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Content:
    """What a page tells.

    Attributes:
        title: of the page.
        model: the model's class.
        plan: its plan.
        predicted, measured: its signals; None where they are not known.
        other: a second plan to hold beside it, with its name and its predicted signals.
        findings: what is wrong, with what to do.
        verified: whether the weights as they stand are what the plan asks for; None where there are none.
        bins: by parameter, how its values are spread.
        notes: what else is worth knowing, such as why something is missing.
    """

    title: str
    model: str
    plan: Plan
    predicted: Signals | None = None
    measured: Signals | None = None
    other: Plan | None = None
    other_name: str = ""
    other_predicted: Signals | None = None
    findings: tuple[Finding, ...] = ()
    verified: Report | None = field(default=None, repr=False)
    bins: Mapping[str, Bins] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def elements(self) -> int:
        """How many numbers the parameters hold."""
        return sum(row.numel for row in self.plan)

    @property
    def signals(self) -> Signals | None:
        """The measured signals where there are any, else the predicted ones."""
        return self.measured or self.predicted

    @property
    def is_written(self) -> bool:
        """Whether the plan was written into the model."""
        return self.verified is not None and is_written(self.verified)

    @property
    def unplanned(self) -> int:
        """How many parameters are not what the plan asks for, as they stand."""
        return 0 if self.verified is None else unplanned(self.verified)


def unplanned(verified: Report) -> int:
    """Return how many parameters are not what was asked for."""
    return sum(row.verdict.startswith("failed") for row in verified.rows)


def is_written(verified: Report) -> bool:
    """Tell whether most parameters are what was asked for; else the plan was never written into this model."""
    return unplanned(verified) * 2 < max(len(verified.rows), 1)
