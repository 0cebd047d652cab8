"""`initwise plan`: decide, and show the decisions; nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from initwise.cli import _options as options
from initwise.cli._decide import choose
from initwise.cli._output import result
from initwise.cli._target import find_model
from initwise.planning import Plan
from initwise.reporting import text, to_json

_ENDINGS = {options.PlanFormat.TABLE: "txt", options.PlanFormat.JSON: "json", options.PlanFormat.PYTHON: "py"}


def plan(
    target: options.Target,
    recipe: options.Recipe = None,
    rules: options.Rules = None,
    seed: options.Seed = None,
    settings: options.Settings = None,
    dtype: options.Dtype = None,
    form: Annotated[
        options.PlanFormat,
        typer.Option("--format", help="A table, JSON that `verify --plan` reads, or plain torch code."),
    ] = options.PlanFormat.TABLE,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to a file (default: print).")] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="One line for parameters whose names differ only in numbers.")
    ] = False,
    include_frozen: options.Frozen = False,
) -> None:
    """Say for each parameter of TARGET what would be drawn, and why. Nothing is allocated or written."""
    model = find_model(target, settings, dtype)
    choice = choose(recipe, rules, seed, include_frozen=include_frozen)
    with result(out, example=f"plan.{_ENDINGS[form]}") as write:
        made = choice.plan(model.build(meta=True))
        write(rendered(made, form, summary=summary, terminal=None if out is None else False))


def rendered(made: Plan, form: options.PlanFormat, *, summary: bool = False, terminal: bool | None = None) -> str:
    """A plan in the form that was asked for."""
    if form is options.PlanFormat.JSON:
        return to_json(made.to_dict())
    if form is options.PlanFormat.PYTHON:
        return made.to_python()
    return text(made.summary() if summary else made.table(), terminal=terminal)
