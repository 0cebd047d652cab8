"""Measure everything, print it, write it to RESULTS.md: `make bench`, or `python -m benchmarks [family ...]`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import fills, gpu, limits, models, orthogonal, provenance
from benchmarks.machine import machine
from benchmarks.measure import Limit, Row

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = f"""# How fast, and how small

Written by `make bench`. Milliseconds are medians of interleaved runs in one process: read the ratios, not the
milliseconds. The ratio is the torch column over the initwise column; `asked` is what this project holds itself to.

{machine()}
"""
FAMILIES: dict[str, Callable[[], Iterator[Row]]] = {
    "fills": fills.rows,
    "orthogonal": orthogonal.rows,
    "models": models.rows,
    "gpu": gpu.rows,
}


def speed_line(row: Row) -> str:
    """A row of the table of speeds."""
    times = [
        f"{1000 * row.seconds[who]:.1f}" if who in row.seconds else "" for who in ("torch", "initwise", "NumPy", "JAX")
    ]
    asked = f"{row.at_least:g}x" if row.at_least else ""
    return "| " + " | ".join([row.what, *times[:2], f"{row.ratio:.1f}x", asked, *times[2:], row.note]) + " |"


def limit_line(limit: Limit) -> str:
    """A row of the table of limits."""
    detail = ", ".join(f"`{name}` {value:.2g}" for name, value in limit.detail.items())
    asked = "" if limit.at_most is None else f"{limit.at_most:g} {limit.unit}"
    return f"| {limit.what} | {limit.measured:.2g} {limit.unit} | {asked} | {detail} |"


def lines(families: list[str]) -> Iterator[str]:
    """The whole page, line by line, as the measurements come in."""
    yield from HEAD.splitlines()
    yield ""
    yield "| | torch, ms | initwise, ms | ratio | asked | NumPy, ms | JAX, ms | |"
    yield "|---|--:|--:|--:|--:|--:|--:|---|"
    for name, rows in FAMILIES.items():
        if name in families:
            yield from map(speed_line, rows())
    if "limits" in families:
        yield ""
        yield "| | measured | at most | in detail |"
        yield "|---|--:|--:|---|"
        yield from map(limit_line, limits.limits())
    if "provenance" in families:
        yield from ["", provenance.HEAD, "", "| | recorded over plain | at most | in detail, s |", "|---|--:|--:|---|"]
        yield from map(limit_line, provenance.limits())


def main() -> None:
    """All families and the file, or only those named and no file."""
    families = sys.argv[1:] or [*FAMILIES, "limits", "provenance"]
    page = []
    for line in lines(families):
        print(line, flush=True)
        page.append(line)
    if not sys.argv[1:]:
        RESULTS.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
