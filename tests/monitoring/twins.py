"""Two runs of the same training, one watched on every step and one not at all, compared bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

import initwise as iw
from tests.monitoring.training import batch


@dataclass
class Run:
    """A training.

    Attributes:
        model: what the monitor watches.
        step: one step of it, from the forward pass to the optimizer's step; returns the loss.
        optimizers: given to the monitor.
        options: of the monitor.
    """

    model: nn.Module
    step: Callable[[], Any]
    optimizers: Sequence[torch.optim.Optimizer] = ()
    options: dict[str, Any] = field(default_factory=dict)


def twins(build: Callable[[], Run], steps: int = 4) -> iw.Monitor:
    """Train twice from one seed, and return the monitor of the second; every bit must be the same in both."""
    plain, _ = _trained(build, steps, watch=False)
    watched, monitor = _trained(build, steps, watch=True)
    assert monitor is not None
    different = [name for name in plain if not _same(plain[name], watched[name])]
    assert not different, f"watching changed {different}"
    assert monitor.steps == steps
    return monitor


def plain_run(model: nn.Module, *optimizers: torch.optim.Optimizer, **options: Any) -> Run:
    """The usual step on one batch."""
    inputs, labels = batch()

    def step() -> Tensor:
        for each in optimizers:
            each.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        for each in optimizers:
            each.step()
        return loss.detach()

    return Run(model, step, optimizers, options)


def _trained(build: Callable[[], Run], steps: int, *, watch: bool) -> tuple[dict[str, Any], iw.Monitor | None]:
    torch.manual_seed(11)
    run = build()
    options = {"schedule": 1, "optimizer": run.optimizers or None, **run.options}
    monitor = iw.Monitor(run.model, **options) if watch else None
    losses = []
    for _ in range(steps):
        if monitor is None:
            loss = run.step()
        else:
            with monitor.step() as step:
                step.loss = loss = run.step()
        losses.append(float(loss))
    state: dict[str, Any] = {"loss": torch.tensor(losses, dtype=torch.float64), "generator": torch.get_rng_state()}
    state |= {f"weight {name}": tensor for name, tensor in run.model.state_dict().items()}
    state |= {f"gradient {name}": each.grad for name, each in run.model.named_parameters()}
    for place, optimizer in enumerate(run.optimizers):
        for index, kept in optimizer.state_dict()["state"].items():
            state |= {f"optimizer {place} {index} {key}": value for key, value in _flat(kept) if torch.is_tensor(value)}
    return {name: _local(value) for name, value in state.items()}, monitor


def _flat(kept: Any) -> list[tuple[str, Any]]:
    return list(kept.items()) if isinstance(kept, dict) else []


def _local(value: Any) -> Tensor | None:
    value = value.to_local() if hasattr(value, "to_local") else value
    return value.detach().clone() if isinstance(value, Tensor) else None


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and torch.equal(one, other)
