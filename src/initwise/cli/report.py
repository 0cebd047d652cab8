"""`initwise report`: one page about a model's initialization."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from initwise import pages
from initwise.cli import _options as options
from initwise.cli._decide import choose
from initwise.cli._losses import find_loss
from initwise.cli._output import show
from initwise.cli._small import build
from initwise.cli._target import find_model
from initwise.model import as_example
from initwise.pages import checked_path


def report(
    target: options.Target,
    recipe: options.Recipe = None,
    rules: options.Rules = None,
    inputs: options.Inputs = None,
    loss: options.Loss = None,
    other: Annotated[
        str | None, typer.Option("--other", metavar="RECIPE", help="A second recipe, shown beside the first.")
    ] = None,
    measure: Annotated[
        bool | None, typer.Option("--measure/--no-measure", help="Measure too (default: where the model is small).")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="report.html, .md or .svg.")] = Path("report.html"),
    seed: options.Seed = None,
    settings: options.Settings = None,
    dtype: options.Dtype = None,
    include_frozen: options.Frozen = False,
) -> int:
    """Write one page about TARGET: plan, signals, findings; offline. Exit code 1 where something is wrong."""
    checked_path(out)
    choice = choose(recipe, rules, seed, include_frozen=include_frozen, inputs=inputs)
    built, wanted = build(find_model(target, settings, dtype), choice.seed, measure)
    made = choice.plan(built)
    page = pages.report(
        built,
        made,
        None if inputs is None else as_example(inputs),
        loss=None if loss is None else find_loss(loss),
        measured=wanted,
        other=other,
        path=out,
    )
    told = page.verdict
    show(f"{out}: {told.value}. {told.sentence}")
    return int(told.tone != "good")
