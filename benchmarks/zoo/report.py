"""The page of results: one line a library, and every architecture that could not be read in full, by its cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.zoo.entries import LIBRARIES, NEEDED
from benchmarks.zoo.reading import cause

RESULTS = Path(__file__).with_name("RESULTS.md")
SHOWN = 12  # names on one line of the page

HEAD = """# The zoo: which published architectures can be read

Written by `make zoo`. Each architecture is built on the meta device (a model of transformers with few layers, others as
they come), read, and planned with `auto`. *Traced* says for how many one forward pass on meta showed how the parameters
are used; the others are read from the types of their modules. *Planned* is the share of parameters for which `auto`
says what they get, *guesses* are those among them of which nobody knows how they are used, and *unseen* those that no
pass used, which are read like their siblings or from the type of their module. Seconds are those of
`iw.plan(model, "auto")`, all architectures together.
"""


def page(results: Sequence[dict[str, Any]]) -> str:
    """Return the page in Markdown."""
    return "\n".join([HEAD, machine(), "", *_table(results), "", *_failures(results), ""])


def _table(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "| | architectures | built | traced | parameters | planned | guesses | unseen | refused | crashes | seconds |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for library in LIBRARIES:
        of_it = [result for result in results if result["library"] == library]
        if of_it:
            yield _line(library, of_it)
    yield _line("all", results)


def _line(name: str, results: Sequence[dict[str, Any]]) -> str:
    built = [result for result in results if result.get("built")]
    parameters = sum(result["parameters"] for result in built)
    planned = sum(result["planned"] for result in built)
    cells = [
        len(results),
        len(built),
        sum(result["traced"] for result in built),
        parameters,
        f"{planned / parameters:.3%}" if parameters else "",
        sum(len(result["guesses"]) for result in built),
        sum(len(result["unseen"]) for result in built),
        sum(_is(result, "refused") for result in results),
        sum(_is(result, "crash") for result in results),
        sum(result["seconds"] for result in built),
    ]
    return f"| {name} | " + " | ".join(cell if isinstance(cell, str) else f"{cell:,.0f}" for cell in cells) + " |"


def _is(result: dict[str, Any], kind: str) -> bool:
    return str(result["cause"]).startswith(f"{kind}:")


def _failures(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    ours = [result for result in results if _is(result, "refused") or _is(result, "crash")]
    rest = [result for result in results if result not in ours]
    needed = ", ".join(f"{name}: {library}" for name, library in NEEDED.items())
    yield from _section("Refused or crashed", "", ours)
    yield from _section(
        "Not built",
        "Their default configuration makes no model. Left out are those of transformers that need a library of their"
        f"\nown ({needed}).",
        [result for result in rest if not result.get("built")],
    )
    yield from _section(
        "Read from types: no forward pass",
        "",
        [result for result in rest if result.get("built") and not result["traced"]],
    )
    yield "## Guesses"
    yield ""
    guessed = [result for result in results if result.get("guesses")]
    for result in sorted(guessed, key=lambda result: str(result["name"])):
        yield f"- {result['library']}:{result['name']}: {_some(result['guesses'])}"


def _section(title: str, words: str, results: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield f"## {title}: {len(results)}"
    yield ""
    if words:
        yield words
        yield ""
    yield from _by_cause(results)
    yield ""


def _by_cause(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    grouped: defaultdict[str, list[str]] = defaultdict(list)
    for result in results:
        grouped[cause(result["cause"])].append(result["name"])
    for why, names in sorted(grouped.items(), key=lambda group: (-len(group[1]), group[0])):
        yield f"- {len(names)}: `{why.replace('`', '')}`: {_some(sorted(names))}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
