"""Ask who is to blame: `make bench-culprits`, or `python -m benchmarks.culprits --list first --only "*MLP*"`."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.culprits import report
from benchmarks.culprits._plants import FIRST, SECOND, THIRD, Plant
from benchmarks.culprits.asking import KINDS, Answer, ask_all
from benchmarks.machine import machine
from tests import peers  # noqa: F401 - makes torchvision and timm importable, before transformers looks for them

RESULTS = Path(__file__).with_name("RESULTS.md")
LISTS: dict[str, Sequence[Plant]] = {"first": FIRST, "second": SECOND, "third": THIRD}


def main() -> None:
    """All lists and the file, or only what is named and no file unless `--out` says where."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.culprits", description=__doc__)
    parser.add_argument("--list", choices=[*LISTS, "all"], default="all", help="which list")
    parser.add_argument("--signals", choices=KINDS, nargs="+", default=KINDS, help="by prediction, by measurement")
    parser.add_argument("--only", default="*", help="only models whose name fits this glob")
    parser.add_argument("--out", type=Path, help=f"where the page goes; {RESULTS} for a whole run")
    options = parser.parse_args()
    torch.set_num_threads(1)
    answers: dict[str, list[Answer]] = {}
    for name in LISTS if options.list == "all" else [options.list]:
        wanted = [plant for plant in LISTS[name] if fnmatch.fnmatch(plant.name, options.only)]
        answers[name] = []
        for answer in ask_all(wanted, options.signals):
            answers[name].append(answer)
            print(report.line(answer), flush=True)
    print("\n".join(report.table(report.summed(answers))))
    out = options.out or (RESULTS if options.list == "all" and options.only == "*" else None)
    if out is not None:
        out.write_text("\n".join(report.page(answers, machine())) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
