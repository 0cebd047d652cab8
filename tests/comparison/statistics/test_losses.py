"""The table of final losses, and its pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from initwise.comparison.statistics import Losses, Paired, paired
from initwise.errors import ArgumentError, ArgumentTypeError


def test_none_nan_and_infinities_are_runs_that_diverged() -> None:
    losses = Losses.of({"a": [1.0, None, math.nan], "b": [math.inf, -math.inf, np.float32(2.0)]})  # type: ignore[list-item]
    assert losses.rows == ((1.0, None, None), (None, None, 2.0))


def test_the_scale_is_the_logarithm_unless_a_loss_has_none() -> None:
    assert Losses.of({"a": [1.0, None], "b": [0.5, 2.0]}).scale == "log"
    assert Losses.of({"a": [1.0, None], "b": [0.0, 2.0]}).scale == "identity"
    assert Losses.of({"a": [1.0, None], "b": [-0.5, 2.0]}).scale == "identity"


def test_pairs_are_taken_where_both_have_run() -> None:
    losses = Losses.of({"a": [1.0, 2.0, None, None, 1.0], "b": [math.e, None, 3.0, None]})
    assert paired(losses, "b", "a") == Paired((1.0,), contender_only=1, reference_only=1, both=1)
    assert paired(losses, "b", "a").seeds == 4


def test_differences_are_plain_where_a_loss_is_negative() -> None:
    assert paired(Losses.of({"a": [-1.0, 2.0], "b": [1.0, 5.0]}), "b", "a").differences == (2.0, 3.0)


def test_a_divergence_scores_as_the_largest_difference_and_two_say_nothing() -> None:
    assert Paired((0.5, -2.0), contender_only=1, reference_only=2, both=3).scored == (0.5, -2.0, 2.0, -2.0, -2.0)
    assert Paired((), contender_only=2).scored == (1.0, 1.0)
    assert Paired((), both=2).mean is None


def test_a_table_can_be_cut_back_in_seeds_and_in_strategies() -> None:
    losses = Losses.of({"a": [1.0, 2.0], "b": [3.0], "c": [4.0, 5.0]})
    assert losses.first(1).rows == ((1.0,), (3.0,), (4.0,))
    assert losses.without(["b"]) == Losses(("a", "c"), ((1.0, 2.0), (4.0, 5.0)), "log")
    assert losses.to_dict() == {"scale": "log", "losses": {"a": [1.0, 2.0], "b": [3.0], "c": [4.0, 5.0]}}


def test_a_table_as_it_stood_earlier_has_the_scale_of_then_and_one_without_a_strategy_keeps_its_own() -> None:
    losses = Losses.of({"a": [1.0, 2.0], "b": [3.0, -1.0]})
    assert (losses.scale, losses.first(1).scale, losses.without(["b"]).scale) == ("identity", "log", "identity")


def test_one_strategy_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"Losses\.of: there is 1 strategy, and .* at least 2; add a contender"):
        Losses.of({"a": [1.0]})


def test_everything_wrong_with_a_table_is_told_together() -> None:
    with pytest.raises(ArgumentTypeError, match=r"loss of 'a', seed 1 is 'x' of type str.*; strategy 'b' has no loss"):
        Losses.of({"a": [1.0, "x"], "b": []})  # type: ignore[list-item]
    with pytest.raises(ArgumentTypeError, match=r"loss of 'a', seed 0 is True of type bool"):
        Losses.of({"a": [True], "b": [1.0]})


def test_an_unknown_strategy_is_named_with_those_that_are_there() -> None:
    with pytest.raises(ArgumentError, match=r"no strategy 'clasic'; there are 'classic', 'auto'; did you mean"):
        paired(Losses.of({"classic": [1.0], "auto": [1.0]}), "clasic", "auto")
