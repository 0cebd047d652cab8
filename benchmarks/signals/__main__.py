"""Score `iw.predict` against reality: `make signal-accuracy`, or `python -m benchmarks.signals --only "*ViT*"`."""

from __future__ import annotations

import argparse
import fnmatch
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import machine
from benchmarks.signals import _giant, _report
from benchmarks.signals._case import Case
from benchmarks.signals._measure import Measured, load, measure, save
from benchmarks.signals._models import LISTS
from benchmarks.signals._predict import predicted
from benchmarks.signals._score import Predicted, Score, other_seed, score
from tests import peers  # noqa: F401 - makes torchvision and timm importable, before transformers looks for them

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    """Both lists and the page, or what is named; of models not developed on, only totals unless `--unseen`."""
    options = _options()
    torch.set_num_threads(options.threads)
    names = list(LISTS) if options.list == "both" else [options.list]
    lists: dict[str, list[Score]] = {}
    seeds: dict[str, list[Score]] = {}
    for name in names:
        cases = [each for each in LISTS[name] if fnmatch.fnmatch(each.name, options.only)]
        if not cases:
            continue
        known = list(_measured(cases, again=options.measure))
        seeds[name] = [score(each, other_seed(each)) for _, each in known]
        if options.measure:
            continue
        shown = options.unseen or name == "developed"
        lists[name] = list(_scored(known, predicted, shown=shown, worst=options.worst))
        print("\n".join(["", *_report.totals(lists[name], seeds[name]), ""]), flush=True)
    giant = [_giant.measured(length) for length in (64, 512)] if options.giant else []
    print("\n".join(_report.giants(giant)) if giant else "")
    whole = options.list == "both" and options.only == "*" and not options.measure
    out = options.out or (RESULTS if whole else None)
    if out is not None:
        shown_lists = names if options.unseen else [each for each in names if each == "developed"]
        lines = _report.page(lists, seeds, shown_lists, giant, f"{machine()}; load {_load()} at the end")
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _load() -> str:
    """Tell how many processes wanted the machine, where the system says so: with more than its cores all is slower."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else "unknown"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.signals", description=__doc__)
    parser.add_argument("--list", choices=[*LISTS, "both"], default="both", help="which list")
    parser.add_argument("--only", default="*", help="only models whose name fits this glob")
    parser.add_argument("--measure", action="store_true", help="measure again, and predict nothing")
    parser.add_argument(
        "--unseen", action="store_true", help="show models not developed on one by one, not only totals"
    )
    parser.add_argument("--worst", action="store_true", help="the ten worst predictions of each model shown")
    parser.add_argument("--giant", action="store_true", help="Llama 405B on meta, too")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch")
    parser.add_argument("--out", type=Path, help=f"where the page goes; {RESULTS} for a whole run")
    return parser.parse_args()


def _measured(cases: Sequence[Case], *, again: bool) -> Iterator[tuple[Case, Measured]]:
    """Return measurements from their files, or measure what has none."""
    for case in cases:
        found = None if again else load(case)
        if found is None:
            start = time.perf_counter()
            found = measure(case)
            save(found, case)
            print(f"measured {case.name} in {time.perf_counter() - start:.0f} s", flush=True)
        yield case, found


def _scored(
    known: Sequence[tuple[Case, Measured]], ask: Callable[[Case], Predicted], *, shown: bool, worst: bool
) -> Iterator[Score]:
    for case, measured in known:
        found = score(measured, ask(case))
        if shown:
            lines: list[Any] = [_report.row(found), *(_report.worst(found) if worst else ())]
            print("\n".join(lines), flush=True)
        yield found


if __name__ == "__main__":
    main()
