"""How the signal grows and shrinks along its way, from one norm to the next, and which layer is to blame."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from initwise.model.graph._vocabulary import (
    ACTIVATIONS,
    ADDITIONS,
    CONVOLUTIONS,
    DIVISIONS,
    LOOKUPS,
    NORMS,
    PRODUCTS,
    RECURRENT,
    SOFTMAX,
)
from initwise.signals._event import Event

LAYERS = CONVOLUTIONS | frozenset("linear matmul __matmul__ mm bmm addmm baddbmm einsum bilinear".split())
BOUNDED = RECURRENT | frozenset(
    "sigmoid sigmoid_ hardsigmoid special_expit tanh tanh_ softsign hardtanh sin cos".split()
)
_SCALING = ACTIVATIONS | ADDITIONS | PRODUCTS | LAYERS
_STATISTICS = frozenset(
    "rsqrt rsqrt_ std var norm linalg_vector_norm linalg_norm vector_norm std_mean var_mean".split()
)
_THROUGH = frozenset("sqrt sqrt_ add add_ __add__ clamp clamp_min clamp_ pow reciprocal mean expand to type_as".split())
_FRESH = NORMS | SOFTMAX | LOOKUPS
Measure = Literal["second_moment", "variation"]


@dataclass(frozen=True, eq=False)
class Growth:
    """By which factor each event's level exceeds that where its path began: at the input, a lookup or the last norm.

    The level is the second moment, or what of it varies between samples. Layers, activations, sums and products count;
    pooling, attention and the like, which average by design, pass the growth on.

    Attributes:
        events: of one pass.
        measure: which level.
        outputs: the events that made the model's outputs.
        ideal: events that shall count as keeping the level, because they are known to be at fault.
    """

    events: Sequence[Event]
    measure: Measure
    outputs: Collection[int] = ()
    ideal: Collection[int] = ()

    def level(self, index: int) -> float:
        """Return the level of an event."""
        return getattr(self.events[index], self.measure) or 0.0

    @cached_property
    def of(self) -> list[float]:
        """The growth up to each event."""
        found: list[float] = []
        for event in self.events:
            main = self.main[event.index]
            if self._begins(event):
                found.append(1.0)
            else:
                found.append(self.factor(event.index) * (found[main] if main >= 0 else 1.0))
        return found

    @cached_property
    def main(self) -> list[int]:
        """The event that each event mostly continues: of several inputs the one with the highest level; -1 for none."""
        found = []
        for event in self.events:
            before = [each for each in event.inputs if each >= 0]
            found.append(max(before, key=self.level) if before else -1)
        return found

    def factor(self, index: int) -> float:
        """Return the growth within one event; a layer's starts from the part of a signal that it takes."""
        event, main = self.events[index], self.main[index]
        if index in self.ideal or not self._counts(event):
            return 1.0
        given = getattr(event, f"input_{self.measure}") if main == (event.inputs or (-1,))[0] else None
        before = given if given is not None else self.level(main) if main >= 0 else 0.0
        after = self.level(index)
        return after / before if before and math.isfinite(before) and math.isfinite(after) else 1.0

    def is_exposed(self, index: int) -> bool:
        """Tell whether an event reaches an output without a norm on the way, which would take its scale away."""
        return index in self._exposed

    @cached_property
    def trunk(self) -> set[int]:
        """The events on the main path to an output; branches that are added to something larger are not among them."""
        found: set[int] = set()
        for output in self.outputs:
            index = output
            while index >= 0 and index not in found:
                found.add(index)
                index = self.main[index]
        return found

    @cached_property
    def _exposed(self) -> set[int]:
        found = {each for each in self.outputs if each >= 0}
        for event in reversed(self.events):
            if event.index in found and not self._begins(event):
                found.update(each for each in event.inputs if each >= 0)
        return found

    @staticmethod
    def _counts(event: Event) -> bool:
        """Tell whether an event's factor counts; products of two signals, or a bias added, pass it on."""
        if event.operation in LAYERS:
            return bool(event.parameters)
        return event.operation in _SCALING and (event.operation not in ADDITIONS or len(event.inputs) > 1)

    def path(self, index: int) -> list[int]:
        """Return the main path to an event from where its growth began, in the order of execution."""
        found = []
        while index >= 0 and not self._begins(self.events[index]):
            found.append(index)
            index = self.main[index]
        return found[::-1]

    def _begins(self, event: Event) -> bool:
        bounded = self.measure == "second_moment" and event.operation in BOUNDED
        return event.operation in _FRESH or bounded or event.index in self._normalizing

    @cached_property
    def _normalizing(self) -> set[int]:
        """Events that divide by a statistic of the signal, as norms written by hand do."""
        statistics: set[int] = set()
        found: set[int] = set()
        for event in self.events:
            of_statistics = [each for each in event.inputs if each in statistics]
            if event.operation in _STATISTICS or (
                event.operation in _THROUGH and event.inputs[:1] == tuple(of_statistics)
            ):
                statistics.add(event.index)
            elif event.operation in PRODUCTS | DIVISIONS and of_statistics:
                found.add(event.index)
        return found
