"""Verdicts, powers and races against the truth: `make bench-comparison`, or `python -m benchmarks.comparison`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.comparison import report
from benchmarks.comparison.scoring import WAYS, found_power, simulate
from benchmarks.comparison.worlds import anyone, hardest, losing, skewed
from initwise.comparison.statistics import Test, power, seeds_needed

RESULTS = Path(__file__).with_name("RESULTS.md")
RUNS = 1000
POWERS: tuple[tuple[int, int, float, Test], ...] = (
    (5, 4, 4.0, "exact"),
    (6, 1, 1.5, "exact"),
    (8, 1, 1.0, "exact"),
    (8, 3, 1.5, "exact"),
    (8, 4, 2.0, "exact"),
    (10, 5, 1.5, "exact"),
    (12, 2, 1.0, "exact"),
    (14, 4, 1.0, "exact"),
    (16, 3, 0.8, "exact"),
    (20, 5, 0.9, "exact"),
    (3, 2, 5.0, "t"),
    (4, 4, 4.0, "t"),
    (5, 3, 2.0, "t"),
    (8, 5, 1.5, "t"),
    (12, 1, 0.8, "t"),
    (20, 5, 0.8, "t"),
)


def lines(runs: int) -> Iterator[str]:
    """The page, line by line, as the experiments come in."""
    begun = time.perf_counter()
    yield from report.HEAD.format(runs=runs).splitlines()
    yield from report.at_random(simulate(anyone, runs, 1, WAYS))
    yield from report.HARDEST
    for index, world in enumerate([*hardest(), *skewed()]):
        ways = [way for way in WAYS if way not in {"exact, race", "exact, best of all"}]
        yield report.hard(world, simulate(world.itself, runs, 1000 + index, ways))
    yield from report.POWER
    for index, (seeds, contenders, ratio, test) in enumerate(POWERS):
        found = found_power(seeds, contenders, ratio, test, runs, 2000 + index)
        yield report.powered(
            seeds, contenders, ratio, test, power(seeds, contenders, ratio, 1.0, test=test).power, found
        )
    yield from report.NEEDED
    for index, (contenders, ratio) in enumerate(((1, 1.0), (2, 1.5), (4, 2.0), (5, 1.0))):
        seeds = seeds_needed(contenders, ratio, 1.0) or sys.exit("more than 10,000 seeds")
        yield report.needed(
            contenders, ratio, seeds, found_power(seeds, contenders, ratio, "exact", runs, 3000 + index)
        )
    yield from report.RACES
    for index, world in enumerate(losing()):
        ways = ["exact, best of all", "exact, best of all, race", "exact", "exact, race"]
        yield report.raced(world, simulate(world.itself, runs, 4000 + index, ways))
    yield f"\n{time.perf_counter() - begun:.0f} s in one process."


def main() -> None:
    """All of it and the file, or fewer experiments and no file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparison", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="experiments for each line")
    runs = parser.parse_args().runs
    page = []
    for each in lines(runs):
        print(each, flush=True)
        page.append(each)
    if runs == RUNS:
        RESULTS.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
