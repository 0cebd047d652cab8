"""Targets of a data set, counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from initwise._arguments import show
from initwise.errors import ArgumentError, ArgumentTypeError

_KEYS = ("labels", "label", "targets", "target", "y")
IGNORED = -100  # what torch's cross entropy leaves out


def batches_of(given: Any) -> Iterator[Tensor]:
    """Yield tensors of targets: of a tensor or sequence itself, or of each batch of a loader its last element.

    Raises:
        ArgumentTypeError: there are no targets in it.
        ArgumentError: it is empty.
    """
    count = 0
    for each in _parts(given):
        count += each.numel()
        if each.numel():
            yield each
    if not count:
        raise ArgumentError("output_prior: targets is empty; give the targets of the training data, or their loader")


def _parts(given: Any) -> Iterator[Tensor]:
    if isinstance(given, Tensor):
        yield given
        return
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping):
        raise ArgumentTypeError(
            f"output_prior: targets is {show(given)} of type {type(given).__name__}; give a tensor of targets, or a "
            "loader whose batches end with the targets"
        )
    try:
        array = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        for batch in given:
            yield _target(batch)
        return
    yield array


def _target(batch: Any) -> Tensor:
    if isinstance(batch, Mapping):
        found = next((batch[key] for key in _KEYS if key in batch), None)
        if found is None:
            raise ArgumentTypeError(
                f"output_prior: a batch has the keys {', '.join(map(str, batch))}; targets are looked for under "
                f"{', '.join(_KEYS)}. Give a tensor of targets instead"
            )
    else:
        found = batch[-1] if isinstance(batch, tuple | list) and len(batch) > 1 else None
    if found is None:
        raise ArgumentTypeError(
            f"output_prior: a batch is {show(batch)} of type {type(batch).__name__}; it must end with the targets, as "
            "(inputs, targets)"
        )
    return torch.as_tensor(found)


def counted(given: Any, outputs: int, kind: str, ignored: int) -> Tensor:  # (1 + outputs,)
    """Return the number of targets, and their sum for each output, in float64; of classes how often each is one.

    Raises:
        ArgumentError: targets that are none of the head.
    """
    found = torch.zeros(1 + outputs, dtype=torch.float64, device="cpu")
    for batch in batches_of(given):
        values = batch.detach().cpu()
        if kind != "softmax":
            rows = _rows(values, outputs, binary=kind == "sigmoid")
            each = torch.cat([torch.tensor([float(len(rows))], dtype=torch.float64, device="cpu"), rows.sum(0)])
        else:
            counts = _soft(values, outputs) if values.is_floating_point() else _hard(values, outputs, ignored)
            each = torch.cat([counts.sum().reshape(1), counts])
        found = found + each
    return found


def _hard(batch: Tensor, classes: int, ignored: int) -> Tensor:
    flat = batch.long().flatten()
    flat = flat[flat != ignored]
    if flat.numel() and not 0 <= int(flat.min()) <= int(flat.max()) < classes:
        wrong = flat[(flat < 0) | (flat >= classes)][0]
        raise ArgumentError(
            f"output_prior: a target is {int(wrong)}, and the head has the classes 0 to {classes - 1}; give targets of "
            "this head, or another head=, or that number as ignore_index="
        )
    return torch.bincount(flat, minlength=classes).double()


def _soft(batch: Tensor, classes: int) -> Tensor:
    rows = batch.double().reshape(-1, classes) if batch.dim() > 1 and batch.shape[-1] == classes else None
    if (
        rows is None
        or bool((rows < 0).any())
        or not torch.allclose(rows.sum(1), torch.ones_like(rows[:, 0]), atol=0.01)
    ):
        raise ArgumentError(
            f"output_prior: targets are {batch.dtype} of shape {tuple(batch.shape)}; kind='softmax' takes class "
            f"indices (integers), or probabilities of the {classes} classes along the last axis, whose sum is 1. Use "
            "kind='sigmoid' for zeros and ones, kind='mean' for regression"
        )
    return rows.sum(0)


def _rows(batch: Tensor, outputs: int, *, binary: bool) -> Tensor:  # (targets, outputs)
    values = batch.double()
    if outputs > 1 and (values.dim() < 2 or values.shape[-1] != outputs):
        raise ArgumentError(
            f"output_prior: targets have shape {tuple(batch.shape)}, and the head has {outputs} outputs; the last "
            "axis of the targets must be as long"
        )
    rows = values.reshape(-1, outputs)
    low, high = (0.0, 1.0) if binary else (-float("inf"), float("inf"))
    bad = ~torch.isfinite(rows) | (rows < low) | (rows > high)
    if bool(bad.any()):
        allowed = "0 to 1" if binary else "finite numbers"
        raise ArgumentError(f"output_prior: a target is {float(rows[bad][0])}; allowed are {allowed}")
    return rows
