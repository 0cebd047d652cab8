"""`initwise init`: plan, apply, verify, and write weights to a file that appears whole or not at all, or a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import nn

from initwise.cli import _options as options
from initwise.cli._decide import Choice, choose
from initwise.cli._files import atomic
from initwise.cli._joined import joined
from initwise.cli._output import result, show
from initwise.cli._streamed import folder, is_folder, streamed
from initwise.cli._target import Model, find_model
from initwise.cli._weights import save
from initwise.errors import TargetError, VerificationError
from initwise.planning import Plan
from initwise.reporting import Report, text, to_json
from initwise.verification import verify
from initwise.writing import apply
from initwise.writing.files import metadata, words


def init(
    target: options.Target,
    out: Annotated[
        str,
        typer.Option(
            "--out",
            metavar="FILE|FOLDER/",
            help="The safetensors file to write; or a folder, for weights that may be larger than memory.",
            show_default=False,
        ),
    ],
    recipe: options.Recipe = None,
    rules: options.Rules = None,
    seed: options.Seed = None,
    settings: options.Settings = None,
    dtype: options.Dtype = None,
    most: options.ShardSize = None,
    layout: options.FolderLayout = options.Layout.SAFETENSORS,
    form: options.OutputFormat = options.Format.TABLE,
    plan_out: Annotated[
        Path | None, typer.Option("--plan-out", metavar="FILE", help="Write the plan too, as JSON.")
    ] = None,
    include_frozen: options.Frozen = False,
    inputs: options.Inputs = None,
) -> None:
    """Initialize TARGET from a plan, check the weights, and write them to a safetensors file, or stream to a folder."""
    place = Path(out)
    if plan_out is not None and plan_out.resolve() == place.resolve():
        raise TargetError(f"--plan-out {plan_out}: this is --out as well; give it a file of its own.")
    in_folder = is_folder(out, most, layout)
    model = find_model(target, settings, dtype)
    choice = choose(recipe, rules, seed, include_frozen=include_frozen, inputs=inputs)
    machine = form is options.Format.JSON
    with joined(layout) as processes:
        if in_folder:
            plan_place = _plan_place(plan_out if processes.first else None)
            with folder(place), plan_place as write_plan:
                shown = processes.first and not machine
                made = streamed(model, choice, place, most, progress=shown, layout=layout, processes=processes)
                write_plan(made.plan)
            if processes.first:
                show(to_json(made.facts(plan_out)) if machine else made.text(plan_out))
            return
    with atomic(place) as weights, _plan_place(plan_out) as write_plan:
        built, planned, report = initialized(model, choice)
        save(built, weights, metadata(planned))
        write_plan(planned)
    told = _facts(place, plan_out, built, planned, report)
    show(to_json(told) if machine else _words(told, planned))


@contextmanager
def _plan_place(path: Path | None) -> Iterator[Callable[[Plan], None]]:
    """Give the function that writes the plan, or does nothing; its place is checked before the block runs."""
    if path is None:
        yield lambda made: None
        return
    with result(path, "--plan-out") as write:
        yield lambda made: write(to_json(made.to_dict()))


def initialized(model: Model, choice: Choice) -> tuple[nn.Module, Plan, Report]:
    """Build, plan, apply and verify; weights that are not as planned are an error, before a file is written."""
    # What the plan keeps, and the buffers, come from the model's own code: the same seed makes them repeatable.
    torch.manual_seed(choice.seed)
    built = model.build()
    made = choice.plan(built)
    apply(built, made)
    report = verify(built, made)
    if not report.ok:
        raise VerificationError(
            f"the weights are not what the plan asked for; no file was written.\n\n{report}", report
        )
    return built, made, report


def _facts(out: Path, plan_out: Path | None, built: nn.Module, made: Plan, report: Report) -> dict[str, Any]:
    return {
        "weights": str(out),
        "plan": None if plan_out is None else str(plan_out),
        "bytes": out.stat().st_size,
        "parameters": len(made),
        "elements": sum(parameter.numel() for parameter in built.parameters()),
        "findings": [finding.to_dict() for finding in report.findings],
        **metadata(made),
        "seed": made.seed,
    }


def _words(told: dict[str, Any], made: Plan) -> str:
    kept = sum(row.kept for row in made)
    lines = [
        text(made.summary()),
        "",
        f"{told['parameters'] - kept:,} parameters drawn and checked: each holds its law."
        + (f" {kept:,} kept." if kept else ""),
        f"Wrote {told['weights']} ({words(told['bytes'])}), with the plan's digest and seed in its metadata.",
    ]
    return "\n".join([*lines, f"Wrote {told['plan']}."] if told["plan"] else lines)
