"""Ask a plant and its twin who is to blame, by prediction on meta and by measurement."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from torch import nn

import initwise as iw
from benchmarks.culprits._plant import Plant, size
from initwise import signals
from initwise.signals import Culprit, Verdict

Kind = Literal["predicted", "measured"]
KINDS: tuple[Kind, ...] = ("predicted", "measured")
NEAR = 1.3  # the factor within which a proposed standard deviation is right


@dataclass(frozen=True)
class Answer:
    """What was said about a plant or about its twin.

    Attributes:
        plant: which.
        kind: whether the signals were predicted or measured.
        twin: whether it is the twin that was asked about.
        named: what the first verdict that is not ok blames: a parameter, or words in parentheses; "" for nothing.
        others: what the verdicts after it blame.
        found, wanted: the standard deviations the first one speaks of.
        fix: its proposal, in words; right: the value of the twin's plan.
        failure: the error that came instead; "" for none.
        seconds: for signals and verdicts.
    """

    plant: Plant
    kind: Kind
    twin: bool
    named: str = ""
    others: tuple[str, ...] = ()
    found: float | None = None
    wanted: float | None = None
    fix: str = ""
    right: float | None = None
    failure: str = ""
    seconds: float = 0.0

    @property
    def verdict(self) -> Literal["right", "wrong", "silent", "failed", "clean", "alarm"]:
        """A plant is named right, wrong or not at all (silent); a twin is clean or an alarm; an error is a failure."""
        if self.failure:
            return "failed"
        if self.twin:
            return "alarm" if self.named or self.others else "clean"
        if not self.named:
            return "silent"
        return "right" if self.plant.is_label(self.named) else "wrong"

    @property
    def direction(self) -> bool | None:
        """Whether the proposal is to change the weight the right way; None where it gives no numbers."""
        if self.verdict != "right" or self.found is None or self.wanted is None:
            return None
        return (self.wanted < self.found) == (self.plant.fix == "smaller")

    @property
    def near(self) -> bool | None:
        """Whether the proposed standard deviation is that of the twin within a factor of 1.3; None without numbers."""
        if self.direction is None or self.wanted is None or not self.right:
            return None
        return self.right / NEAR <= self.wanted <= self.right * NEAR


def ask(plant: Plant, kind: Kind, *, twin: bool) -> Answer:
    """Build the model with its right or its faulty plan, and ask who is to blame."""
    try:
        model = plant.model(meta=kind == "predicted")
        plans = plant.plans(model)
        started = time.perf_counter()
        verdicts = _verdicts(model, plans[0 if twin else 1], plant, kind)
        seconds = time.perf_counter() - started
    except Exception as error:  # noqa: BLE001 - a tool that fails has named nobody, whatever the reason
        return Answer(plant, kind, twin, failure=f"{type(error).__name__}: {error}")
    return _answer(plant, kind, verdicts, plans[0], seconds, twin=twin)


def ask_all(plants: Sequence[Plant], kinds: Sequence[Kind]) -> Iterator[Answer]:
    """All plants and their twins, predicted and measured."""
    for plant, kind in product(plants, kinds):
        yield ask(plant, kind, twin=False)
        yield ask(plant, kind, twin=True)


def _verdicts(model: nn.Module, plan: iw.Plan, plant: Plant, kind: Kind) -> tuple[Verdict, ...]:
    if kind == "predicted":
        return signals.predict(model, plan, plant.inputs()).verdicts
    return signals.measure(model, plant.inputs(), plan=plan).verdicts


def _answer(
    plant: Plant, kind: Kind, verdicts: Sequence[Verdict], right: iw.Plan, seconds: float, *, twin: bool
) -> Answer:
    bad = [verdict.culprit for verdict in verdicts if not verdict.ok]
    first = bad[0] if bad else None
    others = tuple(dict.fromkeys(_named(each) for each in bad[1:] if each is not None))
    if first is None:
        return Answer(plant, kind, twin, others=others, seconds=seconds)
    wanted = size(right, first.parameter) if plant.is_label(first.parameter) else None
    found = (first.found, first.wanted, first.fix)
    return Answer(plant, kind, twin, _named(first), others, *found, right=wanted, seconds=seconds)


def _named(culprit: Culprit) -> str:
    """Return the parameter that is blamed, or what is said of an operation without one."""
    return culprit.parameter or f"({culprit.message})"
