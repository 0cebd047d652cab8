"""Racing: who is stopped, when, and at which level."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from initwise.comparison.statistics import Loss, Losses, Race, verdicts
from initwise.errors import ArgumentError


def noisy(generator: np.random.Generator, seeds: int, shift: float, noise: float = 0.1) -> list[Loss]:
    """Losses whose logarithm is normal."""
    return np.exp(generator.normal(shift, noise, seeds)).tolist()  # type: ignore[no-any-return]


def test_who_loses_by_far_is_stopped_early_and_who_does_not_runs_on() -> None:
    generator = np.random.default_rng(0)
    rows = {"a": noisy(generator, 8, 0.0), "b": noisy(generator, 8, 0.0), "c": noisy(generator, 8, 3.0)}
    (lost,) = Race(8).lost(Losses.of(rows))
    assert (lost.strategy, lost.seeds) == ("c", 3)
    assert lost.reason == f"higher losses than {lost.rival!r} on 3 seeds"
    assert lost.p <= lost.level


def test_the_levels_of_all_looks_and_pairs_add_up_to_the_share() -> None:
    race = Race(8, alpha=0.05, share=0.2)
    assert list(race.looks) == [3, 4, 5, 6, 7]
    assert race.level(4) * 5 * 4 * 3 == pytest.approx(0.01)
    assert Race(8, reference="a").level(4) * 5 * 3 == pytest.approx(0.01)
    assert race.left == pytest.approx(0.04)


def test_the_p_value_is_students_one_sided_one_doubled() -> None:
    ours, theirs = [2.0, 2.1, 2.3], [1.0, 1.1, 1.0]
    rows = {"ours": [*ours, 2.0], "theirs": [*theirs, 1.0]}
    (lost,) = Race(4, alpha=0.5, share=0.9).lost(Losses.of(rows))
    expected = stats.ttest_rel(np.log(ours), np.log(theirs), alternative="greater").pvalue
    assert lost.p == pytest.approx(2 * expected)


def test_a_race_can_be_replayed_from_what_was_run() -> None:
    generator = np.random.default_rng(0)
    rows = {"a": noisy(generator, 8, 0.0), "b": noisy(generator, 8, 0.0), "c": noisy(generator, 8, 3.0)}
    cut = {**rows, "c": rows["c"][:3]}
    assert Race(8).lost(Losses.of(cut)) == Race(8).lost(Losses.of(rows))
    assert Race(8).lost(Losses.of(rows).first(3)) == Race(8).lost(Losses.of(rows))
    assert Race(8).lost(Losses.of(rows).first(2)) == ()


def test_the_reference_is_never_stopped_and_only_it_can_win() -> None:
    generator = np.random.default_rng(1)
    rows = {"bad": noisy(generator, 8, 3.0), "good": noisy(generator, 8, 0.0), "worst": noisy(generator, 8, 6.0)}
    assert [(each.strategy, each.rival) for each in Race(8, reference="bad").lost(Losses.of(rows))] == [
        ("worst", "bad")
    ]
    assert sorted(each.strategy for each in Race(8).lost(Losses.of(rows))) == ["bad", "worst"]


def test_who_diverges_on_every_seed_is_stopped_when_a_quarter_to_that_power_is_small_enough() -> None:
    rows: dict[str, list[Loss]] = {"a": [1.0, 1.1] * 4, "b": [None] * 8}
    (lost,) = Race(8).lost(Losses.of(rows))
    assert (lost.strategy, lost.seeds) == ("b", 6)
    assert lost.p == pytest.approx(2 / 4**6)
    assert lost.reason == "diverged more often than 'a' on 6 seeds"


def test_nobody_who_diverges_less_often_is_stopped_for_its_losses() -> None:
    generator = np.random.default_rng(0)
    stable, fast = noisy(generator, 8, 3.0), noisy(generator, 8, 0.0)
    assert len(Race(8).lost(Losses.of({"stable": stable, "fast": fast}))) == 1
    assert Race(8).lost(Losses.of({"stable": stable, "fast": [None, *fast[1:]]})) == ()


def test_nobody_is_stopped_for_divergences_that_the_rival_knows_too() -> None:
    often: list[Loss] = [1.0, *[None] * 11]
    (lost,) = Race(12).lost(Losses.of({"often": often, "never": [1.0, 1.1] * 6}))
    assert lost.strategy == "often"
    assert Race(12).lost(Losses.of({"often": often, "once": [None, *[1.0, 1.1] * 5, 1.0]})) == ()


def test_differences_without_spread_stop_nobody() -> None:
    assert Race(8).lost(Losses.of({"a": [1.0] * 8, "b": [2.0] * 8})) == ()


def test_who_lost_the_race_is_worse_and_the_others_share_what_it_left() -> None:
    generator = np.random.default_rng(0)
    rows = {"a": noisy(generator, 8, 0.0), "b": noisy(generator, 8, 0.2), "c": noisy(generator, 8, 4.0)[:4]}
    race = Race(8, reference="a")
    found = verdicts(Losses.of(rows), reference="a", race=race)
    assert [each.strategy for each in found.lost] == ["c"]
    lost, kept = found.of("c"), found.of("b")
    assert lost is not None
    assert kept is not None
    assert (lost.verdict, lost.seeds) == ("worse", 4)
    assert lost.reason == "stopped: higher losses than 'a' on 3 seeds"
    assert lost.p <= lost.level == race.level(3)
    assert kept.level == pytest.approx(0.04 / 2)  # with a margin nobody's share is freed
    negative = Losses.of({name: [float(np.log(loss)) for loss in row if loss] for name, row in rows.items()})
    free = verdicts(negative, reference="a", race=race)
    assert [each.strategy for each in free.lost] == ["c"]
    assert [each.level for each in free.contenders] == pytest.approx([0.04, race.level(3)])


@pytest.mark.parametrize("named", [True, False])
def test_equal_strategies_are_stopped_no_more_often_than_the_share_allows(named: bool) -> None:
    # 400 races at 40 %: a rate of 40 % has a standard error of 2.5 %; doubling the level is found with over 99 %.
    generator = np.random.default_rng(11)
    race = Race(6, reference="a" if named else None, alpha=0.5, share=0.8)
    wrong = sum(bool(race.lost(Losses.of({name: noisy(generator, 6, 0.0) for name in "abc"}))) for _ in range(400))
    assert 0.05 < wrong / 400 <= 0.45


def test_a_race_that_cannot_be_run_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"Race: seeds is 0.*; first is 1, and must be at least 2; share is 1"):
        Race(0, first=1, share=1)
    with pytest.raises(ArgumentError, match=r"no strategy 'x'"):
        Race(8, reference="x").lost(Losses.of({"a": [1.0], "b": [1.0]}))
