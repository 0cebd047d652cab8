"""What a monitor refuses: what does not fit together is told before training starts."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from initwise._arguments import Arguments, nearest, show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model import Reading
from initwise.planning import Plan, refuse_other_than_plan

_MANY = 3
_WATCHED: weakref.WeakKeyDictionary[nn.Module, weakref.ref[Any]] = weakref.WeakKeyDictionary()


def check_model(model: object) -> None:
    """Refuse what is no module, and parameters without memory."""
    if not isinstance(model, nn.Module):
        raise ArgumentTypeError(
            f"Monitor: model is {show(model)} of type {type(model).__name__}; give the nn.Module that is trained"
        )
    empty = next((name for name, each in model.named_parameters() if each.is_meta), None)
    if empty is not None:
        raise ArgumentError(
            f"Monitor: {empty!r} is on the meta device, and cannot be trained; give it memory with"
            " iw.materialize(model, plan, device=...)"
        )


def check_plan(plan: Plan | None, reading: Reading) -> None:
    """Refuse a plan for another model."""
    if plan is None:
        return
    refuse_other_than_plan("Monitor", plan)
    here = {each.name: each for each in reading.parameters}
    problems = [f"{row.name!r} is planned, and the model has no such parameter" for row in plan if row.name not in here]
    problems += [
        f"{name!r} is a parameter of the model that the plan does not know{nearest(name, [row.name for row in plan])}"
        for name in here
        if name not in plan
    ]
    problems += [
        f"{row.name!r} was planned with shape {row.shape} and has {here[row.name].shape}"
        for row in plan
        if row.name in here and tuple(row.shape) != tuple(here[row.name].shape)
    ]
    if problems:
        more = f"; and {len(problems) - _MANY} more" if problems[_MANY:] else ""
        raise ArgumentError(
            f"Monitor: the plan is for another model: {'; '.join(problems[:_MANY])}{more}. Give the plan that this"
            " model was initialized with, plan=iw.plan(model, ...), or none"
        )


def as_optimizers(value: Any, reading: Reading, check: Arguments) -> tuple[Optimizer, ...]:
    """Return the optimizers, looked for below wrappers such as Accelerate's; refuse those without the parameters."""
    several = value if isinstance(value, Sequence) else () if value is None else (value,)
    found = tuple(unwrapped(each) for each in several)
    held = {id(each) for one in found if isinstance(one, Optimizer) for each in held_by(one)}
    for optimizer in found:
        if not isinstance(optimizer, Optimizer):
            check.refuse(
                f"optimizer is {show(optimizer)} of type {type(optimizer).__name__}; give the torch.optim.Optimizer, or"
                " a sequence of them",
                wrong_type=True,
            )
    ours = {id(tensor) for each in reading.parameters for tensor in each.tensors}
    if found and held and not held & ours:
        check.refuse(
            f"the optimizer holds {len(held)} parameters, and none of them is one of the model's {len(reading)}; it was"
            " made for another model, or before the model was wrapped, moved or replaced: make it from"
            " model.parameters()"
        )
    return tuple(each for each in found if isinstance(each, Optimizer))


def unwrapped(optimizer: Any) -> Any:
    """Return the optimizer of torch below wrappers."""
    for _ in range(8):
        inner = (
            vars(optimizer).get("optimizer", vars(optimizer).get("_optimizer"))
            if hasattr(optimizer, "__dict__")
            else None
        )
        if inner is None:
            break
        optimizer = inner
    return optimizer


def held_by(optimizer: Optimizer) -> Iterable[torch.Tensor]:
    """Return the parameters of an optimizer."""
    return (each for group in optimizer.param_groups for each in group["params"])


def claim(model: nn.Module, monitor: object) -> None:
    """Note that a monitor watches a model; refuse a second one, of the model, a part or a whole around it."""
    ours = set(model.modules())
    for module, holder in list(_WATCHED.items()):
        if holder() is None or not (module in ours or any(each is model for each in module.modules())):
            continue
        part = f"a part of this model ({type(module).__name__})" if module in ours else "a model that holds this one"
        raise ArgumentError(
            f"Monitor: {'this model' if module is model else part} is watched by another monitor already, and both"
            " would count its steps; use that one, or end it first with monitor.close()"
        )
    _WATCHED[model] = weakref.ref(monitor)


def release(model: nn.Module, monitor: object) -> None:
    """Note that a monitor watches its model no more; the claim of another one stays."""
    holder = _WATCHED.get(model)
    if holder is not None and holder() is monitor:
        del _WATCHED[model]


def check_trained(watched: nn.Module, trained: nn.Module) -> None:
    """Refuse a monitor of another model than the one that a trainer trains.

    Raises:
        ArgumentError: neither is a part of the other, and they share no parameter.
    """
    ours = {id(each) for each in watched.parameters()}
    if not ours & {id(each) for each in trained.parameters()}:
        raise ArgumentError(
            f"Monitor: it was made for a {type(watched).__name__}, and a {type(trained).__name__} is trained that"
            " shares no parameter with it; make the monitor of the model that is trained"
        )
