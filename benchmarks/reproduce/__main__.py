"""Run the claims and write RESULTS.md: `make reproduce`, or `python -m benchmarks.reproduce [NAME ...]`."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from benchmarks.machine import machine
from benchmarks.reproduce import deepnet, fixup, metainit, mup, report, rezero, rslora, zero
from benchmarks.reproduce.claim import Claim, Figure

CLAIMS = {module.CLAIM.name: module.CLAIM for module in (mup, deepnet, fixup, rezero, zero, metainit, rslora)}
RESULTS = Path(__file__).with_name("RESULTS.md")


def lines(wanted: Sequence[Claim]) -> Iterator[str]:
    """The whole page, line by line; the sections wait until all claims are tried, the summary stands first."""
    done: list[tuple[Claim, list[Figure], float]] = []
    for claim in wanted:
        print(f"{claim.name} ...", file=sys.stderr, flush=True)
        start = time.perf_counter()
        done.append((claim, claim.run(), time.perf_counter() - start))
    yield from report.HEAD.splitlines()
    yield from ("", machine(), "")
    yield from report.summary(done)
    for each in done:
        yield from report.section(*each)


def main() -> int:
    """All claims and the file, or only those named and no file; 1 if a claim is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reproduce", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CLAIMS)}; all by default")
    names = parser.parse_args().names
    unknown = [name for name in names if name not in CLAIMS]
    if unknown:
        parser.error(f"{unknown[0]!r} is not a claim; known are {', '.join(CLAIMS)}")
    torch.set_num_threads(1)  # the networks are small: a second thread would only wait for the first
    warnings.simplefilter("ignore")  # recipes remind of what the forward pass must do, and the experiments do it
    page = []
    for line in lines([CLAIMS[name] for name in names or CLAIMS]):
        print(line, flush=True)
        page.append(line)
    if not names:
        RESULTS.write_text("\n".join(page) + "\n", encoding="utf-8")
    return int(any("**not met**" in line for line in page))


if __name__ == "__main__":
    raise SystemExit(main())
