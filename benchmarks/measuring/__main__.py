"""What `iw.measure` costs against a plain pass: `make bench-measure`, or `python -m benchmarks.measuring`."""

from __future__ import annotations

import argparse
import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.measuring.cost import Cost, cost
from benchmarks.measuring.models import CASES, Case

RESULTS = Path(__file__).with_name("RESULTS.md")
AT_MOST = 3.0  # plain passes that one measurement may cost
ROUNDS = 3
HEAD = """# What `measure` costs

Written by `make bench-measure`. `iw.measure(model, inputs, loss)` with its defaults (histograms, effective ranks,
verdicts, the proof by digest that all is put back) against a plain forward and backward pass of the same model, inputs
and loss, in one process, in turns, with gradients that were set to None. Random weights as the library draws them,
float32, no dropout, batch norms with the batch's statistics on both sides.

- *plain* and *measure*: medians of {rounds} runs, seconds on the clock; *ratio*: how many plain passes one `measure`
  takes, which should be at most {most:g}
- *rows*: operations that were looked at
- *processor*: the same ratio of the processor time of all threads together, which others on the machine disturb less;
  what runs in one thread only counts less there than on the clock
"""


def lines(wanted: list[Case], rounds: int) -> Iterator[str]:
    """The whole page, line by line, as the measurements come in."""
    yield from HEAD.format(rounds=rounds, most=AT_MOST).splitlines()
    yield ""
    yield machine()
    for title, few in (("Inputs of a usual size", False), ("As few inputs as still say something", True)):
        yield from ("", f"## {title}", "")
        yield "| model | parameters | inputs | rows | plain | measure | ratio | processor |"
        yield "|---|--:|---|--:|--:|--:|--:|--:|"
        for case in wanted:
            yield line(cost(case, case.few if few else case.usual, rounds))
    yield ""
    yield f"Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the end."


def line(found: Cost) -> str:
    """One row of a table."""
    seconds = f"{found.plain.clock:.2f} s | {found.measured.clock:.2f} s"
    ratio = f"**{found.ratio:.2f}**" + ("" if found.ratio <= AT_MOST else " (above)")
    model = f"{found.case.name} | {found.parameters / 1e6:.1f} M | {found.inputs} | {found.rows}"
    return f"| {model} | {seconds} | {ratio} | {found.of_processor:.2f} |"


def main() -> None:
    """All models and the file, or only those named and no file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measuring", description=__doc__)
    parser.add_argument("--match", default="*", help="only models whose name fits this glob")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    wanted = [case for case in CASES if fnmatch.fnmatch(case.name, options.match)]
    page = []
    for each in lines(wanted, options.rounds):
        print(each, flush=True)
        page.append(each)
    if options.match == "*" and options.rounds == ROUNDS:
        RESULTS.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
