"""The optimizer that goes with a plan: learning rates, weight decay and epsilon of each parameter by its factors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from initwise.model import read
from initwise.planning import Plan, refuse_other_than_plan

_SETTINGS = {"learning_rate": "lr", "weight_decay": "weight_decay", "epsilon": "eps"}


def scale_groups(optimizer: torch.optim.Optimizer, model: nn.Module, plan: Plan) -> None:
    """Multiply learning rates, weight decay and epsilon of an optimizer by the factors in `plan.multipliers`.

    Parameter groups are split where their parameters have different factors. Call it once, before the first step and
    before a scheduler is made. Settings that the optimizer does not have (SGD's epsilon) are left out.

    Args:
        optimizer: of any kind, over parameters of `model`.
        model: that the plan is for.
        plan: with multipliers, as `iw.plan(model, iw.recipes.mup(base))` gives.

    Raises:
        ArgumentTypeError: `plan` is not a plan.

    >>> import initwise as iw
    >>> build = lambda width: nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width))
    >>> model = build(256)
    >>> optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    >>> iw.signals.scale_groups(optimizer, model, iw.plan(model, iw.recipes.mup(build(64))))
    >>> [(len(group["params"]), group["lr"]) for group in optimizer.param_groups]
    [(3, 0.01), (1, 0.0025)]
    """
    refuse_other_than_plan("scale_groups", plan)
    factors = _factors(model, plan)
    if factors:
        optimizer.param_groups = [part for group in optimizer.param_groups for part in _split(group, factors)]


def _factors(model: nn.Module, plan: Plan) -> dict[int, dict[str, float]]:
    """Return the factors of each parameter, by its identity."""
    by_name: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for each in plan.multipliers:
        if each.kind in _SETTINGS:
            setting = _SETTINGS[each.kind]
            by_name[each.target][setting] = by_name[each.target].get(setting, 1.0) * each.value
    if not by_name:
        return {}
    return {id(each.tensor): by_name[each.name] for each in read(model).parameters if each.name in by_name}


def _split(group: dict[str, Any], factors: dict[int, dict[str, float]]) -> Iterable[dict[str, Any]]:
    names = group.get("param_names")
    parts: defaultdict[tuple[tuple[str, float], ...], list[int]] = defaultdict(list)
    for place, parameter in enumerate(group["params"]):
        parts[tuple(sorted(factors.get(id(parameter), {}).items()))].append(place)
    for changes, places in parts.items():
        part = {**group, "params": [group["params"][place] for place in places]}
        if names is not None:
            part["param_names"] = [names[place] for place in places]
        yield part | {setting: group[setting] * factor for setting, factor in changes if group.get(setting) is not None}
