"""Measure how often `verify` errs, what it finds, and how long it takes: `python -m benchmarks.verifying`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import initwise as iw
from benchmarks.machine import machine
from benchmarks.verifying import speed
from benchmarks.verifying.laws import RIGHT, WRONG, Case
from initwise.reporting import Report

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# What `verify` finds, and how often it errs

Written by `python -m benchmarks.verifying`. Weights are 256 x 256 (65,536 values) unless the line says otherwise, and
are drawn from another seed than the plan's or by `torch.nn.init`, so that nothing agrees bit for bit: the laws decide.
"""
SEED = 17


def lines(seeds: int) -> Iterator[str]:
    """The whole page, line by line, as the measurements come in."""
    yield from HEAD.splitlines()
    yield ""
    yield machine()
    yield from ("", "## Right laws", "", "| drawn | seeds | false alarms | at most |", "|---|--:|--:|--:|")
    for case in RIGHT:
        yield f"| {case.what} | {seeds:,} | {reported(case, seeds)} | {3 * seeds // 1000} |"
    yield from ("", "## Wrong laws", "", "| drawn | seeds | found | codes |", "|---|--:|--:|---|")
    for case in WRONG:
        yield f"| {case.what} | {seeds // 5:,} | {reported(case, seeds // 5)} | {', '.join(codes(case))} |"
    yield from ("", "## Time and memory", "", "| | measured | at most |", "|---|--:|--:|")
    for limit in speed.limits():
        asked = "" if limit.at_most is None else f"{limit.at_most:g} {limit.unit}"
        yield f"| {limit.what} | {limit.measured:.2g} {limit.unit} | {asked} |"


def reported(case: Case, seeds: int) -> int:
    """For how many seeds the report is not clean."""
    return sum(not check(case, seed).ok for seed in range(seeds))


def codes(case: Case) -> list[str]:
    """What is reported for the first seed."""
    return sorted({finding.code for finding in check(case, 0).findings})


def check(case: Case, seed: int) -> Report:
    """Draw a model and hold it against the plan, whose own numbers it does not have."""
    model = case.draw(seed)
    return iw.verify(model, iw.plan(model, case.rules, seed=SEED + 10**6))


def main() -> None:
    """All cases and the file, or fewer seeds and no file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verifying", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    options = parser.parse_args()
    page = []
    for line in lines(options.seeds):
        print(line, flush=True)
        page.append(line)
    if options.seeds == 1000:
        RESULTS.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
