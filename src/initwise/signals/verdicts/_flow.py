"""The rows as a graph: which row continues which, what a row runs into, and where branches join a stream."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property

from initwise.model.graph._vocabulary import (
    ACTIVATIONS,
    ADDITIONS,
    ATTENTION,
    COPIES,
    CURVES,
    DIVISIONS,
    DROPOUTS,
    INDEXING,
    JOINS,
    LOOKUPS,
    MATRIX_PRODUCTS,
    NORMS,
    POOLINGS,
    PRODUCTS,
    RECURRENT,
    RESAMPLING,
    SOFTMAX,
    VIEWS,
)
from initwise.signals._growth import BOUNDED
from initwise.signals._row import SignalRow
from initwise.signals._signals import Signals
from initwise.signals.verdicts._weights import MATRICES, Weight

HOMOGENEOUS = frozenset("relu relu_ leaky_relu leaky_relu_ prelu rrelu abs abs_ neg neg_ __neg__".split())
QUIET = VIEWS | COPIES | DROPOUTS | INDEXING | RESAMPLING | POOLINGS
_SAME = VIEWS | COPIES | DROPOUTS
_STATISTICS = frozenset(
    "rsqrt rsqrt_ std var norm linalg_vector_norm linalg_norm vector_norm std_mean var_mean".split()
)
_THROUGH = frozenset(
    "sqrt sqrt_ add add_ __add__ clamp clamp_min clamp_ pow reciprocal mean expand to type_as float".split()
)
_PATHS = 4  # outputs that are looked at


class Flow:
    """The rows of one pass, and what is known of the parameters in them."""

    def __init__(self, signals: Signals, weights: Mapping[str, Weight]) -> None:
        self.rows = signals.rows
        self.weights = weights
        self.outputs = tuple(each for each in signals.outputs if 0 <= each < len(self.rows))

    def level(self, index: int) -> float:
        """Return E[x^2] of a row's output; 1 for the model's inputs and where it is unknown."""
        moment = self.rows[index].second_moment if index >= 0 else 1.0
        return moment if moment is not None and math.isfinite(moment) else 1.0

    @cached_property
    def users(self) -> list[list[int]]:
        """By row the rows that take its output."""
        found: list[list[int]] = [[] for _ in self.rows]
        for row in self.rows:
            for each in row.inputs:
                if each >= 0:
                    found[each].append(row.index)
        return found

    @cached_property
    def ancestors(self) -> list[int]:
        """By row the set of rows that it depends on, itself included, as the bits of a number."""
        found: list[int] = []
        for row in self.rows:
            bits = 1 << row.index
            for each in row.inputs:
                if each >= 0:
                    bits |= found[each]
            found.append(bits)
        return found

    def depends(self, index: int, on: int) -> bool:
        """Tell whether a row depends on another one."""
        return bool(self.ancestors[index] >> on & 1)

    def origin(self, index: int) -> int:
        """Return the row that a row is a copy or a view of; itself where it is none."""
        while self.rows[index].operation in _SAME and self.rows[index].inputs[:1] > (-1,):
            index = self.rows[index].inputs[0]
        return index

    @cached_property
    def main(self) -> list[int]:
        """The row that each row continues; -1 for the model's inputs.

        Where a stream and its branch meet, the stream: what the other was made of. Of attention, the values.
        """
        return [self._continued(row) for row in self.rows]

    def _continued(self, row: SignalRow) -> int:
        given = [each for each in row.inputs if each >= 0]
        if len(given) < 2:
            return given[0] if given else -1
        if row.operation in ATTENTION or row.operation in MATRIX_PRODUCTS:
            return given[-1]
        if row.operation in NORMS | RECURRENT | LOOKUPS:
            return given[0]
        plain = [each for each in given if each not in self.statistics] or given
        streams = [each for each in plain if all(self.depends(other, self.origin(each)) for other in given)]
        if row.operation in JOINS:
            return max(given, key=self.depth.__getitem__)
        if streams:
            return streams[0]
        return max(plain, key=self.level)

    @cached_property
    def depth(self) -> list[int]:
        """By row how many rows lie behind it at most."""
        found: list[int] = []
        for row in self.rows:
            found.append(1 + max((found[each] for each in row.inputs if each >= 0), default=-1))
        return found

    @cached_property
    def statistics(self) -> set[int]:
        """Rows that are a statistic of the signal, by which a norm written by hand divides."""
        found: set[int] = set()
        for row in self.rows:
            if row.operation in _STATISTICS or (
                row.operation in _THROUGH and row.inputs[:1] and row.inputs[0] in found
            ):
                found.add(row.index)
        return found

    @cached_property
    def norms(self) -> set[int]:
        """Rows that take the scale away: norms of torch, and products with a statistic."""
        found = set()
        for row in self.rows:
            if row.operation in NORMS or (
                row.operation in PRODUCTS | DIVISIONS and any(each in self.statistics for each in row.inputs)
            ):
                found.add(row.index)
        return found

    def begins(self, index: int) -> bool:
        """Tell whether a row's level does not depend on that of what it takes."""
        operation = self.rows[index].operation
        return index in self.norms or operation in BOUNDED | SOFTMAX | LOOKUPS

    def mixes(self, index: int) -> bool:
        """Tell whether a row is a product of two signals, or a curve of one, whose level says nothing of a layer."""
        row = self.rows[index]
        given = [each for each in row.inputs if each >= 0]
        return (row.operation in PRODUCTS | MATRIX_PRODUCTS and len(given) > 1) or row.operation in CURVES

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

    def factor(self, index: int) -> float | None:
        """Return the growth of E[x^2] within a row; None where it is unknown."""
        before, after = self.level(self.main[index]), self.level(index)
        return after / before if before > 0 and after > 0 else None

    def quiet(self, index: int) -> bool:
        """Tell whether a row passes one signal on in other words: views, dropout, a bias, a number's product."""
        row = self.rows[index]
        if index in self.statistics or index in self.norms:
            return False
        return row.operation in QUIET or (
            len(row.inputs) < 2 and not row.parameters and row.operation in ADDITIONS | PRODUCTS
        )

    def ahead(self, index: int) -> Iterator[int]:
        """Yield the rows that take a row's output, as it is or in other words."""
        waiting, seen = list(self.users[index]), set()
        while waiting:
            user = waiting.pop(0)
            if user in seen:
                continue
            seen.add(user)
            if self.quiet(user):
                waiting += self.users[user]
            elif user not in self.statistics:
                yield user

    def follower(self, index: int) -> str:
        """Return the activation that takes a row's output; "" for none."""
        names = (self.rows[each].operation for each in self.ahead(index))
        return next((name.rstrip("_") for name in names if name in ACTIVATIONS), "")

    def scale_free(self, index: int) -> bool:
        """Tell whether all that takes a row's output is a norm, so that its scale does not matter."""
        if index in self.outputs:
            return False
        users = list(self.ahead(index))
        if not users or any(self._reaches_output(index, each) for each in self.outputs):
            return False
        return all(
            each in self.norms or (self.rows[each].operation in HOMOGENEOUS and self.scale_free(each)) for each in users
        )

    def _reaches_output(self, index: int, output: int) -> bool:
        """Tell whether an output is a row in other words."""
        while output >= 0 and output != index and self.quiet(output):
            output = self.main[output]
        return output == index

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

    def trunk(self, output: int) -> list[int]:
        """Return the main path to an output, in the order of execution."""
        found = []
        while output >= 0:
            found.append(output)
            output = self.main[output]
        return found[::-1]

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
