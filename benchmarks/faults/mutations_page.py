"""The page of the mutations: what was found, by operator, by model and by place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

HEAD = """# DeepCrime's wrong initializations

Written by `python -m benchmarks.faults.mutations`. Each of ten stock models is initialized by a recipe; then one weight
(of the first, the middle or the last layer) is drawn again by one initializer of Keras with Keras' defaults. Mutants
whose law is the one that the weight had are skipped. Columns, each as found / mutants:

- *required*: `verify(model, plan, exact="required")` names the parameter: other bits than the plan's are an error.
- *verify*: `verify(model, plan)` does: where bits differ, the law decides. What it misses has the mean and the std that
  the plan asks for, and too few elements to tell the shapes of two laws apart.
- *check*: `check(model, inputs, loss)`, without any plan, names the parameter.
- *seen*: the same, with a new finding about anything.

What `check` does not find is often no fault: a Glorot weight where the model's authors chose He trains.
"""


@dataclass(frozen=True)
class Mutant:
    """One weight, by one operator."""

    model: str
    place: str
    parameter: str
    operator: str


@dataclass(frozen=True)
class Outcome:
    """What was found of a mutant.

    Attributes:
        required: `verify` with the plan's own bits required names the parameter.
        verified: `verify` as it is called by default: the bits, and where they differ, the law.
        checked: `check` without a plan, with inputs and a loss; a finding names the parameter.
        seen: the same, about any parameter.
    """

    mutant: Mutant
    required: bool
    verified: bool
    checked: bool
    seen: bool


def page(found: Iterable[Outcome]) -> str:
    """The whole page."""
    outcomes = list(found)
    parts = [HEAD, *("\n".join(table(title, outcomes)) for title in ("operator", "model", "place"))]
    parts.append("\n".join(_missed("verify, bits required", [each for each in outcomes if not each.required])))
    parts.append("\n".join(_missed("verify", [each for each in outcomes if not each.verified])))
    return "\n\n".join(part for part in parts if part) + "\n"


def table(title: str, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Counts by one attribute of the mutants, and their sum."""
    yield f"| {title} | required | verify | check | seen |"
    yield "|---|--:|--:|--:|--:|"
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(getattr(outcome.mutant, title), []).append(outcome)
    for name, group in groups.items():
        yield line(name, group)
    yield line("**all**", outcomes)


def line(name: str, group: Sequence[Outcome]) -> str:
    """One line of it."""
    columns = zip(*((each.required, each.verified, each.checked, each.seen) for each in group), strict=True)
    return f"| {name} | " + " | ".join(f"{sum(column)} / {len(group)}" for column in columns) + " |"


def _missed(by: str, missed: Sequence[Outcome]) -> Iterator[str]:
    if missed:
        yield f"Not found by {by}:"
        yield ""
    for outcome in missed:
        mutant = outcome.mutant
        yield f"- {mutant.model}, {mutant.place} layer, `{mutant.parameter}`: {mutant.operator}"
