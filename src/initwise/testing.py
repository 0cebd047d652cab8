"""What a test of a model asserts: that its weights are what a plan asked for, or that nothing is wrong with them."""

from __future__ import annotations

from typing import Any

from torch import nn

from initwise._arguments import Arguments
from initwise.findings import SEVERITIES, Severity, at_least
from initwise.lints import check
from initwise.planning import Plan
from initwise.reporting import Report
from initwise.verification import verify


def assert_initialized(
    model: nn.Module, plan: Plan | None = None, *, fail_on: Severity = "warning", **options: Any
) -> Report:
    """Assert that the weights of `model` are what `plan` asked for, or without a plan that `check` finds nothing.

    Args:
        model: any `nn.Module` with values; it is only read.
        plan: what its weights should be (`initwise.plan`). None asks `initwise.check`, which needs no plan.
        fail_on: "error", "warning" or "info": the mildest finding that fails.
        options: go to `initwise.verify`, or without a plan to `initwise.check`: `inputs=`, `suppress=`, `config=`, ...

    Returns:
        The report, where nothing of that severity was found.

    Raises:
        AssertionError: with the findings, each with its parameter, what was measured and expected, and what to do.

    >>> import torch, initwise as iw
    >>> model = torch.nn.Linear(8, 4)
    >>> iw.apply(model, plan := iw.plan(model, "xavier"))
    >>> iw.assert_initialized(model, plan).ok
    True
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    arguments = Arguments("assert_initialized")
    arguments.choice("fail_on", fail_on, SEVERITIES)
    arguments.done()
    report = check(model, **options) if plan is None else verify(model, plan, **options)
    if any(at_least(finding.severity, fail_on) for finding in report.findings):
        raise AssertionError("\n" + report.text(terminal=False, rows=False))
    return report
