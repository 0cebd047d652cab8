"""`initwise verify`: hold a file of weights against a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from initwise import verification
from initwise.cli import _options as options
from initwise.cli import _reports as reports
from initwise.cli._decide import choose
from initwise.cli._output import note, result
from initwise.cli._target import find_model
from initwise.cli._weights import Loaded, load
from initwise.errors import SchemaError, TargetError
from initwise.findings import Finding, Severity
from initwise.model import canonical_name
from initwise.planning import Plan
from initwise.reporting import Report


def verify(
    target: options.Target,
    weights: Annotated[
        Path, typer.Option("--weights", metavar="FILE", help="The safetensors file to check.", show_default=False)
    ],
    plan: Annotated[Path | None, typer.Option("--plan", metavar="FILE", help="The plan, as JSON.")] = None,
    recipe: options.Recipe = None,
    rules: options.Rules = None,
    seed: options.Seed = None,
    settings: options.Settings = None,
    dtype: options.Dtype = None,
    form: reports.Form = reports.ReportFormat.TABLE,
    out: reports.Out = None,
    include_frozen: options.Frozen = False,
    inputs: options.Inputs = None,
) -> int:
    """Check the weights in a file against a plan, a recipe or a rule file. Exit code 1 if they do not hold."""
    _one_plan(plan, recipe, rules, seed, inputs)
    model = find_model(target, settings, dtype)
    built = model.build(meta=True)
    asked = (
        read_plan(plan)
        if plan
        else choose(recipe, rules, seed, include_frozen=include_frozen, inputs=inputs).plan(built)
    )
    loaded = load(built, weights)
    _tell_other_plan(asked, loaded)
    with result(out, example=f"report.{reports.ENDINGS[form]}") as write:
        report = _with_file(verification.verify(built, asked), loaded)
        write(reports.rendered(report, form, fail_on="error", terminal=None if out is None else False))
    return 0 if report.ok else 1


def read_plan(path: Path) -> Plan:
    """Read a plan that `initwise plan --format json` or `init --plan-out` wrote."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TargetError(f"--plan {path}: it cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise TargetError(
            f"--plan {path}: it is no JSON: {error}; write one with initwise plan --format json."
        ) from error
    try:
        return Plan.from_dict(data)
    except SchemaError as error:
        raise SchemaError(f"--plan {path}", error.problems) from error


def _one_plan(plan: Path | None, recipe: str | None, rules: Path | None, seed: int | None, inputs: str | None) -> None:
    if plan is None and recipe is None and rules is None:
        raise TargetError("verify: against what? Give --plan plan.json, --recipe NAME or --rules FILE.")
    if plan is not None and any(each is not None for each in (recipe, rules, seed, inputs)):
        raise TargetError(
            "--plan: it holds its own decisions and seed; leave --recipe, --rules, --seed and --inputs away."
        )


def _tell_other_plan(asked: Plan, loaded: Loaded) -> None:
    wrote = loaded.metadata.get("plan_digest")
    if wrote is not None and wrote != asked.digest():
        note(f"these weights come from another plan ({wrote[:16]}) than the one asked for ({asked.digest()[:16]})")


def _with_file(report: Report, loaded: Loaded) -> Report:
    """The report, with what file and model do not have in common in the place of "on the meta device"."""
    absent = {canonical_name(name) for name in loaded.missing}
    kept = tuple(finding for finding in report.findings if finding.parameter not in absent)
    return replace(report, findings=(*kept, *_file_findings(loaded)))


def _file_findings(loaded: Loaded) -> Iterator[Finding]:
    for name in loaded.missing:
        yield _finding(name, "the file has no such parameter", "absent", "present", "write the weights of this model")
    for name, found, expected in loaded.shapes:
        yield _finding(name, "file and model differ in its shape", found, expected, "check the target and its --set")
    for name in loaded.missing_buffers:
        yield _finding(name, "the file has no such buffer", "absent", "present", "write the whole state", "warning")
    for name in loaded.extra:
        yield _finding(name, "the model has no such tensor", "present", "absent", "check the target and its --set")
    for name in loaded.untied:
        yield _finding(name, "tied in the model, not in the file", "two values", "one value", "write the weights again")


def _finding(name: str, message: str, measured: str, expected: str, fix: str, severity: Severity = "error") -> Finding:
    return Finding("INI106", severity, 1.0, name, message, measured, expected, fix)
