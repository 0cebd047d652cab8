"""What stands around each layer: activations, norms, streams and outputs, and the weight that acts there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from initwise.model.graph._vocabulary import (
    ACTIVATIONS,
    ADDITIONS,
    LOOKUPS,
    RECURRENT,
)
from initwise.signals._signals import Signals
from initwise.signals.verdicts._weights import MATRICES, Weight
from initwise.signals.verdicts._wiring import Wiring

HOMOGENEOUS = frozenset("relu relu_ leaky_relu leaky_relu_ prelu rrelu abs abs_ neg neg_ __neg__".split())
_SLIGHT = 0.1  # of a layer's output that is bias
_PATHS = 4  # outputs that are looked at


class Flow(Wiring):
    """The rows of one pass, and what is known of the parameters in them."""

    def __init__(self, signals: Signals, weights: Mapping[str, Weight]) -> None:
        super().__init__(signals)
        self.weights = weights
        self.outputs = tuple(each for each in signals.outputs if 0 <= each < len(self.rows))

    def weight(self, index: int) -> Weight | None:
        """Return the largest weight that is contracted or looked up in a row."""
        row = self.rows[index]
        kinds = MATRICES | {"embedding"}
        found = [self.weights[name] for name in row.parameters if name in self.weights]
        found = [each for each in found if each.role in kinds]
        if not found or (row.operation not in LOOKUPS and not row.is_layer):
            return None
        return max(found, key=lambda each: each.count)

    @cached_property
    def layers(self) -> dict[int, Weight]:
        """The rows that contract a weight, or look it up, and that weight."""
        return {row.index: weight for row in self.rows if (weight := self.weight(row.index)) is not None}

    def follower(self, index: int) -> str:
        """Return the activation that takes a row's output; "" for none."""
        names = (self.rows[each].operation for each in self.ahead(index))
        return next((name.rstrip("_") for name in names if name in ACTIVATIONS), "")

    def scale_free(self, index: int) -> bool:
        """Tell whether all that takes a row's output is a norm, so that its scale does not matter."""
        return self._scale_free[index]

    @cached_property
    def _scale_free(self) -> list[bool]:
        """By row what `scale_free` says; from the last row on, since users come later."""
        found = [False] * len(self.rows)
        ends = set(self.outputs) | {each for output in self.outputs for each in self._words_of(output)}
        for index in reversed(range(len(self.rows))):
            users = list(self.ahead(index)) if index not in ends else []
            found[index] = bool(users) and all(
                each in self.norms or (self._is_homogeneous(each) and found[each]) for each in users
            )
        return found

    def _words_of(self, output: int) -> Iterator[int]:
        """Yield the rows that an output is in other words."""
        while output >= 0 and self.quiet(output):
            output = self.main[output]
            yield output

    def is_normed(self, index: int) -> bool:
        """Tell whether all that takes a row's output is a norm at once."""
        users = list(self.ahead(index))
        return bool(users) and all(each in self.norms for each in users)

    def is_normed_behind(self, index: int) -> bool:
        """Tell whether all that takes a row's output is a norm, at once or behind an activation."""
        users = list(self.ahead(index))
        return bool(users) and all(
            each in self.norms or (self.rows[each].operation in ACTIVATIONS and self.is_normed(each)) for each in users
        )

    def _is_homogeneous(self, index: int) -> bool:
        """Tell whether a row makes twice as much of twice as much: a ReLU, a layer with next to no bias."""
        row = self.rows[index]
        if row.operation in HOMOGENEOUS:
            return True
        others = [self.weights[name] for name in row.parameters if name in self.weights]
        bias = sum(each.square for each in others if each.role == "bias")
        alone = len(row.inputs) == 1 and row.operation not in RECURRENT
        return alone and index in self.layers and bias < _SLIGHT * self.level(index)

    def ends_as(self, index: int, output: int) -> bool:
        """Tell whether an output is a row in other words."""
        return output == index or index in self._words_of(output)

    @cached_property
    def exposed(self) -> set[int]:
        """The rows whose scale reaches an output without a norm on the way."""
        found = set(self.last)
        for row in reversed(self.rows):
            if row.index in found and not self.begins(row.index):
                found.update(each for each in row.inputs if each >= 0)
        return found

    @cached_property
    def joins(self) -> dict[int, tuple[int, int]]:
        """By addition the stream and the branch that is added to it."""
        found = {}
        for row in self.rows:
            given = [each for each in row.inputs if each >= 0]
            if row.operation not in ADDITIONS or len(given) != 2 or row.index in self.statistics:
                continue
            stream = self.main[row.index]
            branch = next(each for each in given if each != stream)
            if self.depends(branch, self.origin(stream)):
                found[row.index] = stream, branch
        return found

    def between(self, start: int, end: int) -> list[int]:
        """Return the rows of a branch: those that depend on `start` and that `end` depends on, without `start`."""
        return [each for each in range(start + 1, end + 1) if self.depends(each, start) and self.depends(end, each)]

    @cached_property
    def last(self) -> tuple[int, ...]:
        """The outputs that no other output depends on; not caches, which are made in a numbered block."""
        final = [
            each
            for each in dict.fromkeys(self.outputs)
            if not any(other != each and self.depends(other, each) for other in self.outputs)
        ]
        outside = [each for each in final if not any(map(str.isdigit, self.rows[each].module.split(".")))]
        return tuple((outside or final)[:_PATHS])

    @cached_property
    def trunks(self) -> frozenset[int]:
        """The rows on the main paths to all outputs."""
        return frozenset(index for output in self.last for index in self.trunk(output))

    @cached_property
    def heads(self) -> frozenset[int]:
        """The layers that make the model's outputs, with nothing but biases, views and activations behind them."""
        found = set()
        for output in self.last:
            index = output
            while index >= 0 and index not in self.layers and index not in self.norms and index not in self.joins:
                index = self.main[index]
            if index in self.layers:
                found.add(index)
        return frozenset(found)

    @cached_property
    def inside(self) -> dict[str, list[int]]:
        """By module, and each module around it, the layers that run in it."""
        found: dict[str, list[int]] = {}
        for index in self.layers:
            parts = self.rows[index].module.split(".")
            for stop in range(1, len(parts) + 1):
                found.setdefault(".".join(parts[:stop]), []).append(index)
        return found

    def writers(self, row: int) -> int:
        """Return how many branches are added to the stream that a row's branch is added to; 0 for none."""
        ends = [
            join
            for join, (stream, branch) in self.joins.items()
            if self.depends(branch, row) and self.depends(row, stream)
        ]
        return (
            len([each for each in self.joins if self.depends(each, ends[0]) or self.depends(ends[0], each)])
            if ends
            else 0
        )

    def sources(self, index: int) -> list[int]:
        """Return the nearest layers that a row's signal comes from, through whatever is no layer and no norm."""
        found, waiting, seen = [], [index], set()
        while waiting:
            each = waiting.pop(0)
            if each < 0 or each in seen or each in self.norms:
                continue
            seen.add(each)
            if each in self.layers:
                found.append(each)
            else:
                waiting += self.rows[each].inputs
        return found
