"""One run of a coordinate check: build, initialize, train a few steps on one batch, and measure each forward pass."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from initwise._arguments import show
from initwise.errors import ArgumentError, ArgumentTypeError, InitwiseError, ProblemsError
from initwise.model import Example
from initwise.model.graph._state import _eager
from initwise.model.graph._structures import tensors
from initwise.planning import Plan
from initwise.planning import plan as decide
from initwise.signals._errors import ProbeError
from initwise.signals._example import fitted
from initwise.signals._objective import classified
from initwise.signals.coordinates._asked import Asked
from initwise.signals.coordinates._forward import Factors, multiplied
from initwise.signals.coordinates._groups import scale_groups
from initwise.signals.coordinates._row import Key
from initwise.signals.coordinates._watch import Numbers, Watch
from initwise.writing import apply

_FORWARD = 2**20  # the seed of what a model draws in a forward pass (dropout): the same at every step


@dataclass
class Run:
    """What the training of one model showed.

    Attributes:
        steps: what was measured, step by step; fewer than asked for where training diverged.
        losses: the loss at each of them.
        modules: the names of the modules that were watched.
        outputs: the activations that are the model's outputs, or readouts of the plan.
        branches: the activations that the plan multiplies by a factor of depth.
        notes: which factors of the plan were applied to the forward pass, and which could not be.
        recipe: that made the plan; "" for none.
    """

    steps: list[Numbers] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    modules: frozenset[str] = frozenset()
    outputs: frozenset[Key] = frozenset()
    branches: frozenset[Key] = frozenset()
    notes: tuple[str, ...] = ()
    recipe: str = ""


@contextmanager
def told(where: str) -> Iterator[None]:
    """Say in errors at which size they came up."""
    try:
        yield
    except ProblemsError as error:
        raise type(error)(f"coordinate_check, {where}: {error.operation}", error.problems) from error
    except InitwiseError as error:
        message = str(error).removeprefix("probe: ").removeprefix("coordinate_check: ")
        raise type(error)(f"coordinate_check, {where}: {message}") from error


def planned(model: nn.Module, example: Example, rules: Any) -> Plan | None:
    """Return the plan for a model that was just built; None where it stays as it is."""
    if callable(rules):
        rules = rules(model)
    return rules if rules is None or isinstance(rules, Plan) else decide(model, rules, inputs=example)


def trained(model: nn.Module, example: Example, asked: Asked, plan: Plan | None, seed: int) -> Run:
    """Initialize a model that was just built, train it, and return what was measured."""
    if plan is not None:
        apply(model, replace(plan, seed=seed))
    optimizer = _optimizer(model, plan, asked)
    with multiplied(model, plan if asked.apply_factors else None) as factors, _eager():
        watch = Watch(model, asked.only, with_updates="update" in asked.statistics, factors=factors)
        if not watch.modules:
            raise ArgumentError(f"only={asked.only!r} selects no module that holds parameters")
        run = Run(modules=frozenset(watch.modules), recipe=plan.recipe if plan is not None else "")
        for step in range(asked.steps + 1):
            _step(model, example, asked, watch, optimizer if step < asked.steps else None, run, seed)
            if not math.isfinite(run.losses[-1]):
                break
    run.outputs = frozenset(watch.outputs | _targets(run, plan, "output"))
    run.branches = frozenset(_targets(run, plan, "branch"))
    run.notes = tuple(_notes(factors))
    return run


def seeded(seed: int) -> None:
    """Start every random generator at one place."""
    random.seed(seed)
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed(seed)
    torch.manual_seed(seed)


def _optimizer(model: nn.Module, plan: Plan | None, asked: Asked) -> torch.optim.Optimizer:
    trained = [each for each in model.parameters() if each.requires_grad]
    if not trained:
        raise ArgumentError("no parameter has requires_grad, so nothing would be trained")
    if asked.optimizer == "adam":
        optimizer: Any = torch.optim.Adam(trained, lr=asked.learning_rate)
    elif asked.optimizer == "sgd":
        optimizer = torch.optim.SGD(trained, lr=asked.learning_rate)
    else:
        optimizer = asked.optimizer(model)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ArgumentTypeError(f"optimizer returned {show(optimizer)}; it must return a torch.optim.Optimizer")
    if plan is not None:
        scale_groups(optimizer, model, plan)
    return optimizer


def _step(
    model: nn.Module,
    example: Example,
    asked: Asked,
    watch: Watch,
    optimizer: torch.optim.Optimizer | None,
    run: Run,
    seed: int,
) -> None:
    """Measure one forward pass and, with an optimizer, make one update."""
    args, kwargs = fitted(example, model)
    tokens = any(each.dtype in (torch.int32, torch.int64) for each in tensors((args, kwargs)))
    seeded(_FORWARD + seed)
    with watch.following():
        output = _forward(model, args, kwargs, example)
        run.steps.append(watch.numbers())
        start = classified(output, asked.loss, tokens=tokens).scalar
        if start is None or not start.requires_grad:
            raise ArgumentError("the model's outputs have no gradient, so nothing would be trained; give loss=")
        run.losses.append(float(start.detach()))
        if optimizer is not None and math.isfinite(run.losses[-1]):
            _update(model, optimizer, start)


def _forward(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], example: Example) -> Any:
    try:
        return model(*args, **kwargs)
    except InitwiseError:
        raise
    except Exception as error:
        raise ProbeError(
            f"the model raised {type(error).__name__} with {example.description}: {error}; inputs must fit every model"
        ) from error


def _update(model: nn.Module, optimizer: torch.optim.Optimizer, start: Tensor) -> None:
    optimizer.zero_grad()
    try:
        start.backward()
        _refuse_detached(model)
        optimizer.step()
    except InitwiseError:
        raise
    except Exception as error:
        raise ProbeError(f"the training step raised {type(error).__name__}: {error}") from error


def _refuse_detached(model: nn.Module) -> None:
    if all(each.grad is None for each in model.parameters()):
        raise ArgumentError(
            "the loss does not depend on any parameter of the model: no gradient arrives; compute it from the model's"
            " output"
        )


def _targets(run: Run, plan: Plan | None, kind: str) -> set[Key]:
    """Return the activations that factors of one kind in a plan are about."""
    modules = {each.target for each in (plan.multipliers if plan is not None else ()) if each.kind == kind}
    return {key for numbers in run.steps for key, _ in numbers if key.module in modules}


def _notes(factors: Factors) -> Iterator[str]:
    left_out = {each.target: each for each in factors.left_out()}
    if left_out:
        kinds = ", ".join(sorted({each.kind for each in left_out.values()}))
        yield (
            f"the plan asks for factors in the forward pass that the check could not apply ({kinds} of"
            f" {_listed(list(left_out))}); it is only right if the model applies them itself"
        )
    if factors.used:
        kinds = ", ".join(sorted({kind for _, kind in factors.used}))
        yield f"the check applied the plan's factors in the forward pass ({kinds}); a model in training must do so too"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
