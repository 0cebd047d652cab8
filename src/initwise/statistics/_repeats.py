"""What repeats in a tensor that should hold independent draws: equal parts along an axis, equal rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

_PARTS = (2, 3, 4, 6, 8, 16, 32, 64)
_HASHED = 16  # values of a row that its hash is made of
_COMPARED = 64  # pairs of equal hashes that are compared in full
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True, slots=True)
class Parts:
    """A tensor is `count` times the same part along an axis; the axis None is the whole in row-major order."""

    count: int
    axis: int | None


@dataclass(frozen=True, slots=True)
class Rows:
    """Two indices of an axis that hold the same values, and how many do that repeat an earlier one."""

    axis: int
    one: int
    other: int
    repeated: int


def equal_parts(tensor: Tensor, shortest: int) -> Parts | None:
    """Return the parts of at least `shortest` values that a tensor repeats, bit for bit, along one of two axes."""
    for axis in range(min(tensor.dim(), 2)):
        size = tensor.shape[axis]
        for count in _PARTS:
            if size % count == 0 and tensor.numel() // count >= shortest and _is_periodic(tensor, axis, size // count):
                return Parts(count, axis)
    half = tensor.numel() // 2
    if tensor.dim() > 1 and tensor.numel() % 2 == 0 and half >= shortest and tensor.is_contiguous():
        flat = tensor.view(-1)
        if _is_periodic(flat, 0, half):
            return Parts(2, None)
    return None


def equal_rows(tensor: Tensor, axis: int, shortest: int) -> Rows | None:
    """Return indices of an axis whose values, at least `shortest` of them and not all zero, are bit-identical."""
    size = tensor.shape[axis]
    if size < 2 or tensor.numel() // size < shortest:
        return None
    rows = tensor.movedim(axis, 0)
    keys = _hashes(rows)
    order = np.argsort(keys, kind="stable")
    alike = np.flatnonzero((keys[order[1:]] == keys[order[:-1]]) & (keys[order[1:]] != 0))
    for place in alike[:_COMPARED].tolist():
        one, other = int(order[place]), int(order[place + 1])
        if torch.equal(bits(rows[one]), bits(rows[other])) and bool(rows[one].count_nonzero()):
            return Rows(axis, one, other, len(alike))
    return None


def bits(tensor: Tensor) -> Tensor:
    """Return a view of the values as integers, so that NaN equals itself and -0.0 differs from 0.0."""
    plain = tensor.detach().resolve_conj().resolve_neg()
    plain = torch.view_as_real(plain) if plain.is_complex() else plain
    return plain.view(_BITS[plain.element_size()])


def _is_periodic(tensor: Tensor, axis: int, part: int) -> bool:
    if not torch.equal(bits(tensor.select(axis, 0)), bits(tensor.select(axis, part))):
        return False
    size = tensor.shape[axis]
    return torch.equal(bits(tensor.narrow(axis, 0, size - part)), bits(tensor.narrow(axis, part, size - part)))


def _hashes(rows: Tensor) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Return a hash of the first values of each row; rows that begin with zeros have 0."""
    few = rows[(slice(None), *[slice(_HASHED)] * (rows.dim() - 1))]
    numbers = bits(few).cpu().numpy().reshape(len(rows), -1)[:, :_HASHED].astype(np.int64).view(np.uint64)
    factors = np.random.default_rng(0).integers(1, 2**63, numbers.shape[1], dtype=np.uint64) | np.uint64(1)
    hashed: np.ndarray[tuple[int], np.dtype[np.uint64]] = (numbers * factors).sum(axis=1, dtype=np.uint64)
    return hashed
