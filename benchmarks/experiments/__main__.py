"""Whole experiments, timed, with their verdicts: `make bench-experiments`, or `python -m benchmarks.experiments`."""

from __future__ import annotations

import argparse
import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.experiments import report
from benchmarks.experiments.twins import ROUNDS, SETTINGS, told
from benchmarks.experiments.whole import CASES, run
from benchmarks.machine import machine

RESULTS = Path(__file__).with_name("RESULTS.md")


def lines(match: str, rounds: int) -> Iterator[str]:
    """The page, line by line, as the experiments end."""
    yield from report.HEAD.splitlines()
    yield from ("", machine())
    found = [run(case) for case in CASES if fnmatch.fnmatch(case.task, match)]
    yield from report.ALL.splitlines()
    yield from map(report.summary, found)
    for each in found:
        yield from report.experiment(each)
    if rounds:
        yield from report.TWINS.splitlines()
    for place, (name, options) in enumerate(SETTINGS if rounds else ()):
        yield report.twins(told(name, options, rounds, place * rounds))
    yield ""
    yield f"Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the end."


def main() -> None:
    """All of it and the file, or some of it and no file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments", description=__doc__)
    parser.add_argument("--match", default="*", help="only experiments whose task fits this glob")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="experiments on twins for each setting; 0 for none")
    options = parser.parse_args()
    page = []
    for each in lines(options.match, options.rounds):
        print(each, flush=True)
        page.append(each)
    if options.match == "*" and options.rounds == ROUNDS:
        RESULTS.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
