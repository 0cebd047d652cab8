"""The whole way in one call: plan, apply, verify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from initwise.errors import ApplyError, VerificationError
from initwise.model import elsewhere, read
from initwise.planning import plan
from initwise.recipes import Recipe
from initwise.reporting import Report
from initwise.rules import Rule
from initwise.verification import verify
from initwise.writing import apply


def initialize(
    model: nn.Module,
    rules: str | Rule | Recipe | Sequence[str | Rule | Recipe] = "auto",
    *,
    seed: int = 0,
    inputs: Any = None,
    names: Mapping[str, str] | None = None,
    only: Any = None,
    include_frozen: bool = False,
    checkpoint: Any = None,
    old_rows: Mapping[str, int] | None = None,
) -> Report:
    """Plan, apply and verify in one call; the model is changed in place.

    Args:
        model: any `nn.Module` whose parameters and buffers have memory; `iw.materialize` is for those on meta.
        rules: the name of a recipe (`"gpt2"`), a recipe made by a function, a rule, or a sequence of these.
        seed: an integer in [0, 2**64). The same seed and names give the same weights everywhere.
        inputs, names, only, include_frozen, checkpoint, old_rows: as for `initwise.plan`.

    Returns:
        The report of `verify`. Printing it shows one row for each parameter.

    Raises:
        PlanError: rules and model do not fit; no weight was changed.
        ApplyError: the model cannot be written, or something of it is on meta; no weight was changed.
        VerificationError: the weights are not what was asked for; its `.report` names parameter, asked and found.

    >>> import torch, initwise as iw
    >>> report = iw.initialize(torch.nn.Linear(8, 4), "xavier", seed=1)
    >>> report.ok
    True
    """
    decided = plan(
        model,
        rules,
        seed=seed,
        inputs=inputs,
        names=names,
        only=only,
        include_frozen=include_frozen,
        checkpoint=checkpoint,
        old_rows=old_rows,
    )
    _refuse_meta(model)
    apply(model, decided)
    report = verify(model, decided)
    if not report.ok:
        raise VerificationError(_complaint(report), report)
    return report


def _refuse_meta(model: nn.Module) -> None:
    """Refuse parameters and buffers without memory: a model with buffers on meta is not initialized by a plan alone."""
    absent = [name for name, each in [*model.named_parameters(), *model.named_buffers()] if each.is_meta]
    if absent and (found := elsewhere(read(model))):  # offloaded: memory is not what it lacks
        raise ApplyError("initialize", found)
    if absent:
        shown = repr(absent[0]) + (f" and {len(absent) - 1} more tensors are" if len(absent) > 1 else " is")
        raise ApplyError(
            "initialize",
            [
                f"{shown} on the meta device, without memory: plan = iw.plan(model, rules, seed=...) and then"
                " iw.materialize(model, plan, device=...) give it memory and values, buffers too"
            ],
        )


def _complaint(report: Report) -> str:
    errors = [finding for finding in report.findings if finding.severity == "error"]
    return "\n".join([f"initialize: {len(errors)} of the weights' checks failed", *map(str, errors)])
