"""Slices and flat ranges: what they refuse, and the boxes of the whole that a tensor holds by them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import initwise as iw
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.shards import held
from tests.shards.cuts import Cut, cuts

WHOLES = st.lists(st.integers(1, 6), min_size=0, max_size=4).map(tuple)


@given(WHOLES.flatmap(lambda shape: st.tuples(st.just(shape), cuts(shape))))
def test_the_pieces_of_any_cut_are_views_that_cover_the_whole_once(case: tuple[tuple[int, ...], list[Cut]]) -> None:
    shape, parts = case
    whole = torch.arange(math.prod(shape)).reshape(shape)
    times = torch.zeros(shape, dtype=torch.long)
    for shard, size in parts:
        local = torch.full(size, -1)
        here = held(local, shard)
        assert here.whole == shape
        for piece in here.pieces:
            piece.view.copy_(piece.of(whole))  # a view: this is seen in `local`
            piece.of(times).add_(1)
            steps = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
            assert piece.offset(steps) == int(piece.view.flatten()[0])
        assert bool((local >= 0).all())
    assert bool((times == 1).all())


@given(st.integers(0, 23), st.integers(0, 23))
def test_a_flat_range_is_held_in_the_order_of_rows(one: int, other: int) -> None:
    start, stop = sorted((one, other))
    flat = torch.arange(start, stop)
    for piece in held(flat, iw.FlatRange((2, 3, 4), start)).pieces:
        assert torch.equal(piece.view, piece.of(torch.arange(24).reshape(2, 3, 4)))


def test_a_flat_range_has_at_most_two_boxes_for_each_axis() -> None:
    shape = (5, 5, 5)
    for start, stop in itertools.combinations(range(126), 2):
        assert len(held(torch.empty(stop - start), iw.FlatRange(shape, start)).pieces) <= 2 * len(shape) - 1


@given(WHOLES.filter(bool).flatmap(lambda shape: st.tuples(st.just(shape), cuts(shape))), st.data())
def test_between_cuts_a_piece_along_an_axis(case: tuple[tuple[int, ...], list[Cut]], data: Any) -> None:
    shape, parts = case
    axis = data.draw(st.integers(0, len(shape) - 1))
    low = data.draw(st.integers(0, shape[axis]))
    high = data.draw(st.integers(low, shape[axis]))
    whole = torch.arange(math.prod(shape)).reshape(shape)
    wanted = set(whole.narrow(axis, low, high - low).flatten().tolist())
    for shard, size in parts:
        for piece in held(torch.zeros(size, dtype=torch.long), shard).pieces:
            piece.view.copy_(piece.of(whole))
            found = piece.between(axis, low, high)
            expected = [value for value in piece.view.flatten().tolist() if value in wanted]
            assert ([] if found is None else found.view.flatten().tolist()) == expected


def test_a_tensor_without_a_shard_is_the_whole() -> None:
    here = held(torch.empty(2, 3))
    assert here.complete
    assert here.first
    assert here.whole == (2, 3)
    assert not held(torch.empty(2, 3), iw.Slice((4, 3))).complete
    assert not held(torch.empty(0), iw.FlatRange((4, 3), 12)).complete


def test_runs_may_touch_and_end_where_the_whole_does() -> None:
    assert iw.Slice((8, 4), runs={0: [(4, 8), (0, 2), (2, 4)]}).runs == ((0, ((4, 8), (0, 2), (2, 4))),)


def test_what_is_said_of_heads_in_a_packed_weight_is_found_there() -> None:
    heads = iw.Slice((576, 8), runs={0: ((0, 64), (192, 256), (384, 448))})
    here = held(torch.empty(192, 8), heads)
    assert [(piece.start, tuple(piece.view.shape)) for piece in here.pieces] == [
        ((0, 0), (64, 8)),
        ((192, 0), (64, 8)),
        ((384, 0), (64, 8)),
    ]


def test_shards_can_be_compared_and_pasted_back() -> None:
    for shard in (iw.Slice((8, 4), (4, 0)), iw.Slice((8, 4), runs={0: [(0, 2), (4, 6)]}), iw.FlatRange((8, 4), 3)):
        assert eval(repr(shard), {"Slice": iw.Slice, "FlatRange": iw.FlatRange}) == shard  # noqa: S307 - our own repr
        assert len({shard, shard}) == 1


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: iw.Slice(8), ArgumentTypeError, "Slice: shape is 8, and must be a sequence of integers"),  # type: ignore[arg-type]
    (lambda: iw.Slice("84"), ArgumentTypeError, "Slice: shape is '84', and must be a sequence of integers"),  # type: ignore[arg-type]
    (lambda: iw.Slice((8, -4)), ArgumentError, r"Slice: shape\[1\] is -4"),
    (lambda: iw.Slice((8, 2.5)), ArgumentTypeError, r"Slice: shape\[1\] is 2.5"),  # type: ignore[arg-type]
    (lambda: iw.Slice((8, 4), (1,)), ArgumentError, r"start \(1,\) has 1 axes, and shape \(8, 4\) has 2"),
    (lambda: iw.Slice((8, 4), (9, 0)), ArgumentError, r"start \(9, 0\) lies outside of shape \(8, 4\) along axis 0"),
    (lambda: iw.Slice((8, 4), (-1, 0)), ArgumentError, r"start\[0\] is -1"),
    (lambda: iw.Slice((8, 4), runs=[(0, 1)]), ArgumentTypeError, r"runs is \[\(0, 1\)\], and must map axes to"),  # type: ignore[arg-type]
    (lambda: iw.Slice((8, 4), runs={2: [(0, 1)]}), ArgumentError, r"runs: 2 is no axis of shape \(8, 4\)"),
    (lambda: iw.Slice((8, 4), runs={True: [(0, 1)]}), ArgumentError, r"runs: True is no axis of shape \(8, 4\)"),
    (
        lambda: iw.Slice((8, 4), (2, 0), {0: [(0, 1)]}),
        ArgumentError,
        "runs and start both speak of axis 0; leave start",
    ),
    (lambda: iw.Slice((8, 4), runs={0: [(0, 1.5)]}), ArgumentTypeError, r"runs of axis 0 are \[\(0, 1.5\)\], and must"),  # type: ignore[list-item]
    (lambda: iw.Slice((8, 4), runs={0: [("1", "2")]}), ArgumentTypeError, "must be pairs \\(begin, end\\) of integers"),  # type: ignore[list-item]
    (lambda: iw.Slice((8, 4), runs={0: [(False, True)]}), ArgumentTypeError, r"are \[\(False, True\)\], and must be"),
    (lambda: iw.Slice((8, 4), runs={0: 5}), ArgumentTypeError, "runs of axis 0 are 5, and must be pairs"),  # type: ignore[dict-item]
    (lambda: iw.Slice((8, 4), runs={-1: [(0, 1)]}), ArgumentError, r"runs: -1 is no axis of shape \(8, 4\)"),
    (lambda: iw.Slice((8, 4), "10"), ArgumentTypeError, "Slice: start is '10', and must be a sequence of integers$"),  # type: ignore[arg-type]
    (lambda: iw.Slice((8, 4), {0: 1}), ArgumentTypeError, r"Slice: start is \{0: 1\}, and must be a sequence"),  # type: ignore[arg-type]
    (lambda: iw.Slice((8, 4), runs={0: [1, 2]}), ArgumentTypeError, r"runs of axis 0 are \[1, 2\], and must be pairs"),  # type: ignore[list-item]
    (lambda: iw.Slice((8, 4), runs={0: [(0, 3), (2, 4)]}), ArgumentError, r"allowed are \(begin, end\) within 0 to 8"),
    (lambda: iw.Slice((8, 4), runs={0: [(6, 9)]}), ArgumentError, r"runs of axis 0 are \(\(6, 9\),\); allowed are"),
    (lambda: iw.Slice((8, 4), runs={0: [(3, 3)]}), ArgumentError, r"runs of axis 0 are \(\(3, 3\),\); allowed are"),
    (lambda: iw.FlatRange((8, 4), 33), ArgumentError, r"FlatRange: start is 33, and shape \(8, 4\) has 32 elements"),
    (lambda: iw.FlatRange((8, 4), -1), ArgumentError, "FlatRange: start is -1"),
    (lambda: iw.FlatRange((8, 4), 1.5), ArgumentTypeError, "FlatRange: start is 1.5"),  # type: ignore[arg-type]
    (lambda: iw.FlatRange((8, 4), "3"), ArgumentTypeError, "FlatRange: start is '3' of type str, not an integer"),  # type: ignore[arg-type]
    (lambda: iw.FlatRange(32, 2), ArgumentTypeError, "FlatRange: shape is 32, and must be a sequence of integers$"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "kind", "said"), BAD, ids=[said[:40] for _, _, said in BAD])
def test_wrong_descriptions_are_refused(make: Callable[[], Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        make()


def test_all_that_is_wrong_with_a_slice_is_told_together() -> None:
    with pytest.raises(ArgumentError) as caught:
        iw.Slice((8, -4), (9, 0), {7: [(0, 1)]})
    assert all(said in str(caught.value) for said in ("shape[1] is -4", "lies outside of shape", "runs: 7 is no axis"))


@pytest.mark.parametrize(
    ("shape", "shard", "said"),
    [
        ((8,), iw.Slice((8, 4)), r"shape \(8,\), and Slice\(\(8, 4\), \(0, 0\)\) has 2 axes; give"),
        ((5, 4), iw.Slice((8, 4), (4, 0)), r"shape \(5, 4\), and Slice\(\(8, 4\), \(4, 0\)\) leaves 4 along axis 0"),
        ((3, 4), iw.Slice((8, 4), runs={0: [(0, 2), (6, 8)]}), r"shape \(3, 4\), and Slice.* leaves 4 along axis 0"),
        (
            (2, 2),
            iw.FlatRange((8, 4), 0),
            r"shape \(2, 2\) and strides \(2, 1\), and FlatRange.* needs a contiguous 1-D one",
        ),
        ((5,), iw.FlatRange((8, 4), 28), r"the tensor has 5 elements, and FlatRange\(\(8, 4\), 28\) leaves 4"),
    ],
)
def test_a_tensor_of_other_sizes_than_its_shard_is_refused(shape: tuple[int, ...], shard: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        held(torch.empty(shape), shard)


def test_a_flat_range_needs_memory_without_gaps() -> None:
    with pytest.raises(ArgumentError, match="needs a contiguous 1-D one"):
        held(torch.empty(8)[::2], iw.FlatRange((8, 4), 0))
