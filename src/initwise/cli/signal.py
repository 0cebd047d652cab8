"""`initwise signal`: what a forward and backward pass does to the signal at initialization, predicted and measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from torch import nn

from initwise import signals
from initwise.cli import _options as options
from initwise.cli._decide import Choice, choose
from initwise.cli._losses import find_loss
from initwise.cli._output import note, result
from initwise.cli._small import Measure, build
from initwise.cli._target import Model, find_model
from initwise.errors import InitwiseError, TargetError
from initwise.model import Example, TraceError, as_example
from initwise.planning import Plan
from initwise.reporting import plain, to_json
from initwise.signals import Signals
from initwise.signals.shown import Rows, document


class SignalFormat(StrEnum):
    """How signals are written: for people, for programs, for pages and comments."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


_ENDINGS = {SignalFormat.TABLE: "txt", SignalFormat.JSON: "json", SignalFormat.MARKDOWN: "md"}


@dataclass(frozen=True)
class Asked:
    """What a pass starts from: its inputs, its loss, and how often it is measured."""

    example: Example | None
    loss: Callable[[Any], Any] | None
    measure: bool | None
    seeds: int


def signal(
    target: options.Target,
    recipe: options.Recipe = None,
    rules: options.Rules = None,
    inputs: options.Inputs = None,
    loss: options.Loss = None,
    measure: Measure = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", metavar="K", min=1, help="Measure under K seeds (default 1).")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show every operation, and repeated blocks one by one.")
    ] = False,
    form: Annotated[SignalFormat, typer.Option("--format", help="How the result is written.")] = SignalFormat.TABLE,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to a file (default: print).")] = None,
    seed: options.Seed = None,
    settings: options.Settings = None,
    dtype: options.Dtype = None,
    include_frozen: options.Frozen = False,
) -> int:
    """Say how the signal of TARGET grows and shrinks, forward and backward, and who is to blame.

    It is predicted from the laws of the plan without memory for weights, and measured where the model is small. Exit
    code 1 where a path does not keep its signal or a parameter is to blame.
    """
    if seeds is not None and measure is False:
        raise TargetError(f"--seeds {seeds}: it says how often to measure; leave --no-measure away.")
    model = find_model(target, settings, dtype)
    choice = choose(recipe, rules, seed, include_frozen=include_frozen, inputs=inputs)
    asked = Asked(
        None if inputs is None else as_example(inputs),
        None if loss is None else find_loss(loss),
        True if seeds is not None else measure,
        seeds or 1,
    )
    with result(out, example=f"signals.{_ENDINGS[form]}") as write:
        made, found = _found(model, choice, asked)
        write(_rendered(made, found, form, rows="all" if everything else "folded", to_file=out is not None))
    return int(any(not verdict.ok for each in found for verdict in each.verdicts))


def _found(model: Model, choice: Choice, asked: Asked) -> tuple[Plan, list[Signals]]:
    """Return the plan and its signals: predicted, measured, or both."""
    built, wanted = build(model, choice.seed, asked.measure)
    made = choice.plan(built)
    if wanted and asked.example is None:
        asked = replace(asked, example=signals.built_inputs(built))
    found = _predicted(built, made, asked, measured=wanted)
    if wanted:
        found += _measured(built, made, asked, needed=not found)
    return made, found


def _predicted(built: nn.Module, made: Plan, asked: Asked, *, measured: bool) -> list[Signals]:
    """Return what is predicted; nothing where the model cannot run on meta and will be measured."""
    try:
        return [signals.predict(built, made, asked.example, asked.loss)]
    except InitwiseError as error:
        cause = error.__cause__
        if not measured or not isinstance(cause, TraceError) or cause.unfit:
            raise
        note(f"measured only: {error}")
        return []


def _measured(built: nn.Module, made: Plan, asked: Asked, *, needed: bool) -> list[Signals]:
    """Return what is measured; nothing where nobody asked for it and it fails."""
    try:
        return [signals.measure(built, asked.example, asked.loss, seeds=asked.seeds, plan=made)]
    except InitwiseError as error:
        if needed or asked.measure:
            raise
        note(f"predicted only: {error}")
        return []


def _rendered(made: Plan, found: Sequence[Signals], form: SignalFormat, *, rows: Rows, to_file: bool) -> str:
    if form is SignalFormat.JSON:
        return to_json(_data(made, found))
    if form is SignalFormat.MARKDOWN:
        return document(*found, rows=rows)
    terminal, ascii_only = (False, False) if to_file else (None, None)
    if len(found) == 2:
        return found[0].beside(found[1], terminal=terminal, rows=rows, plain=ascii_only)
    return found[0].text(terminal=terminal, rows=rows, plain=ascii_only)


def _data(made: Plan, found: Sequence[Signals]) -> dict[str, Any]:
    by_kind = {each.kind: each.to_dict() for each in found}
    verdicts = [{"of": each.kind, **plain(verdict)} for each in found for verdict in each.verdicts]
    return {
        "ok": all(verdict["ok"] for verdict in verdicts),
        "recipe": made.recipe,
        "seed": made.seed,
        "plan_digest": made.digest(),
        "predicted": by_kind.get("predicted"),
        "measured": by_kind.get("measured"),
        "verdicts": verdicts,
    }
