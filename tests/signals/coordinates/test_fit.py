"""Slopes and their intervals, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest

from initwise.errors import ArgumentError
from initwise.signals.coordinates._fit import fitted
from initwise.signals.coordinates._names import Names, compared

SIZES = (10, 100)


def values(*slopes: float) -> dict[tuple[int, int], float]:
    """Values at two sizes whose slopes are these, one a seed."""
    return {(size, seed): 3 * size**slope for seed, slope in enumerate(slopes) for size in SIZES}


def test_the_interval_is_students_for_the_mean_of_the_seeds_slopes() -> None:
    fit = fitted(values(0.0, 0.2, 0.4), SIZES, 3, 0.95, 1.2)
    assert fit.slopes == pytest.approx((0.0, 0.2, 0.4))
    assert fit.slope == pytest.approx(0.2)
    half = 4.302653 * 0.2 / math.sqrt(3)  # t with 2 degrees of freedom at 97.5 %; the slopes' deviation is 0.2
    assert fit.low == pytest.approx(0.2 - half, abs=1e-5)
    assert fit.high == pytest.approx(0.2 + half, abs=1e-5)
    assert fit.verdict == "stable"


def test_a_slope_is_that_of_the_least_squares_line() -> None:
    uneven = {(size, seed): value for seed in (0, 1) for size, value in ((1, 1.0), (10, 1.0), (100, 1000.0))}
    assert fitted(uneven, (1, 10, 100), 2, 0.95, 0.5).slope == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("slopes", "verdict"),
    [
        ((0.1, 0.1, 0.1), "stable"),
        ((-0.1, 0.0, 0.1), "stable"),
        ((0.9, 1.0, 1.1), "grows"),
        ((-0.9, -1.0, -1.1), "shrinks"),
        ((0.0, 0.5, 1.0), "undecided"),
        ((-1.4, 0.1, 1.3), "undecided"),
        ((0.6, 0.6, 0.6), "grows"),
    ],
)
def test_the_verdict_follows_the_whole_interval(slopes: tuple[float, ...], verdict: str) -> None:
    assert fitted(values(*slopes), SIZES, 3, 0.95, 0.5).verdict == verdict


def test_the_number_of_seeds_that_would_decide_is_the_least() -> None:
    fit = fitted(values(0.2, 0.4, 0.6), SIZES, 3, 0.95, 0.5)
    assert fit.verdict == "undecided"
    # The edge is 0.1 away and the deviation 0.2. t(0.975, 17) = 2.1098: 0.2 * 2.1098 / sqrt(18) = 0.0995; with 17
    # seeds 0.2 * 2.1199 / sqrt(17) = 0.1028.
    assert fit.seeds_needed == 18
    assert fitted(values(0.4, 0.5, 0.6), SIZES, 3, 0.95, 0.5).seeds_needed is None  # on the edge
    assert fitted(values(0.1, 0.1, 0.1), SIZES, 3, 0.95, 0.5).seeds_needed is None  # decided


def test_what_cannot_be_fitted_says_why() -> None:
    nan = values(0.0, 0.0) | {(100, 1): math.inf}
    assert fitted(nan, SIZES, 2, 0.95, 0.5).verdict == "diverged"
    assert fitted(nan, SIZES, 2, 0.95, 0.5).why == "inf at size 100, seed 1"
    lost = {run: value for run, value in values(0.0, 0.0).items() if run != (10, 1)}
    assert fitted(lost, SIZES, 2, 0.95, 0.5).verdict == "undecided"
    assert "at size 10, seed 1" in fitted(lost, SIZES, 2, 0.95, 0.5).why
    assert fitted(dict.fromkeys(nan, 0.0), SIZES, 2, 0.95, 0.5).verdict == "zero"


def test_blocks_of_stacks_that_grow_are_named_from_both_ends() -> None:
    names = Names({2: {"h", "h.0", "h.0.mlp.1", "h.1.mlp.1"}, 3: {"h", "h.0.mlp.1", "h.1.mlp.1", "h.2.mlp.1"}})
    assert names.stacks == {"h"}
    assert names.common(3, "h.2.mlp.1") == ("h.-1.mlp.1",)
    assert names.common(3, "h.1.mlp.1") == ()
    assert names.common(3, "h.0.mlp.1") == ("h.0.mlp.1",)
    assert names.common(2, "h.1.mlp.1") == ("h.-1.mlp.1",)
    assert names.common(3, "head") == ("head",)


def test_a_stack_of_one_block_has_the_same_first_and_last() -> None:
    assert Names({1: {"h.0"}, 2: {"h.0", "h.1"}}).common(1, "h.0") == ("h.0", "h.-1")


def test_blocks_of_another_kind_at_the_end_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"depth 3 lacks 'h\.-1\.a' and has 'h\.-1\.b' beside"):
        compared("depth", {2: {"h.0.a", "h.1.a"}, 3: {"h.0.a", "h.1.a", "h.2.b"}})
