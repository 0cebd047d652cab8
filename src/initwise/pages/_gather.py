"""From a model to the content of its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from initwise.errors import ArgumentError, InitwiseError
from initwise.findings import SEVERITIES, Finding
from initwise.lints import check
from initwise.model import read
from initwise.pages._bins import bins_of
from initwise.pages._content import Content, is_written
from initwise.planning import Plan
from initwise.planning import plan as make_plan
from initwise.recipes import Recipe
from initwise.reporting import Report
from initwise.signals import Culprit, Signals, Verdict, built_inputs, measure, predict
from initwise.verification import verify

_BLAME = "SIG507"  # the code of what a verdict blames
MOST = 200_000_000  # parameters of a model that is measured unasked


def gather(
    model: nn.Module,
    plan: Any,
    inputs: Any,
    *,
    loss: Callable[[Any], Any] | None,
    measured: bool | None,
    other: Any,
    title: str | None,
) -> Content:
    """Return all that is known of a model under a plan."""
    decided = _planned(model, plan, inputs)
    beside = None if other is None else _planned(model, other, inputs, seed=decided.seed)
    parameters = {each.name: each for each in read(model).parameters}
    has_memory = not any(each.tensor.is_meta for each in parameters.values())
    notes: list[str] = []
    inputs = built_inputs(model) if inputs is None else inputs
    predicted = _predicted(model, decided, inputs, loss, notes)
    found = _measured(model, decided, inputs, loss, measured, notes, has_memory=has_memory)
    verified = verify(model, decided) if has_memory else None
    name = type(model).__name__
    return Content(
        title=title or f"{name} at initialization",
        model=name,
        plan=decided,
        predicted=predicted,
        measured=found,
        other=beside,
        other_name=_name(other),
        other_predicted=None if beside is None else _predicted(model, beside, inputs, loss, notes),
        findings=_findings(model, found or predicted, verified, notes, (inputs, loss)),
        verified=verified,
        bins=bins_of(decided, parameters),
        notes=tuple(dict.fromkeys(notes)),
    )


def _planned(model: nn.Module, plan: Any, inputs: Any, seed: int = 0) -> Plan:
    return (
        plan if isinstance(plan, Plan) else make_plan(model, "auto" if plan is None else plan, inputs=inputs, seed=seed)
    )


def _name(other: Any) -> str:
    if isinstance(other, (str, Recipe)):
        return str(other if isinstance(other, str) else other.name)
    return "the other plan"


def _predicted(model: nn.Module, plan: Plan, inputs: Any, loss: Any, notes: list[str]) -> Signals | None:
    try:
        return predict(model, plan, inputs, loss)
    except InitwiseError as error:
        if inputs is not None and "cannot run on the meta device" not in str(error):
            raise
        notes.append(f"nothing is predicted: {error}")
        return None


def _measured(
    model: nn.Module, plan: Plan, inputs: Any, loss: Any, measured: bool | None, notes: list[str], *, has_memory: bool
) -> Signals | None:
    if not has_memory:
        if measured:
            raise ArgumentError("report: measured=True, but the model is on the meta device; materialize it first")
        notes.append("nothing is measured: the model is on the meta device")
        return None
    size = sum(row.numel for row in plan)
    if measured is False or inputs is None or (measured is None and size > MOST):
        why = (
            "it was not asked for" if measured is False else "there are no inputs" if inputs is None else "it is large"
        )
        notes.append(f"nothing is measured: {why}")
        return None
    made = measure(model, inputs, loss, plan=plan)
    notes.append("measured with the plan's weights, which gave way to the model's own again")
    return made


def _findings(
    model: nn.Module, signals: Signals | None, verified: Report | None, notes: list[str], started: tuple[Any, Any]
) -> tuple[Finding, ...]:
    """Return what is wrong: with the signals of the plan, and with the weights as they stand.

    A real pass through weights that are not the plan's would tell of another model than the curves do.
    """
    verdicts = signals.verdicts if signals is not None else ()
    found = [_blamed(each, each.culprit) for each in verdicts if each.culprit is not None]
    unique = {each.parameter: each for each in reversed(found)}
    if verified is None:
        notes.append("the weights are not checked: they have no memory")
        return tuple(unique.values())
    notes.append("findings are about the weights as they stand, and about the signals of the plan")
    if not is_written(verified):
        return _sorted(*unique.values(), *check(model).findings)
    inputs, loss = started
    checked = check(model, inputs, loss if inputs is not None else None).findings
    others = [each for each in checked if each.code != _BLAME or each.parameter not in unique]
    return _sorted(*unique.values(), *verified.findings, *others)


def _sorted(*findings: Finding) -> tuple[Finding, ...]:
    """Return each finding once, the gravest first."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda each: SEVERITIES.index(each.severity)))


def _blamed(verdict: Verdict, culprit: Culprit) -> Finding:
    return Finding(
        _BLAME,
        "warning",
        0.9,
        culprit.parameter or verdict.path,
        culprit.message,
        "" if culprit.found is None else f"std {culprit.found:.4g}",
        "" if culprit.wanted is None else f"std {culprit.wanted:.4g}",
        culprit.fix,
    )
