"""The page of results: one line a library, and every architecture that could not be read in full, by its cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.zoo.entries import LIBRARIES, NEEDED
from benchmarks.zoo.reading import cause

RESULTS = Path(__file__).with_name("RESULTS.md")
SHOWN = 12  # names on one line of the page

HEAD = """# The zoo: which published architectures can be read

Written by `make zoo`. Each architecture is built on the meta device (a model of transformers with few layers, others as
they come), and one forward pass there shows how its parameters are used. *Traced* says for how many this went well; the
others are read from the types of their modules. *Accounted for* is the share of parameters of which it is known how
they are used, in either way; *unknown* are those that would be guesses, *unseen* those that no forward
pass used, which are read like their siblings or from the type of their module.
"""


def page(results: Sequence[dict[str, Any]]) -> str:
    """Return the page in Markdown."""
    return "\n".join([HEAD, machine(), "", *_table(results), "", *_failures(results), ""])


def _table(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "| | architectures | built | traced | parameters | accounted for | unknown | unseen | crashes | seconds |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for library in LIBRARIES:
        of_it = [result for result in results if result["library"] == library]
        if of_it:
            yield _line(library, of_it)
    yield _line("all", results)


def _line(name: str, results: Sequence[dict[str, Any]]) -> str:
    built = [result for result in results if result.get("built")]
    parameters = sum(result["parameters"] for result in built)
    unknown = sum(len(result["unknown"]) for result in built)
    cells = [
        len(results),
        len(built),
        sum(result["traced"] for result in built),
        parameters,
        f"{1 - unknown / parameters:.3%}" if parameters else "",
        unknown,
        sum(len(result["unseen"]) for result in built),
        sum(crashed(result) for result in results),
        sum(result["seconds"] for result in built),
    ]
    return f"| {name} | " + " | ".join(cell if isinstance(cell, str) else f"{cell:,.0f}" for cell in cells) + " |"


def crashed(result: dict[str, Any]) -> bool:
    """Tell whether it was we who failed, and not the model."""
    return str(result["cause"]).startswith("crash")


def _failures(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    not_built = [result for result in results if not result.get("built")]
    not_traced = [result for result in results if result.get("built") and not result["traced"]]
    unknown = [result for result in results if result.get("unknown")]
    yield "## Not built"
    yield ""
    yield "Their default configuration makes no model. Left out are those of transformers that need a library of their"
    yield f"own ({', '.join(f'{name}: {library}' for name, library in NEEDED.items())})."
    yield ""
    yield from _by_cause(not_built)
    yield ""
    yield "## Read from types: no forward pass"
    yield ""
    yield from _by_cause(not_traced)
    yield ""
    yield "## With parameters that nothing is known of"
    yield ""
    for result in sorted(unknown, key=lambda result: str(result["name"])):
        yield f"- {result['library']}:{result['name']}: {_some(result['unknown'])}"


def _by_cause(results: Iterable[dict[str, Any]]) -> Iterator[str]:
    grouped: defaultdict[str, list[str]] = defaultdict(list)
    for result in results:
        grouped[cause(result["cause"])].append(result["name"])
    for why, names in sorted(grouped.items(), key=lambda group: (-len(group[1]), group[0])):
        yield f"- {len(names)}: `{why.replace('`', '')}`: {_some(sorted(names))}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
