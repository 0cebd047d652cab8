"""Open the reports of three models in headless Chromium, and write how that went: `python -m benchmarks.pages`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.pages.models import CASES, Case
from benchmarks.pages.opening import opening
from tests.pages.browser import browser

RESULTS = Path(__file__).with_name("RESULTS.md")
TIMES = 9
MOST = 1_500_000  # bytes
HEAD = """# How the report opens

Written by `python -m benchmarks.pages`. Each report is one file, opened in headless Chromium in a fresh context each
time. Drawn: from the start of the navigation until the frame that shows both charts is painted. Console: errors,
warnings and anything else that was said, over all times. Network: requests beside the file itself.
"""


def lines(times: int) -> Iterator[str]:
    """The whole page, line by line, as the measurements come in."""
    yield from HEAD.splitlines()
    yield ""
    with browser() as started, tempfile.TemporaryDirectory() as folder:
        yield f"{machine()}; Chromium {started.version}, playwright {version('playwright')}; {times} times each"
        yield ""
        yield "| report of | parameters | size | at most | drawn, median | worst | at most | console | network |"
        yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
        for place, case in enumerate(CASES):
            yield _line(started, case, Path(folder) / f"{place}.html", times)


def _line(started: Any, case: Case, path: Path, times: int) -> str:
    parameters = case.write(path)
    size = path.stat().st_size
    seen = opening(started, path, times)
    for each in dict.fromkeys((*seen.said, *seen.asked)):
        print(f"  {case.name}: {each}", flush=True)
    drawn = f"{seen.median:.2f} s | {seen.worst:.2f} s | {case.at_most:g} s"
    return (
        f"| {case.name} | {parameters:,} | {size / 1e6:.2f} MB | {MOST / 1e6:g} MB | {drawn} | {len(seen.said)}"
        f" | {len(seen.asked)} |"
    )


def main() -> None:
    """All models and the file, or fewer times and no file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES)
    options = parser.parse_args()
    page = []
    for line in lines(options.times):
        print(line, flush=True)
        page.append(line)
    if options.times == TIMES:
        RESULTS.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
