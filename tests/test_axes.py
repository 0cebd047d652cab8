"""`Axes` and `Blocks`: plain values, checked where they are written."""

from __future__ import annotations

from typing import Any

import pytest

from initwise.axes import Axes, Blocks
from initwise.errors import ArgumentError, ArgumentTypeError


def test_a_single_axis_may_be_written_as_a_number() -> None:
    assert Axes(fan_in=1, fan_out=0) == Axes(fan_in=(1,), fan_out=(0,))  # type: ignore[arg-type]


def test_axes_show_only_what_differs_from_the_defaults() -> None:
    axes = Axes((1,), (0,), kernel=(2, 3), groups=4, stride=2)
    assert repr(axes) == "Axes(fan_in=(1,), fan_out=(0,), kernel=(2, 3), groups=4, stride=2)"
    assert eval(repr(axes)) == axes  # noqa: S307 - it is what is tested
    assert hash(eval(repr(axes))) == hash(axes)  # noqa: S307 - the same


def test_negative_axes_count_from_the_end() -> None:
    assert Axes((-1,), (-2,), batch=(0,)).normalized((8, 4, 6)) == Axes((2,), (1,), batch=(0,))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fan_in": (1,), "fan_out": (1,)}, "an axis has two roles"),
        ({"fan_in": (1,), "fan_out": (0,), "kernel": (0,)}, "an axis has two roles"),
        ({"fan_in": (1,), "fan_out": (0,), "groups": 0}, "groups is 0, and must be at least 1"),
        ({"fan_in": (1,), "fan_out": (0,), "stride": -1}, "stride is -1, and must be at least 1"),
        ({"fan_in": ("in",), "fan_out": (0,)}, "an axis of fan_in is 'in' of type str, not an integer"),
        ({"fan_in": (True,), "fan_out": (0,)}, "an axis of fan_in is True of type bool, not an integer"),
    ],
)
def test_wrong_axes_are_refused_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Axes(**arguments)


def test_all_that_is_wrong_is_told_together() -> None:
    with pytest.raises(ArgumentTypeError, match=r"fan_in is 'a' .*; groups is 0, .*; stride is 1\.5 of type float"):
        Axes("a", (0,), groups=0, stride=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("axes", "shape", "message"),
    [
        (Axes((1,), (0,)), (4,), r"a weight of shape \(4,\) has no axis 1; its axes are -1 to 0"),
        (Axes((1,), (-1,)), (4, 4), "an axis has two roles"),
        (Axes((1,), (0,), groups=3), (4, 4), "a multiple of groups"),
        (Axes((2,), (1,), groups=2), (4, 4, 4), "axis 0 must be a fan_in or fan_out axis"),
    ],
)
def test_axes_must_fit_the_shape(axes: Axes, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        axes.normalized(shape)


def test_blocks_give_their_slices_in_order() -> None:
    blocks = Blocks(0, ("q", "k", "v"), (8, 2, 2))
    assert blocks.slices() == (("q", 0, 8), ("k", 8, 10), ("v", 10, 12))
    assert list(blocks) == list(blocks.slices())


@pytest.mark.parametrize(
    ("names", "sizes", "message"),
    [
        ((), (), "give one size for each name"),
        (("a",), (1, 2), "1 names and 2 sizes"),
        (("a", "a"), (1, 2), "two blocks have one name"),
        (("a", "b"), (1, 0), "the size of block 1 is 0"),
    ],
)
def test_wrong_blocks_are_refused(names: tuple[str, ...], sizes: tuple[int, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Blocks(0, names, sizes)
