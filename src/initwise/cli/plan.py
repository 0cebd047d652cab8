"""`initwise plan`: decide, and show the decisions; nothing is written."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Annotated

import typer

from initwise._arguments import nearest
from initwise.cli import _options as options
from initwise.cli._decide import choose
from initwise.cli._output import result
from initwise.cli._target import find_model
from initwise.errors import TargetError
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
    why: Annotated[
        str | None,
        typer.Option("--why", metavar="NAME", help="Explain one parameter: operation, fans, rule, law, source line."),
    ] = None,
    include_frozen: options.Frozen = False,
    inputs: options.Inputs = None,
) -> None:
    """Say for each parameter of TARGET what would be drawn, and why. Nothing is allocated or written."""
    if why is not None and (summary or form is not options.PlanFormat.TABLE):
        raise TargetError(f"--why {why}: it explains one parameter in words; leave --summary and --format away.")
    model = find_model(target, settings, dtype)
    choice = choose(recipe, rules, seed, include_frozen=include_frozen, inputs=inputs)
    with result(out, example=f"plan.{_ENDINGS[form]}") as write:
        made = choice.plan(model.build(meta=True))
        if why is not None:
            write(made.explain(_one(why, made)))
            return
        write(rendered(made, form, summary=summary, terminal=None if out is None else False))


def _one(name: str, made: Plan) -> str:
    """Return the name of the one parameter that is meant: its own, an alias, the end of one, or a pattern."""
    if name in made:
        return name
    found = [row.name for row in made if any(_fits(name, each) for each in (row.name, *row.aliases))]
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "")
        raise TargetError(f"--why {name}: this fits {len(found)} parameters: {shown}; give one name.")
    known = [each for row in made for each in (row.name, *row.aliases)]
    near = nearest(name, known) or f"; it has {', '.join(known[:4])}{', ...' if len(known) > 4 else ''}"
    raise TargetError(f"--why {name}: the model has no such parameter{near}")


def _fits(written: str, name: str) -> bool:
    return name.endswith(f".{written}") or fnmatch.fnmatchcase(name, written)


def rendered(made: Plan, form: options.PlanFormat, *, summary: bool = False, terminal: bool | None = None) -> str:
    """A plan in the form that was asked for."""
    if form is options.PlanFormat.JSON:
        return to_json(made.to_dict())
    if form is options.PlanFormat.PYTHON:
        return made.to_python()
    return text(made.summary() if summary else made.table(), terminal=terminal)
