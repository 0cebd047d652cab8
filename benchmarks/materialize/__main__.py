"""Materialized models against eager ones, and a model of 405 B parameters on meta: `make bench-materialize`."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.materialize.compare import Outcome, compare
from benchmarks.materialize.large import Large, large
from benchmarks.materialize.models import further, unseen, zoo
from benchmarks.zoo.entries import Entry

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# Materialized models against eager ones

Written by `make bench-materialize`. Each model is constructed on the CPU, where `iw.apply` writes a plan, and on meta,
where `iw.materialize` gives it memory and writes the same plan: *alone*, and with `build=`. *equal*: every tensor is
equal bit for bit, with the same dtype, strides, `requires_grad` and ties: parameters, buffers (persistent or not), and
tensors in plain attributes. What `materialize` cannot know it names, and leaves the model on meta. *on meta* counts
tensors on meta that are no parameters; *kept* counts parameters that the plan keeps (frozen tables): both are computed
as constructors do. Large models of transformers are narrow here, and their rotary bases are no defaults; the code that
runs is the same.
"""


def main() -> None:
    """Compare all, print the page, and write it where nothing was left out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.materialize", description=__doc__)
    parser.add_argument("--only", nargs="*", help="names of models, instead of all")
    only = parser.parse_args().only
    text = "\n".join(_lines(only)) + "\n"
    print(text)
    if only is None:
        RESULTS.write_text(text, encoding="utf-8")


def _lines(only: Iterable[str] | None) -> Iterator[str]:
    tables = [
        ("The sixty that stand for the zoo", zoo()),
        ("Others, with unusual buffers", further()),
        ("Others again, first tried when the code was written", unseen()),
    ]
    outcomes = [(title, list(_outcomes(entries, only))) for title, entries in tables]
    yield from HEAD.splitlines()
    yield ""
    yield machine()
    for title, found in outcomes:
        if found:
            alone, built = (sum(not getattr(each, way) for each in found) for way in ("alone", "built"))
            yield from ("", f"## {title}", "", f"Equal by itself: **{alone} of {len(found)}**.")
            yield f"Equal with `build=`: **{built} of {len(found)}**."
            yield from ("", *_table(found))
    if only is None:
        yield from ("", "## Llama 3.1 405B", "", *_large(large()))
    yield from ("", f"Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the end.")


def _outcomes(entries: Iterable[Entry], only: Iterable[str] | None) -> Iterator[Outcome]:
    for entry in entries:
        if only is None or entry.name in only:
            found = compare(entry)
            print(f"{entry}: {found.alone or 'equal'} | {found.built or 'equal'}", file=sys.stderr, flush=True)
            yield found
            gc.collect()


def _table(found: Iterable[Outcome]) -> Iterator[str]:
    yield "| model | parameters | buffers | on meta | kept | alone | build= | seconds |"
    yield "|---|--:|--:|--:|--:|---|---|--:|"
    for each in found:
        size = f"{each.parameters / 1e6:.1f} M"
        told = " | ".join((said.replace("|", "/").replace("\n", " ") or "equal") for said in (each.alone, each.built))
        numbers = f"{size} | {each.buffers} | {each.on_meta} | {each.kept}"
        yield f"| {each.entry} | {numbers} | {told} | {each.seconds:.1f} |"


def _large(found: Large) -> Iterator[str]:
    yield f"{found.parameters / 1e9:.1f} B parameters on meta, planned whole, sharded by `fully_shard` over"
    yield f"{found.ranks} ranks, of which this process is the last (the process group is a fake). Its share is really"
    yield "allocated, written and proven whole. *Planning and materializing 405 B on meta, under 30 s* is the sum of"
    yield "all steps."
    yield ""
    yield "| step | seconds |"
    yield "|---|--:|"
    yield from (f"| {step} | {seconds:.1f} |" for step, seconds in found.steps)
    yield f"| all | {sum(seconds for _, seconds in found.steps):.1f} |"
    yield ""
    yield f"The rank holds {found.held / 1e6:.0f} M elements, {found.held * 2 / 2**30:.2f} GiB in bfloat16."


if __name__ == "__main__":
    main()
