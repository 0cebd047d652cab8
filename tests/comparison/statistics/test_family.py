"""Families of comparisons, and what is said before an experiment runs."""

from __future__ import annotations

import numpy as np
import pytest

from initwise.comparison.statistics import (
    Power,
    comparisons,
    family_level,
    least_seeds,
    power,
    power_curve,
    seeds_needed,
    sign_flip,
    smallest_p,
    t_test,
)
from initwise.errors import ArgumentError


def test_five_seeds_and_four_contenders_can_show_nothing_and_eight_can() -> None:
    forecast = power(5, 4, effect=10.0, noise=0.1)
    assert str(forecast) == "with 5 seeds and 4 contenders no difference can be significant; 8 are needed"
    assert (forecast.power, forecast.possible, forecast.smallest_p) == (0.0, False, 2 / 2**5)
    assert power(7, 4, 10.0, 0.1).possible is False
    assert power(8, 4, 10.0, 0.1).power == 1.0


@pytest.mark.parametrize("contenders", range(1, 16))
def test_the_least_seeds_are_the_first_whose_smallest_p_is_small_enough(contenders: int) -> None:
    expected = next(n for n in range(1, 40) if sign_flip([1.0] * n) <= 0.05 / contenders)
    assert least_seeds(contenders) == expected
    assert smallest_p(expected) == sign_flip([1.0] * expected)


def test_all_pairs_are_compared_where_no_reference_was_named() -> None:
    assert comparisons(6, reference=True) == 5
    assert comparisons(6, reference=False) == 15


def test_the_level_of_a_family_is_that_at_which_holms_method_ends() -> None:
    assert family_level([0.02, 0.04, 0.001, 0.9], 0.05) == 0.05 / 3
    assert family_level([0.02, 0.04, 0.02, 0.9], 0.05) == 0.05 / 4
    assert family_level([0.001, 0.04, 0.002, 0.9], 0.05) == 0.05 / 2
    assert family_level([0.01, 0.04, 0.02], 0.05) == 0.05


@pytest.mark.parametrize(
    ("seeds", "contenders", "ratio", "test"),
    [(8, 4, 2.0, "exact"), (11, 2, 1.0, "exact"), (17, 3, 0.8, "exact"), (6, 4, 2.0, "t"), (10, 1, 1.0, "t")],
)
def test_power_is_that_of_simulated_experiments(seeds: int, contenders: int, ratio: float, test: str) -> None:
    # 1,500 experiments: a standard error of 1.3 points.
    draws = np.random.default_rng(99).standard_normal((1500, seeds)) * 0.3 - ratio * 0.3
    p_of = sign_flip if test == "exact" else t_test
    found = np.mean([row.sum() < 0 and p_of(row.tolist()) <= 0.05 / contenders for row in draws])  # type: ignore[operator]
    forecast = power(seeds, contenders, ratio * 0.3, 0.3, test=test)  # type: ignore[arg-type]
    assert forecast.power == pytest.approx(found, abs=0.045)


@pytest.mark.parametrize(("contenders", "ratio"), [(1, 1.5), (4, 1.5), (4, 5.0), (2, 1.2)])
def test_the_seeds_that_are_needed_are_the_first_that_have_the_power(contenders: int, ratio: float) -> None:
    needed = seeds_needed(contenders, ratio, 1.0)
    assert needed is not None
    assert power(needed, contenders, ratio, 1.0).power >= 0.8
    assert power(needed - 1, contenders, ratio, 1.0).power < 0.8
    assert power(needed, contenders, ratio, 1.0).seeds_needed == needed


def test_a_difference_of_nothing_needs_more_seeds_than_anybody_has() -> None:
    forecast = power(8, 2, 0.0, 1.0)
    assert forecast.seeds_needed is None
    assert str(forecast).endswith("; more than 10,000 seeds are needed for 80%")
    assert forecast.power <= 0.015  # half of the level: the other half would be the wrong direction


def test_a_forecast_says_what_is_found_and_what_is_needed() -> None:
    assert (
        str(power(8, 1, 1.0, 0.5, test="t"))
        == "with 8 seeds and 1 contender a difference of 2 noise is found with 100%"
    )
    assert str(power(20, 3, 0.5, 1.0, test="t")).endswith("is found with 37%; 45 seeds are needed for 80%")
    assert power(8, 1, 1.0, 0.5).to_dict()["least_seeds"] == 6
    assert isinstance(power(8, 1, 1.0, 0.5), Power)


def test_a_curve_of_powers_has_a_row_for_each_number_of_seeds() -> None:
    table = power_curve([5, 8, 20], 4, [0.1, 0.2], 0.1)
    assert [column.name for column in table.columns] == ["seeds", "1 noise", "2 noise"]
    assert table.rows[0] == ("5", "0%", "0%")
    assert float(table.rows[2][2].rstrip("%")) > 99


def test_questions_without_an_answer_are_refused_together() -> None:
    with pytest.raises(
        ArgumentError, match=r"power: seeds is 0.*; contenders is 0.*; noise is 0, and must be positive"
    ):
        power(0, 0, 1.0, 0)
    with pytest.raises(ArgumentError, match=r"test is 'T', and must be one of 'exact', 't'"):
        power(8, 1, 1.0, 1.0, test="T")  # type: ignore[arg-type]
