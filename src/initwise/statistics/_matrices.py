"""Rows of a matrix of independent draws: their correlations, and its largest singular value, on a sampled block."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initwise.statistics._arrays import decoded, memory
from initwise.statistics._probabilities import normal_p

Floats = NDArray[np.float32]
ROWS = 90
WIDTH = 2048
_SLICE = 30
_ITERATIONS = 50
_FEWEST = 8
_SHORTEST = 64


@dataclass(frozen=True, slots=True)
class Correlation:
    """The largest correlation of two rows, which they are, and its p-value over all pairs."""

    value: float
    rows: tuple[int, int]
    p: float


@dataclass(frozen=True, slots=True)
class Spectrum:
    """The largest singular value of a standardised block, the edge sqrt(m) + sqrt(n), and the p-value beyond it."""

    largest: float
    edge: float
    p: float


def sampled_rows(tensor: Tensor, axis: int) -> tuple[list[int], NDArray[np.floating]] | None:
    """Return which indices of an axis were taken, and a (rows, width) array of their values; None if it is too small.

    Three runs of indices: from the start, from the middle (a half that repeats the other meets its twin), and evenly
    spread ones.
    """
    size = tensor.shape[axis]
    if size < _FEWEST or tensor.numel() // size < _SHORTEST:
        return None
    rows = _rows(size)
    taken = tensor.detach()
    for other in sorted((a for a in range(tensor.dim()) if a != axis), key=lambda a: -tensor.shape[a]):
        step = -(-taken.numel() // (size * WIDTH))
        if step > 1:
            taken = taken[(slice(None),) * other + (slice(None, None, min(step, taken.shape[other])),)]
    turned = taken.movedim(axis, 0)
    there = turned if turned.device.type == "cpu" else turned[torch.tensor(rows, device=turned.device)]
    picked = memory(there)[rows] if there is turned else memory(there)
    return rows, decoded(picked.reshape(len(rows), -1))


def gram(rows: NDArray[np.floating], mean: float, std: float) -> Floats:
    """Return the inner products of standardised rows, in float32.

    In slices so narrow that BLAS leaves each to one thread.
    """
    standard = ((rows - mean) / std).astype(np.float32)
    products = np.zeros((len(rows), len(rows)), np.float32)
    for begin in range(0, standard.shape[1], _SLICE):
        part = np.ascontiguousarray(standard[:, begin : begin + _SLICE])
        products += part @ part.T
    return products


def correlation(products: Floats, names: list[int], width: int) -> Correlation:
    """Return the largest correlation of two rows with known mean; by Fisher's z, times the number of pairs."""
    lengths = np.sqrt(np.maximum(products.diagonal(), 1e-30))
    found = np.triu(products / np.outer(lengths, lengths), 1)
    one, other = np.unravel_index(np.abs(found).argmax(), found.shape)
    value = float(np.clip(found[one, other], -1.0, 1.0))
    z = math.inf if abs(value) == 1.0 else math.atanh(abs(value)) * math.sqrt(width - 2)
    pairs = len(names) * (len(names) - 1) / 2
    return Correlation(value, (names[int(one)], names[int(other)]), min(1.0, pairs * normal_p(z)))


def spectrum(products: Floats, width: int) -> Spectrum:
    """Return the largest singular value of the standardised rows against the edge of Marchenko and Pastur.

    s^2 is centred and scaled as by Johnstone (2001); the tail of the Tracy-Widom law is below exp(-2/3 x^(3/2)). Small
    blocks are far from that limit: there the bound exp(-t^2/2) of Davidson and Szarek (2001) beyond the edge stands in.
    Power iterations find the value from below, and soon where it stands out.
    """
    count = products.shape[0]
    largest = math.sqrt(max(0.0, _largest_eigenvalue(products)))
    edge = math.sqrt(count) + math.sqrt(width)
    if count < _SHORTEST:
        return Spectrum(largest, edge, math.exp(-(max(0.0, largest - edge) ** 2) / 2))
    root = math.sqrt(width - 1) + math.sqrt(count)
    scale = root * (1 / math.sqrt(width - 1) + 1 / math.sqrt(count)) ** (1 / 3)
    x = max(0.0, (largest**2 - root**2) / scale)
    return Spectrum(largest, edge, math.exp(-2 / 3 * x**1.5))


def _largest_eigenvalue(products: Floats) -> float:
    vector = np.random.default_rng(0).standard_normal(len(products)).astype(np.float32)
    for _ in range(_ITERATIONS):
        norm = np.linalg.norm(vector)
        if not norm:
            return 0.0
        vector = products @ (vector / norm)
    return float(np.linalg.norm(vector))


def _rows(size: int) -> list[int]:
    third = ROWS // 3
    spread = range(0, size, -(-size // third))
    return sorted({*range(min(third, size)), *range(size // 2, min(size, size // 2 + third)), *spread})
