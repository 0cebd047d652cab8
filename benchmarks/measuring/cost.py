"""What `measure` costs, against the pass that it looks at."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import nn

import initwise as iw
from benchmarks.measure import seconds
from benchmarks.measuring.models import Case, Loss


class Seconds(NamedTuple):
    """On the clock, and of the processor: that of all threads together."""

    clock: float
    processor: float


@dataclass(frozen=True)
class Cost:
    """Median seconds of both, and how much there was to look at."""

    case: Case
    inputs: str
    parameters: int
    rows: int
    plain: Seconds
    measured: Seconds

    @property
    def ratio(self) -> float:
        """How many plain passes one measurement costs."""
        return self.measured.clock / self.plain.clock

    @property
    def of_processor(self) -> float:
        """The same of the processor's time."""
        return self.measured.processor / self.plain.processor


def cost(case: Case, inputs: Callable[[], Any], rounds: int) -> Cost:
    """Build a model, run it plainly and measured in turns, and return the median seconds of each."""
    torch.manual_seed(0)
    model, given = case.build().train(), inputs()
    plain_pass(model, given, case.loss)
    found = iw.measure(model, given, case.loss)  # both once, to warm up
    plain, measured = [], []
    for _ in range(rounds):
        plain.append(taken(lambda: plain_pass(model, given, case.loss)))
        model.zero_grad(set_to_none=True)
        measured.append(taken(lambda: iw.measure(model, given, case.loss)))
    count = sum(each.numel() for each in model.parameters())
    return Cost(case, found.inputs, count, len(found.rows), middle(plain), middle(measured))


def plain_pass(model: nn.Module, given: Any, loss: Loss) -> None:
    """Run forward and backward as a step of training does, with gradients that were set to None."""
    model.zero_grad(set_to_none=True)
    loss(model(given)).backward()


def taken(work: Callable[[], object]) -> Seconds:
    """How long one call takes."""
    start = time.process_time()
    clock = seconds(work)
    return Seconds(clock, time.process_time() - start)


def middle(times: list[Seconds]) -> Seconds:
    """The median of each of both."""
    return Seconds(median(each.clock for each in times), median(each.processor for each in times))
