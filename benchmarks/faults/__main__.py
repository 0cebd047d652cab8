"""Ask about every fault, twin, control and stock model: `make bench-faults`, `python -m benchmarks.faults --help`."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults import gathering, report
from benchmarks.faults.case import Case
from benchmarks.faults.scoring import Outcome, Part, ask
from benchmarks.machine import machine

RESULTS = Path(__file__).with_name("RESULTS.md")


def asked(options: argparse.Namespace) -> Iterator[tuple[Case, Part]]:
    """What is asked, in order: each fault and its twin, controls, stock models."""
    every: list[tuple[Case, Part]] = []
    for case in gathering.faults():
        every += [(case, "fault"), (case, "twin")]
    every += [(case, "control") for case in gathering.controls()]
    every += [(case, "stock") for case in gathering.stock()] if options.stock else []
    for case, part in every:
        family = "STOCK" if part == "stock" else case.family
        if fnmatch.fnmatch(case.name, options.only) and fnmatch.fnmatch(family, options.family.upper()):
            yield case, part


def line(outcome: Outcome, *, verbose: bool) -> str:
    """One line for the terminal; with everything that was said if asked for."""
    said = " ".join(sorted({f"{finding.code}" for finding in outcome.alarms}))
    text = f"{outcome.verdict:<9} {outcome.part:<7} {outcome.case.name:<44} {outcome.seconds:6.2f} s  {said}"
    told = [str(finding) for finding in outcome.findings] if verbose else []
    return "\n".join([text, *([f"    {outcome.failure}"] if outcome.failure else []), *told])


def main() -> None:
    """All models and the file, or only those named and no file unless `--out` says where."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--only", default="*", help="only cases whose name fits this glob")
    parser.add_argument("--family", default="*", help="only this family, CONTROL, or STOCK")
    parser.add_argument("--no-stock", dest="stock", action="store_false", help="leave out the stock models")
    parser.add_argument("--out", type=Path, help=f"where the page goes; {RESULTS} for a whole run")
    parser.add_argument("-v", "--verbose", action="store_true", help="print all that is said")
    options = parser.parse_args()
    outcomes = []
    for case, part in asked(options):
        outcomes.append(ask(case, part))
        print(line(outcomes[-1], verbose=options.verbose), flush=True)
    text = "\n".join(report.page(outcomes, machine())) + "\n"
    print("\n".join(report.summary(outcomes)))
    whole = options.stock and options.only == options.family == "*"
    out = options.out or (RESULTS if whole else None)
    if out is not None:
        out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
