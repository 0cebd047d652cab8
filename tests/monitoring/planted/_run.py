"""Runs a case and says whether the suggestion names the mistake."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

import initwise as iw
from initwise.monitoring import Suggestion
from tests.monitoring.planted._cases import Case, optimizer_of
from tests.monitoring.planted._models import TASKS

STEPS = 12


@dataclass(frozen=True)
class Result:
    """A case with what was suggested.

    Attributes:
        named: the mistake is among the changes, under a right kind; of right twins, nothing is suggested.
        others: changes that are beside the point.
    """

    case: Case
    suggestion: Suggestion
    named: bool
    others: tuple[str, ...]

    def __str__(self) -> str:
        said = "; ".join(f"{each.kind} {each.parameter}".strip() for each in self.suggestion.changes[:4])
        beside = f"  and beside the point: {', '.join(self.others[:4])}" if self.others else ""
        return f"{'ok' if self.named else 'NO'}  {self.case.task}: {self.case.name} -> {said or 'nothing'}{beside}"


def run(case: Case) -> Result:
    """Train for twelve steps, every one of them looked at, and hold the suggestion against the mistake."""
    suggestion = suggested(case)
    hits: list[str] = []
    others: list[str] = []
    for change in suggestion.changes:
        right = change.kind in case.kinds and (
            not change.parameter or any(fnmatchcase(change.parameter, each) for each in case.culprits)
        )
        if right and not change.parameter:
            right = suggestion.rate < 0.5 if case.rate > 1 else suggestion.rate > 2
        (hits if right else others).append(f"{change.kind} {change.parameter}".strip())
    return Result(case, suggestion, bool(hits) if case.kinds else not others, tuple(others))


def suggested(case: Case) -> Suggestion:
    """Train, and return what the monitor suggests."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    task = TASKS[case.task]
    model = task.build()
    plan = planned(case, model)
    iw.apply(model, plan)
    optimizer = optimizer_of(case, model)()
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    generator = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        given = task.batch(generator)
        with monitor.step() as step:
            optimizer.zero_grad()
            step.loss = loss = task.loss(model(given), given)
            loss.backward()
            optimizer.step()
    return monitor.suggest()


def planned(case: Case, model: nn.Module) -> iw.Plan:
    """Return the plan of a case: the recipe's, with the mistake."""
    given = TASKS[case.task].batch(torch.Generator().manual_seed(2))
    options: dict[str, Any] = {"inputs": given, "include_frozen": False}
    plan = iw.plan(model, [*case.rules, case.recipe], **options)
    if not case.scale:
        return plan
    scaled = [
        iw.rule(row.name, iw.Scaled(row.initializer, factor))
        for pattern, factor in case.scale
        for row in plan
        if fnmatchcase(row.name, pattern) and row.role in ("weight", "recurrent")
    ]
    return iw.plan(model, [*scaled, *case.rules, case.recipe], **options)
