"""`initwise check`: what is wrong with a model's weights as they stand; no plan is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import nn

from initwise import lints
from initwise.cli import _options as options
from initwise.cli import _reports as reports
from initwise.cli._compared_files import load_buffers
from initwise.cli._losses import LOSSES, find_loss
from initwise.cli._output import note, result
from initwise.cli._target import Model, find_model
from initwise.cli._weights import load
from initwise.errors import TargetError
from initwise.findings import at_least
from initwise.lints import Baseline, Configuration, nearest_configuration, read_baseline, read_configuration
from initwise.model import as_example
from initwise.provenance import record
from initwise.reporting import Report


class Level(StrEnum):
    """From which severity on a finding fails the command."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


def check(
    target: options.Target,
    inputs: Annotated[
        str | None,
        typer.Option("--inputs", metavar="WORDS", help="What forward takes, to measure one forward and backward pass."),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option("--loss", metavar="LOSS", help=f"path.py:function of the model's output, or {', '.join(LOSSES)}."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="A safetensors file to load first.")
    ] = None,
    select: Annotated[
        list[str] | None, typer.Option("--select", metavar="CODES", help="Report only these: SYM,INI101 (repeatable).")
    ] = None,
    fail_on: Annotated[
        Level | None, typer.Option("--fail-on", help="Exit code 1 from here on (default: warning).")
    ] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit code 0 whatever is found.")] = False,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", metavar="FILE", help="Leave out the findings in this file.")
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option("--write-baseline", metavar="FILE", help="Write all findings to a baseline.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A pyproject.toml (default: the nearest one).")
    ] = None,
    no_config: Annotated[bool, typer.Option("--no-config", help="Read no pyproject.toml.")] = False,
    form: reports.Form = reports.ReportFormat.TABLE,
    out: reports.Out = None,
    everything: Annotated[bool, typer.Option("--all", help="Show a row for each parameter, too.")] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="PyTorch's seed while the model is built.")] = 0,
    settings: options.Settings = None,
    dtype: options.Dtype = None,
) -> int:
    """Look for what is wrong with the weights of TARGET, as it is built or as a file holds them. No plan is needed."""
    wanted = _wanted(config, no_config=no_config, select=select, baseline=baseline, writes=write_baseline)
    level = fail_on.value if fail_on else wanted.fail_on or "warning"
    example = None if inputs is None else as_example(inputs)
    measure = None if loss is None else find_loss(loss)
    with record(poison=False) as log:  # rubbish in memory may look like weights; who wrote them is known here
        built = _built(find_model(target, settings, dtype), weights, seed)
        log.about(built)
    if write_baseline is not None:
        return _write(lints.check(built, example, measure, config=wanted, log=log), write_baseline)
    with result(out, example=f"report.{reports.ENDINGS[form]}") as write:
        report = lints.check(built, example, measure, config=wanted, log=log)
        plain = None if out is None else False
        write(reports.rendered(report, form, fail_on=level, terminal=plain, rows=everything))
    failed = any(at_least(finding.severity, level) for finding in report.findings)
    return int(failed and not exit_zero)


def _wanted(
    config: Path | None,
    *,
    no_config: bool,
    select: Sequence[str] | None,
    baseline: Path | None,
    writes: Path | None,
) -> Configuration:
    """Return the project's configuration with the options of the command in it."""
    if no_config and config is not None:
        raise TargetError("--config and --no-config: give one of them.")
    if baseline is not None and writes is not None:
        raise TargetError("--baseline and --write-baseline: give one of them; what is written holds all findings.")
    place = config or (None if no_config else nearest_configuration(Path.cwd()))
    found = Configuration() if place is None else read_configuration(place)
    if select:
        found = replace(found, select=lints.codes([code for given in select for code in given.split(",")], "--select"))
    return replace(found, baseline=_baseline(baseline or found.baseline, needed=writes is None))


def _baseline(place: Path | Baseline | None, *, needed: bool) -> Baseline | None:
    """Read the baseline now: a wrong one is told before the model is built."""
    if place is None or not needed:
        return None
    return place if isinstance(place, Baseline) else read_baseline(place)


def _built(model: Model, weights: Path | None, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    built = model.build()
    if weights is None:
        return built
    loaded = load(built, weights)
    wrong = [f"{name} is missing" for name in loaded.missing]
    wrong += [f"{name} is {found}, and {expected} in the model" for name, found, expected in loaded.shapes]
    if wrong:
        shown = "; ".join(wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise TargetError(f"--weights {weights}: these are not the model's: {shown}; check the target and its --set.")
    load_buffers(built, weights)
    if loaded.extra:
        note(
            f"--weights {weights}: the model has no {', '.join(loaded.extra[:5])}{', ...' if loaded.extra[5:] else ''}"
        )
    return built


def _write(report: Report, place: Path) -> int:
    known = Baseline.of(report)
    with result(place, "--write-baseline", "baseline.json") as write:
        write(known.text())
    count = len(known.findings)
    said = f"{count} finding{'' if count == 1 else 's'} written to {place}"
    note(f"{said}; check with --baseline {place} reports only others")
    return 0
