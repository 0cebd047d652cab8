"""`initwise diff`: two plans, a plan and weights, or two files of weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from torch import nn

from initwise import differences
from initwise.cli import _options as options
from initwise.cli._compared_files import load_buffers, with_files
from initwise.cli._decide import choose
from initwise.cli._output import show
from initwise.cli._sides import WEIGHTS, Side, asked_for
from initwise.cli._target import Model, find_model
from initwise.cli._weights import Loaded, load
from initwise.cli.verify import read_plan
from initwise.errors import TargetError
from initwise.planning import Plan
from initwise.reporting import to_json


def diff(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[TARGET]", show_default=False, help="The model, as for `plan`; two plans need none."),
    ] = None,
    recipe: options.Recipe = None,
    rules: options.Rules = None,
    plan: Annotated[Path | None, typer.Option("--plan", metavar="FILE", help="A plan, as JSON.")] = None,
    weights: Annotated[Path | None, typer.Option("--weights", metavar="FILE", help="A safetensors file.")] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="OTHER", help="Any of these: a recipe, a rule file, a plan, or weights."),
    ] = None,
    seed: options.Seed = None,
    settings: options.Settings = None,
    dtype: options.Dtype = None,
    form: options.OutputFormat = options.Format.TABLE,
    everything: Annotated[bool, typer.Option("--all", help="Show what is the same, too.")] = False,
    include_frozen: options.Frozen = False,
    inputs: options.Inputs = None,
) -> int:
    """Say in what two plans differ, or weights from what a plan asks for, or two files of weights.

    Give two of --recipe, --rules, --plan, --weights and --against. Exit code 1 if they differ.
    """
    asked = asked_for({"--plan": plan, "--recipe": recipe, "--rules": rules, WEIGHTS: weights}, against)
    _check(asked, seed, inputs)
    model = find_model(target, settings, dtype) if target is not None else None
    a, b = (_read(side, model, seed, include_frozen, inputs) for side in asked)
    found = with_files(differences.diff(a.subject, b.subject), a.loaded, b.loaded, [side.file for side in asked])
    show(to_json(found) if form is options.Format.JSON else found.text(all=everything))
    return 0 if found.same else 1


@dataclass(frozen=True)
class _Read:
    """One side: a plan, or a model with the weights of a file and what the two do not have in common."""

    subject: Plan | nn.Module
    loaded: Loaded | None = None


def _read(side: Side, model: Model | None, seed: int | None, include_frozen: bool, inputs: str | None) -> _Read:
    if side.option == "--plan":
        return _Read(read_plan(Path(side.value)))
    if model is None:
        raise TargetError(f"diff: {side.words}: for which model? Give a TARGET.")
    built = model.build(meta=True)
    if side.option == WEIGHTS:
        return _Read(built, _load(built, side))
    recipe, rules = (side.value, None) if side.option == "--recipe" else (None, Path(side.value))
    return _Read(choose(recipe, rules, seed, include_frozen=include_frozen, inputs=inputs).plan(built))


def _load(built: nn.Module, side: Side) -> Loaded:
    path = Path(side.value)
    loaded = load(built, path)
    if loaded.extra and len(loaded.missing) == len(list(built.parameters())):
        raise TargetError(
            f"{side.words}: no name in this file fits the model: it has {loaded.extra[0]}, and the model has "
            f"{loaded.missing[0]}; check the target and its --set."
        )
    load_buffers(built, path)
    return loaded


def _check(asked: list[Side], seed: int | None, inputs: str | None) -> None:
    if not asked:
        raise TargetError("diff: of what? Give two of --recipe, --rules, --plan, --weights and --against.")
    if len(asked) == 1:
        raise TargetError(
            f"diff: {asked[0].words} against what? Add --against: a recipe, a rule file, a plan or weights."
        )
    if len(asked) > 2:
        raise TargetError(f"diff: {', '.join(side.words for side in asked)} are {len(asked)} sides; give two.")
    if any(each is not None for each in (seed, inputs)) and not any(side.is_planned for side in asked):
        raise TargetError("diff: neither side is planned here; leave --seed and --inputs away.")
