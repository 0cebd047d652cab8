"""Several samples of one pass; where an operation does not run on part of its channels, it gets all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import torch

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
OVERHEAD = 2e6  # of one operation, in multiplications
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
    for _ in range(TRIES):
        try:
            return _drawn(graph, supply, rows, held, count)
        except Misfit as misfit:
            if misfit.operation.index in held:
                break
            held.add(misfit.operation.index)
    return _drawn(graph, supply, rows, held, count, whole=True)


def _drawn(
    graph: Graph,
    supply: Supply,
    rows: dict[int, int],
    held: Collection[int],
    count: int | None,
    *,
    whole: bool = False,
) -> Drawn:
    axes = described(graph, supply, held, whole=whole)
    sizes, cost = widths(axes)
    wanted = count or max(FEWEST, min(MOST, int(2 * BUDGET / (cost + OVERHEAD * len(graph)))))
    made = _side_by_side(lambda seed: Runner(graph, axes, sizes, supply, rows, whole=whole).sample(seed), wanted)
    return Drawn(made, rows, sizes)


def _side_by_side(sample: Callable[[int], Sample], count: int) -> list[Sample]:
    """Return samples under the seeds 1, 2, ..., as many at a time as torch has threads, each on one thread.

    Operations on samples are small: threads that wait for each other in each of them lose more than they gain.
    """
    threads = torch.get_num_threads()

    def on_one_thread(seed: int) -> Sample:
        torch.set_num_threads(1)
        return sample(seed)

    try:
        with torch.random.fork_rng(devices=[]), ThreadPoolExecutor(min(threads, count)) as pool:
            torch.random.manual_seed(count)
            return list(pool.map(on_one_thread, range(1, count + 1)))
    finally:
        torch.set_num_threads(threads)


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
