"""`--loss`: a function of the model's output, by its place in code or by the name of a common one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from initwise._arguments import nearest
from initwise.cli._calls import resolve
from initwise.errors import TargetError

Loss = Callable[[Any], Any]
_SEED = 0


def find_loss(text: str) -> Loss:
    """Return the loss that `--loss` names: "path.py:function", "package.module:function", or one of `LOSSES`."""
    place, colon, name = text.rpartition(":")
    if not colon:
        if text not in LOSSES:
            raise TargetError(
                f"--loss {text}: write path/to/file.py:function, or one of {', '.join(LOSSES)}{nearest(text, LOSSES)}"
            )
        return LOSSES[text]
    found, _ = resolve(text, place, name)
    if not callable(found):
        raise TargetError(
            f"--loss {text}: it is a {type(found).__name__}; give a function that takes the model's output and returns"
            " a scalar tensor."
        )
    return found  # type: ignore[no-any-return]


def cross_entropy(output: Any) -> Tensor:
    """Cross entropy of the model's logits against labels that are drawn uniformly, always the same ones.

    Classes are the last axis, of images (four axes or more) the second.
    """
    logits = _tensor(output, "cross_entropy")
    flat = (logits.movedim(1, -1) if logits.dim() > 3 else logits).reshape(
        -1, logits.shape[1 if logits.dim() > 3 else -1]
    )
    labels = torch.randint(flat.shape[1], flat.shape[:1], generator=torch.Generator().manual_seed(_SEED))
    return functional.cross_entropy(flat.float(), labels.to(flat.device))


def mse(output: Any) -> Tensor:
    """Mean squared error of the model's output against standard normal numbers, always the same ones."""
    found = _tensor(output, "mse")
    target = torch.randn(found.shape, generator=torch.Generator().manual_seed(_SEED))
    return functional.mse_loss(found.float(), target.to(found.device))


LOSSES: Mapping[str, Loss] = {"cross_entropy": cross_entropy, "mse": mse}


def _tensor(output: Any, name: str) -> Tensor:
    """Return the tensor that a loss is about: the output, its logits, or the first tensor in it."""
    found = getattr(output, "logits", output)
    if isinstance(found, Mapping):
        found = found.get("logits", next(iter(found.values()), None))
    if isinstance(found, (tuple, list)) and found:
        found = found[0]
    if not isinstance(found, Tensor) or found.dim() < 1:
        raise TargetError(
            f"--loss {name}: the model's output is a {type(output).__name__} without logits; write a function that"
            " takes it, in a file: --loss path/to/file.py:function."
        )
    return found
