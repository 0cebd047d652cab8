"""One model: constructed on the CPU and written by `apply`, against the same on meta and `materialize`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import initwise as iw
from benchmarks.materialize.models import maker
from benchmarks.zoo.entries import Entry


@dataclass(frozen=True)
class Outcome:
    """What came of one model; `alone` and `built` are empty where all tensors are equal, else what is wrong."""

    entry: Entry
    parameters: int
    buffers: int
    on_meta: int
    kept: int
    alone: str
    built: str
    seconds: float


def compare(entry: Entry) -> Outcome:
    """Materialize one model by itself, and again with `build=`, and compare every tensor with the eager one."""
    make = maker(entry)
    torch.manual_seed(1)
    eager = make()
    empty = [iw.rule(name, iw.Keep()) for name, each in eager.named_parameters() if not each.numel()]
    plan = iw.plan(eager, [iw.rule("*", iw.Normal(std=0.02)), *empty], seed=5)
    iw.apply(eager, plan)
    on_meta = [each for _, each in tensors(meta(make)) if each.is_meta and not isinstance(each, nn.Parameter)]
    began = time.perf_counter()
    alone = _difference(eager, plan, make, build=None)
    seconds = time.perf_counter() - began
    built = _difference(eager, plan, make, build=make)
    return Outcome(
        entry,
        sum(each.numel() for each in eager.parameters()),
        len(list(eager.buffers())),
        len(on_meta),
        sum(isinstance(row.initializer, iw.Keep) for row in plan),
        alone,
        built,
        seconds,
    )


def meta(make: Callable[[], nn.Module]) -> nn.Module:
    """Construct on meta, or with weights alone on meta where the constructor computes with values."""
    from benchmarks.zoo.build import _WeightsOnMeta

    try:
        with torch.device("meta"):
            return make()
    except (NotImplementedError, RuntimeError):
        with _WeightsOnMeta():
            return make()


def _difference(eager: nn.Module, plan: iw.Plan, make: Any, *, build: Any) -> str:
    model = meta(make)
    try:
        iw.materialize(model, plan, build=build)
    except iw.ApplyError as error:
        return str(error.problems[0]) + (f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else "")
    here, there = dict(tensors(model)), dict(tensors(eager))
    if here.keys() != there.keys():
        return f"other tensors: {sorted(here.keys() ^ there.keys())[:3]}"
    for name, one in here.items():
        other = there[name]
        same = (one.dtype, one.stride(), one.requires_grad) == (other.dtype, other.stride(), other.requires_grad)
        if not same or one.is_meta or not torch.equal(one, other):
            return f"{name} differs"
    ties = {name: id(one) for name, one in here.items()}, {name: id(one) for name, one in there.items()}
    if len(set(ties[0].values())) != len(set(ties[1].values())):
        return "ties differ"
    return ""


def tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor that a model has: parameters, buffers, and those in plain attributes and lists of them."""
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            for index, each in enumerate(value if isinstance(value, (list, tuple)) else [value]):
                if isinstance(each, Tensor):
                    yield f"{path}.{name}[{index}]", each
