"""Error rates on experiments whose truth is known; `python -m benchmarks.comparison` runs the large ones."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.comparison.scoring import WAYS, simulate
from benchmarks.comparison.worlds import World, anyone, hardest, losing
from initwise.comparison.statistics import clopper_pearson

FEW = 150  # experiments, of which at most 15 may be wrong: with a rate of 5 % that fails in 0.6 %, with 15 % in 95 %
MOST = 15


def test_any_false_verdict_is_rare_in_worlds_at_random() -> None:
    counts = simulate(anyone, FEW, 5, ("exact", "t", "exact, best of all, race"))
    assert {way: count.false for way, count in counts.items() if count.false > MOST} == {}
    assert all(
        sum(count.verdicts.get(word, 0) for word in ("better", "worse", "equivalent")) > FEW
        for count in counts.values()
    )


@pytest.mark.parametrize("name", ["all at the margin", "all equal, 20 % diverge, t3"])
def test_any_false_verdict_is_rare_where_it_is_easiest(name: str) -> None:
    world = next(each for each in hardest() if each.name == name and len(each.shifts) == 4)
    counts = simulate(world.itself, FEW, 6, ("exact", "exact, race"))
    assert {way: count.false for way, count in counts.items() if count.false > MOST} == {}


def test_a_race_against_those_that_stall_saves_a_third_and_stops_nobody_else() -> None:
    world = next(each for each in losing() if each.name.startswith("three lose by 30") and each.seeds == 8)
    count = simulate(world.itself, 60, 7, ("exact, best of all, race",))["exact, best of all, race"]
    assert count.false_stops <= 2
    assert count.saved / count.cells > 0.3


def test_the_truth_that_verdicts_are_held_against_is_right() -> None:
    world = World("", (0.0, 1.0, -1.0, 0.0), 8, diverges=(0.1, 0.1, 0.1, 0.2), margin=1.0)
    assert world.wrong("better", "s1", "s0")
    assert not world.wrong("worse", "s1", "s0")
    assert not world.wrong("better", "s2", "s0")
    assert world.wrong("equivalent", "s2", "s0")
    assert not world.wrong("equivalent", "s3", "s0")
    assert world.wrong("better", "s3", "s0")
    assert not world.wrong("worse", "s3", "s0")
    assert not world.wrong("undecided", "s1", "s0")


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_of_a_thousand_experiments_at_random_at_most_five_in_a_hundred_have_a_false_verdict(way: str) -> None:
    count = simulate(anyone, 1000, 1, (way,))[way]
    assert clopper_pearson(count.false, 1000)[0] <= 0.05
    assert count.false <= 50


def test_experiments_are_the_same_ones_each_time() -> None:
    one, other = (anyone(np.random.default_rng(4)).draw(np.random.default_rng(3)) for _ in range(2))
    assert one == other
