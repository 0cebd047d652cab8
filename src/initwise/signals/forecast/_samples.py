"""Several samples of one pass; where an operation does not run on part of its channels, it gets all of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from initwise.model import Graph
from initwise.model.graph import Operation
from initwise.signals.forecast import rules
from initwise.signals.forecast._axes import Axes, hold
from initwise.signals.forecast._run import Misfit, Runner, Sample
from initwise.signals.forecast._state import Widths
from initwise.signals.forecast._supply import Supply
from initwise.signals.forecast._table import AxesRule, find
from initwise.signals.forecast._told import told
from initwise.signals.forecast._widths import BUDGET, widths

FAMILIES = rules.__all__  # importing them fills the table
FEWEST, MOST = 2, 8
TRIES = 10


@dataclass(frozen=True, eq=False)
class Drawn:
    """What was drawn.

    Attributes:
        samples: what each sample shows.
        rows: the operations that are told about.
        widths: how much of each axis was sampled.
    """

    samples: list[Sample] = field(repr=False)
    rows: dict[int, int] = field(repr=False)
    widths: Widths = field(repr=False)

    @property
    def is_detached(self) -> bool:
        """Whether no gradient starts from the loss, although all of it is known."""
        return any(sample.is_detached for sample in self.samples)


def draw(graph: Graph, supply: Supply, count: int | None) -> Drawn:
    """Return samples of the pass: `count` of them, or as many as their cost allows."""
    rows = told(graph)
    held: set[int] = set()
    for attempt in range(TRIES + 1):
        whole = attempt == TRIES
        axes = described(graph, supply, held, whole=whole)
        sizes, cost = widths(axes)
        runner = Runner(graph, axes, sizes, supply, rows, whole=whole)
        wanted = count or max(FEWEST, min(MOST, int(2 * BUDGET / max(cost, 1.0))))
        try:
            return Drawn([runner.sample(1 + seed) for seed in range(wanted)], rows, sizes)
        except Misfit as misfit:
            runner.clear()
            held.add(misfit.operation.index)
    raise AssertionError("a run on all channels reports what fails as unknown")


def described(graph: Graph, supply: Supply, held: Collection[int], *, whole: bool = False) -> Axes:
    """Return the axes of all values, as the rules of the operations describe them."""
    axes = Axes(graph, supply.rigid)

    def rule_of(operation: Operation) -> AxesRule:
        rule = find(operation)
        return hold if whole or rule is None or operation.index in held else rule.axes

    for value, axis in supply.cut.items():
        axes.hold(axes.of(value)[axis])
    axes.walk(rule_of)
    return axes
