"""The page: what was simulated and what came of it."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.comparison.scoring import Count
from benchmarks.comparison.worlds import World
from initwise.comparison.statistics import clopper_pearson

HEAD = """# How often the verdicts of a comparison are wrong

Written by `make bench-comparison`. Experiments are drawn from strategies whose true differences are known and
judged by `initwise.comparison.statistics`; {runs} experiments for each line, always the same ones. An experiment
counts as wrong if **any** of its verdicts contradicts the truth: "better" or "worse" of what is not, "equivalent" of a
difference as large as the margin. The promise is 5 % at most for all contenders together. A rate is marked where it
lies above 5 % by more than chance (its 95 % interval of Clopper and Pearson does): a true rate of 5 % is found as
3.7 to 6.4 % in a thousand experiments.

Log losses have what all strategies share on a seed (0.3), a shift, and noise of their own; shifts and margins are in
units of the noise, the standard deviation of a paired difference (0.1). Laws: normal, Student's t with 3 degrees,
contaminated (one in ten is ten times as wide).

- *exact*: sign flips against a named reference; *t*: Student's instead; *best of all*: the reference is the best of
  the table, the family all pairs; *race*: losers are stopped early, at a share of the same 5 %

## Worlds at random

2 to 6 strategies, 3 to 20 seeds, any law, a third of the shifts zero and the others normal with standard deviation 2,
half of the worlds with divergence of 5 to 20 %, margins of 0.3 to 2.
"""
HARDEST = (
    "\n## The hardest worlds\n",
    "Where all are equal, every difference found is wrong; where all are at the margin, every equivalence.\n",
    "| world | strategies | seeds | exact | t | best of all, race |",
    "|---|--:|--:|--:|--:|--:|",
)
POWER = (
    "\n## Power, as announced before and as found\n",
    "One contender differs, the others do not. The promise is 5 points.\n",
    "| seeds | contenders | difference | test | announced | found | points off |",
    "|--:|--:|--:|---|--:|--:|--:|",
)
NEEDED = (
    "\n## The seeds that are needed for 80 %\n",
    "| contenders | difference | seeds needed | power found there |",
    "|--:|--:|--:|--:|",
)
RACES = (
    "\n## What a race saves, and what it costs\n",
    "Cells (one strategy on one seed) that were not run; experiments in which anybody was stopped wrongly, which may",
    "be 1 % (a fifth of the 5 %); verdicts other than undecided, with and without the race.\n",
    "| world | strategies | seeds | against | saved | wrong stops | wrong verdicts | decided without | with |",
    "|---|--:|--:|---|--:|--:|--:|--:|--:|",
)


def share(count: int, of: int, limit: float = 0.05) -> str:
    """A share of experiments, marked where it is above the limit by more than chance."""
    low, _ = clopper_pearson(count, of)
    return f"{count / of:.1%}" + (" **above**" if low > limit else "")


def at_random(counts: dict[str, Count]) -> Iterator[str]:
    """The table of random worlds."""
    yield "\n| way | wrong | at most (95 %) | better | worse | equivalent | undecided |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for way, count in counts.items():
        _, high = clopper_pearson(count.false, count.experiments, 0.1)
        said = " | ".join(str(count.verdicts.get(word, 0)) for word in ("better", "worse", "equivalent", "undecided"))
        yield f"| {way} | {share(count.false, count.experiments)} | {high:.1%} | {said} |"


def hard(world: World, counts: dict[str, Count]) -> str:
    """One of the hardest worlds."""
    rates = " | ".join(share(count.false, count.experiments) for count in counts.values())
    return f"| {world.name} | {len(world.shifts)} | {world.seeds} | {rates} |"


def powered(seeds: int, contenders: int, ratio: float, test: str, announced: float, found: float) -> str:
    """One announcement."""
    off = 100 * (found - announced)
    return f"| {seeds} | {contenders} | {ratio:g} | {test} | {announced:.1%} | {found:.1%} | {off:+.1f} |"


def needed(contenders: int, ratio: float, seeds: int, found: float) -> str:
    """One number of seeds."""
    return f"| {contenders} | {ratio:g} | {seeds} | {found:.1%} |"


def raced(world: World, counts: dict[str, Count]) -> str:
    """One race, against the best and against a named reference: two lines."""
    found = []
    for against, way in (("best", "exact, best of all"), ("named", "exact")):
        plain, race = counts[way], counts[f"{way}, race"]
        stops, wrong = share(race.false_stops, race.experiments, 0.01), share(race.false, race.experiments)
        decided = " | ".join(f"{_decided(each):.0%}" for each in (plain, race))
        head = f"{world.name} | {len(world.shifts)} | {world.seeds} | {against}"
        found.append(f"| {head} | {race.saved / race.cells:.0%} | {stops} | {wrong} | {decided} |")
    return "\n".join(found)


def _decided(count: Count) -> float:
    return 1 - count.verdicts.get("undecided", 0) / sum(count.verdicts.values())
