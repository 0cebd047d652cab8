"""`Plant`: a model, its right plan, and one wrong law in it; the twin has the right plan alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

import initwise as iw

Wrong = Callable[[iw.Plan], Sequence[iw.Rule]]
Right = str | Sequence[str | iw.Rule]


@dataclass(frozen=True)
class Plant:
    """One wrong law in a model.

    Attributes:
        name: of the model.
        mistake: what was done wrong, in one sentence.
        build: the model, its weights not yet planned.
        inputs: what it is called with, the same each time.
        right: the rules of the twin.
        wrong: the rules that are added, from the right plan.
        labels: globs over the parameters that it is right to name: all that the wrong rules drew.
        fix: whether the standard deviation (of a constant its value) must become smaller or larger.
    """

    name: str
    mistake: str
    build: Callable[[], nn.Module]
    inputs: Callable[[], Any]
    right: Right
    wrong: Wrong
    labels: tuple[str, ...]
    fix: Literal["smaller", "larger"]

    def model(self, *, meta: bool = False) -> nn.Module:
        """The model, on meta or in memory."""
        with torch.device("meta" if meta else "cpu"):
            return self.build()

    def plans(self, model: nn.Module) -> tuple[iw.Plan, iw.Plan]:
        """The right plan and the faulty one."""
        rules = [self.right] if isinstance(self.right, str) else [*self.right]
        right = iw.plan(model, rules, inputs=self.inputs())
        return right, iw.plan(model, [*rules, *self.wrong(right)], inputs=self.inputs())

    def is_label(self, name: str) -> bool:
        """Whether naming this parameter is right."""
        return any(fnmatchcase(name, label) for label in self.labels)


def size(plan: iw.Plan, name: str) -> float:
    """The root mean square of what a plan gives a parameter, by which laws are compared."""
    law = plan[name].law
    if law is None:
        raise ValueError(f"{name} follows no declared law: it cannot be compared with a wrong one")
    return math.hypot(law.mean, law.std)


def law(initializer: Any, *globs: str) -> Wrong:
    """The parameters of these names get this initializer: by their exact names, which win over the twin's rules."""

    def rules(plan: iw.Plan) -> list[iw.Rule]:
        names = [row.name for row in plan if any(fnmatchcase(row.name, glob) for glob in globs)]
        return [iw.rule(name, initializer) for name in names]

    return rules


def std(value: float, *globs: str) -> Wrong:
    """The parameters of these names are normal with this standard deviation."""
    return law(iw.Normal(std=value), *globs)


def times(factor: float, name: str) -> Wrong:
    """One parameter is normal with `factor` times the right standard deviation."""
    return lambda plan: law(iw.Normal(std=factor * size(plan, name)), name)(plan)


def swapped(name: str, gain: float = 1.0) -> Wrong:
    """One parameter is normal with gain / sqrt(fan_out) where gain / sqrt(fan_in) is right."""
    return law(iw.VarianceScaling(gain**2, "fan_out"), name)


def noise(*shapes: tuple[int, ...]) -> Callable[[], tuple[Tensor, ...]]:
    """Standard normal inputs of these shapes."""
    return partial(_noise, shapes)


def _noise(shapes: tuple[tuple[int, ...], ...]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(shape, generator=generator, device="cpu") for shape in shapes)


def whole(high: int, *shape: int, count: int = 1) -> Callable[[], tuple[Tensor, ...]]:
    """Whole numbers from 3 up to `high`: words, users, rows of tables."""
    return partial(_whole, high, shape, count)


def _whole(high: int, shape: tuple[int, ...], count: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randint(3, high, shape, generator=generator, device="cpu") for _ in range(count))


def words(high: int, **more: Any) -> Callable[[], dict[str, Any]]:
    """Words for a model of transformers, and what else it is called with."""
    return lambda: {"input_ids": _whole(high, (4, 32), 1)[0], **more}
