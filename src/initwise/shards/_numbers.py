"""The numbers that describe a slice, checked: sizes, and runs along axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from numbers import Integral
from typing import Any

from initwise._arguments import Arguments, show

Pairs = tuple[tuple[int, int], ...]  # (begin, end)


def whole_numbers(arguments: Arguments, name: str, value: Any) -> tuple[int, ...] | None:
    """Check whole numbers of 0 and more, one an axis; None where they are no sequence."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        arguments.refuse(f"{name} is {show(value)}, and must be a sequence of integers", wrong_type=True)
        return None
    return tuple(arguments.integer(f"{name}[{axis}]", size, least=0) for axis, size in enumerate(value))


def pairs_by_axis(
    arguments: Arguments, sizes: tuple[int, ...], start: tuple[int, ...] | None, given: Any
) -> tuple[tuple[int, Pairs], ...]:
    """Check the runs along each axis that has some."""
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        arguments.refuse(f"runs is {show(given)}, and must map axes to (begin, end) pairs", wrong_type=True)
        return ()
    return tuple(sorted(_pairs_by_axis(arguments, sizes, start, given)))


def _pairs_by_axis(
    arguments: Arguments, sizes: tuple[int, ...], start: tuple[int, ...] | None, given: Mapping[Any, Any]
) -> Iterator[tuple[int, Pairs]]:
    for axis, runs in given.items():
        if not _is_whole(axis) or not 0 <= axis < len(sizes):
            arguments.refuse(f"runs: {show(axis)} is no axis of shape {sizes}")
            continue
        if start is not None and len(start) == len(sizes) and start[axis] != 0:
            arguments.refuse(f"runs and start both speak of axis {axis}; leave start at 0 there")
        pairs = _pairs(runs)
        if pairs is None:
            said = f"runs of axis {axis} are {show(runs)}, and must be pairs (begin, end) of integers"
            arguments.refuse(said, wrong_type=True)
            continue
        apart = all(one[1] <= other[0] for one, other in pairwise(sorted(pairs)))
        if not apart or any(not 0 <= begin < end <= sizes[axis] for begin, end in pairs):
            allowed = f"(begin, end) within 0 to {sizes[axis]} that do not overlap"
            arguments.refuse(f"runs of axis {axis} are {pairs}; allowed are {allowed}")
        yield int(axis), pairs


def _pairs(runs: Any) -> Pairs | None:
    """Return pairs of integers; None where they are something else."""
    try:
        pairs = [(begin, end) for begin, end in runs]
    except (TypeError, ValueError):
        return None
    if not all(_is_whole(number) for pair in pairs for number in pair):
        return None
    return tuple((int(begin), int(end)) for begin, end in pairs)


def _is_whole(number: Any) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)
