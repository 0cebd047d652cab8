"""Read every architecture there is: `make zoo`, or `python -m benchmarks.zoo --library timm --match "resnet*"`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.zoo.entries import LIBRARIES, Entry, drawn, entries
from benchmarks.zoo.pool import PATIENCE, results
from benchmarks.zoo.report import RESULTS, page
from tests import peers  # noqa: F401 - makes torchvision and timm importable, before transformers looks for them


def main() -> None:
    """Read them, print the page, and write it where all of them were read."""
    options = _options()
    wanted = _wanted(options)
    found = []
    with Path(options.out).open("w", encoding="utf-8") as file:
        for result in results(wanted, jobs=options.jobs, patience=options.patience):
            found.append({"built": False, **result})
            file.write(json.dumps(result) + "\n")
            file.flush()
            if len(found) % 50 == 0 or len(found) == len(wanted):
                traced = sum(bool(each.get("traced")) for each in found)
                print(f"{len(found)} of {len(wanted)} read, {traced} traced", file=sys.stderr, flush=True)
    text = page(found)
    print(text)
    print(f"all results, one a line: {options.out}", file=sys.stderr)
    if _is_all(options):
        RESULTS.write_text(text, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoo", description=__doc__)
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="only this one; may be given again")
    parser.add_argument("--match", default="*", help="only architectures whose name fits this glob")
    parser.add_argument("--sample", type=int, help="only this many, the same ones each time")
    parser.add_argument("--jobs", type=int, default=2, help="processes that read at the same time")
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds that one architecture may take")
    parser.add_argument("--failed", help="only what is not traced in this file of results")
    parser.add_argument("--out", default=str(Path(tempfile.gettempdir()) / "zoo.jsonl"), help="where results go")
    return parser.parse_args()


def _wanted(options: argparse.Namespace) -> list[Entry]:
    wanted = entries(options.library or LIBRARIES, options.match)
    if options.failed:
        lines = Path(options.failed).read_text(encoding="utf-8").splitlines()
        failed = {(r["library"], r["name"]) for r in map(json.loads, lines) if r["cause"] or r.get("guesses")}
        wanted = [entry for entry in wanted if (entry.library, entry.name) in failed]
    return drawn(wanted, options.sample) if options.sample else wanted


def _is_all(options: argparse.Namespace) -> bool:
    return not (options.library or options.sample or options.failed) and options.match == "*"


if __name__ == "__main__":
    main()
