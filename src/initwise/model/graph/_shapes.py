"""Operations that meta has no kernel for, or a slow one: the shapes that they give, from their arguments alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def _grouped_mm(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """A grouped product: rows (t, k) by (groups, k, n), batches, or (k, t) by (t, n) in groups."""
    left, right = args[0], args[1]
    offsets = args[2] if len(args) > 2 else kwargs.get("offs")
    if left.dim() == 2 and right.dim() == 2:
        groups = offsets.shape[0] if offsets is not None else 1
        return _empty(groups, left.shape[0], right.shape[1], like=left)
    dtype = kwargs.get("out_dtype") or left.dtype
    return torch.empty((*left.shape[:-1], right.shape[-1]), dtype=dtype, device="meta")


def _recurrent(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, ...]:
    """A recurrent layer: on meta torch takes it apart into one operation or more for each position.

    The arguments are (input, state, weights, has_biases, num_layers, ...), or (input, batch_sizes, state, ...).
    """
    packed = isinstance(args[2], (Tensor, tuple))
    signal, state = args[0], args[2] if packed else args[1]
    states = state if isinstance(state, (tuple, list)) else (state,)
    layers = args[5 if packed else 4]
    directions = states[0].shape[0] // layers
    output = _empty(*signal.shape[:-1], directions * states[0].shape[-1], like=signal)
    return (output, *(_empty(*each.shape, like=signal) for each in states))


def _packed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Sequences of several lengths, packed: how many there are at each position is known from the lengths."""
    padded, lengths, batch_first = args
    hollow = torch.empty((*padded.shape[:2], 1))
    data, sizes = torch._VF._pack_padded_sequence(hollow, lengths, batch_first)
    return _empty(data.shape[0], *padded.shape[2:], like=padded), sizes


def _padded(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, Tensor]:
    data, sizes, *rest = args
    hollow = torch.empty((data.shape[0], 1))
    padded, lengths = torch._VF._pad_packed_sequence(hollow, sizes, *rest)
    return _empty(*padded.shape[:2], *data.shape[1:], like=data), lengths


def _empty(*shape: int, like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device="meta")


SHAPES: dict[str, Callable[[tuple[Any, ...], dict[str, Any]], Any]] = {
    "_grouped_mm": _grouped_mm,
    "grouped_mm": _grouped_mm,
    "_pack_padded_sequence": _packed,
    "_pad_packed_sequence": _padded,
    "lstm": _recurrent,
    "gru": _recurrent,
    "rnn_tanh": _recurrent,
    "rnn_relu": _recurrent,
}
