"""Measure what `auto` keeps: `make bench-auto`, or `python -m benchmarks.auto --match "torch*"`."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.auto import report
from benchmarks.auto.measuring import measured
from benchmarks.auto.models import Case, cases
from benchmarks.machine import machine
from tests import peers  # noqa: F401 - makes torchvision and timm importable, before transformers looks for them

RESULTS = Path(__file__).with_name("RESULTS.md")


def lines(wanted: list[Case], recipe: str, seed: int) -> Iterator[str]:
    """The whole page, line by line, as the measurements come in."""
    yield from report.HEAD.format(recipe=recipe).splitlines()
    yield ""
    yield machine()
    yield ""
    yield from report.table_head()
    done = []
    for case in wanted:
        torch.manual_seed(0)
        result = measured(case.build(), case.inputs(), recipe, seed=seed)
        done.append((case, result))
        yield report.line(case, result)
    yield ""
    yield from report.summary(done)
    yield ""
    yield "## Where it fails"
    yield ""
    for case, result in done:
        yield from report.failures(case, result)


def main() -> None:
    """All models and the file, or only those named and no file unless `--out` says where."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.auto", description=__doc__)
    parser.add_argument("--match", default="*", help="only models whose name fits this glob")
    parser.add_argument("--recipe", default="auto", help="the recipe that is measured")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help=f"where the page goes; {RESULTS} for a whole run of auto")
    options = parser.parse_args()
    wanted = [case for case in cases() if fnmatch.fnmatch(case.name, options.match)]
    page = []
    for line in lines(wanted, options.recipe, options.seed):
        print(line, flush=True)
        page.append(line)
    whole = options.match == "*" and options.recipe == "auto"
    out = options.out or (RESULTS if whole else None)
    if out is not None:
        out.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
