"""Cross entropy, recognised where it is called: in the user's loss, or in the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class CrossEntropy:
    """One call of a cross entropy.

    Attributes:
        classes: how many.
        loss: its mean over the targets that count, without weights and smoothing.
        logits_std: the standard deviation of the logits over the classes, the root of the mean over samples.
        paired: sample i is of class i, as where a batch is its own set of classes; temperatures belong there.
        event: the event that made the logits; -1 for none.
    """

    classes: int
    loss: float
    logits_std: float
    paired: bool = False
    event: int = -1


def entropy_of(name: str, argument: Callable[[int, str, Any], Any]) -> CrossEntropy | None:
    """Measure a call of `cross_entropy` or `nll_loss`; None where the targets are no classes, or none counts."""
    logits, target = argument(0, "input", None), argument(1, "target", None)
    if not isinstance(logits, Tensor) or not isinstance(target, Tensor) or logits.dim() < 1 or not logits.numel():
        return None
    axis = 1 if logits.dim() > 1 else 0
    ignored = argument(4, "ignore_index", -100)
    with torch.no_grad():
        values = logits.detach().float()
        measure = functional.cross_entropy if name == "cross_entropy" else functional.nll_loss
        whole = not target.is_floating_point()
        loss = measure(values, target, ignore_index=ignored) if whole else measure(values, target.float())
        std = values.var(dim=axis, correction=0).mean().sqrt()
    if bool(torch.isnan(loss)) and not bool(torch.isnan(values).any()):
        return None  # no target counts
    return CrossEntropy(logits.shape[axis], float(loss), float(std), _is_paired(logits, target))


def _is_paired(logits: Tensor, target: Tensor) -> bool:
    square = logits.dim() == 2 and logits.shape[0] == logits.shape[1] and target.dim() == 1
    return square and torch.equal(target.detach().cpu(), torch.arange(logits.shape[0], device="cpu"))
