"""The rows as a graph: which row continues which, which are norms, and which only pass the signal on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

from initwise.model.graph._vocabulary import (
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

QUIET = VIEWS | COPIES | DROPOUTS | INDEXING | RESAMPLING | POOLINGS
_SAME = VIEWS | COPIES | DROPOUTS
_STATISTICS = frozenset(
    "rsqrt rsqrt_ std var norm linalg_vector_norm linalg_norm vector_norm std_mean var_mean".split()
)
_STRAIGHT = frozenset("tanh tanh_ softsign hardtanh sin".split())  # around zero
_LINEAR = 0.7  # of the second moment, that goes through where a bounded function still is
_MEANS = frozenset("mean sum".split())
_ROOTS = frozenset("sqrt sqrt_ pow pow_ __pow__ float_power".split())
_LEADING = frozenset("pow pow_ __pow__ square abs float_power mean sum mul __mul__ add __add__ to float".split())
_THROUGH = frozenset(
    "sqrt sqrt_ add add_ __add__ clamp clamp_min clamp_ pow reciprocal mean expand to type_as float".split()
)


class Wiring:
    """The rows of one pass, and how they hang together."""

    def __init__(self, signals: Signals) -> None:
        self.rows = signals.rows

    def level(self, index: int) -> float:
        """Return E[x^2] of a row's output; 1 for the model's inputs and where it is unknown."""
        moment = self.rows[index].second_moment if index >= 0 else 1.0
        return moment if moment is not None and math.isfinite(moment) else 1.0

    def is_known(self, index: int) -> bool:
        """Tell whether the level of a row is known."""
        moment = self.rows[index].second_moment if index >= 0 else 1.0
        return moment is not None and math.isfinite(moment)

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
        return index >= 0 and bool(self.ancestors[index] >> on & 1)

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
            return given[0] if row.parameters else given[-1]
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
        means: set[int] = set()
        for row in self.rows:
            given = row.inputs[0] if row.inputs else -1
            through = row.operation in _THROUGH
            if row.operation in _MEANS and row.shape[-1:] == (1,):
                means.add(row.index)
            elif (
                row.operation in _STATISTICS
                or (through and given in found)
                or (given in means and row.operation in _ROOTS)
            ):
                found.add(row.index)
            elif given in means and through:
                means.add(row.index)
        for row in reversed(self.rows):
            users = self.users[row.index]
            if row.operation in _LEADING and users and found.issuperset(users):
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
        bounded = operation in BOUNDED and not self.straight(index)
        return index in self.norms or bounded or operation in SOFTMAX | LOOKUPS

    def straight(self, index: int) -> bool:
        """Tell whether a row is a bounded function of a signal so small that it passes as it is."""
        return self.rows[index].operation in _STRAIGHT and _LINEAR < (self.factor(index) or 0.0) <= 1

    def mixes(self, index: int) -> bool:
        """Tell whether a row is a product of two signals, or a curve of one, whose level says nothing of a layer."""
        row = self.rows[index]
        given = [each for each in row.inputs if each >= 0]
        return (row.operation in PRODUCTS | MATRIX_PRODUCTS and len(given) > 1) or (
            row.operation in CURVES and not self.straight(index)
        )

    def factor(self, index: int) -> float | None:
        """Return the growth of E[x^2] within a row; None where it is unknown."""
        if not (self.is_known(index) and self.is_known(self.main[index])):
            return None
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

    def trunk(self, output: int) -> list[int]:
        """Return the main path to an output, in the order of execution."""
        found = []
        while output >= 0:
            found.append(output)
            output = self.main[output]
        return found[::-1]
