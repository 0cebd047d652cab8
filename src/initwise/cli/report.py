"""`initwise report`: one page about a model's initialization."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from initwise import pages
from initwise.cli import _options as options
from initwise.cli._decide import check_recipe, choose
from initwise.cli._losses import find_loss
from initwise.cli._output import result, show
from initwise.cli._small import Measure, build
from initwise.cli._target import find_model
from initwise.model import as_example
from initwise.pages import checked_path
from initwise.writing import apply


def report(
    target: options.Target,
    recipe: options.Recipe = None,
    rules: options.Rules = None,
    inputs: options.Inputs = None,
    loss: options.Loss = None,
    other: Annotated[
        str | None, typer.Option("--other", metavar="RECIPE", help="A second recipe, shown beside the first.")
    ] = None,
    measure: Measure = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The page, as its ending says: .html, .md or .svg.")
    ] = Path("report.html"),
    opened: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    seed: options.Seed = None,
    settings: options.Settings = None,
    dtype: options.Dtype = None,
    include_frozen: options.Frozen = False,
) -> int:
    """Write one page about TARGET: plan, signals, findings; offline. Exit code 1 where something is wrong."""
    checked_path(out)
    model = find_model(target, settings, dtype)
    choice = choose(recipe, rules, seed, include_frozen=include_frozen, inputs=inputs)
    if other is not None:
        check_recipe(other, "--other")
    example = None if inputs is None else as_example(inputs)
    found = None if loss is None else find_loss(loss)
    with result(out, example="report.html") as write:
        built, wanted = build(model, choice.seed, measure)
        made = choice.plan(built)
        if wanted:
            apply(built, made)  # the page is about the plan's weights
        page = pages.report(built, made, example, loss=found, measured=wanted, other=other, path=None)
        write(page.text(out))
    told = page.verdict
    show(f"{out}: {told.value}. {told.sentence}")
    if opened:
        webbrowser.open(out.resolve().as_uri())
    return int(told.tone != "good")
