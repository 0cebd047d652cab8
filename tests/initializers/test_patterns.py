"""Identity, Dirac and sparse weights: exact patterns."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import initwise.initializers as iw
from initwise.axes import Axes
from initwise.random import words
from tests.cases import values


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3)])
def test_identity_is_torchs_eye(shape: tuple[int, int]) -> None:
    assert torch.equal(values(iw.Identity(), iw.Target(shape)), torch.nn.init.eye_(torch.empty(shape)))


@pytest.mark.parametrize("shape", [(4, 4, 3), (6, 2, 3, 3), (2, 6, 4, 5), (6, 4, 3, 3, 3)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_is_torchs(shape: tuple[int, ...], groups: int) -> None:
    found = values(iw.Dirac(groups=groups), iw.Target(shape))
    assert torch.equal(found, torch.nn.init.dirac_(torch.empty(shape), groups=groups))


def test_sparse_rows_keep_the_smallest_words_and_their_own_values() -> None:
    shape = (10, 50)
    found = values(iw.Sparse(sparsity=0.9, std=0.5), iw.Target(shape), seed=7, name="layer.weight")
    mask_words = words(7, "layer.weight", 0, 500, label="mask").reshape(shape)
    dense = iw.Stream(7, "layer.weight").normal(shape) * 0.5
    for row in range(10):
        kept = np.lexsort((np.arange(50), mask_words[row]))[:5]
        assert sorted(kept.tolist()) == found[row].nonzero().flatten().tolist()
        assert torch.equal(found[row][torch.from_numpy(kept)], dense[row][torch.from_numpy(kept)])


@pytest.mark.parametrize("fan_in", [1, 9, 10, 256])
@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.9])
def test_sparse_units_have_the_same_number_of_weights(fan_in: int, sparsity: float) -> None:
    initializer, target = iw.Sparse(sparsity=sparsity), iw.Target((6, fan_in))
    law = initializer.law(target)
    assert law is not None
    expected = fan_in - math.ceil(sparsity * fan_in)
    assert torch.count_nonzero(values(initializer, target), dim=1).tolist() == [expected] * 6
    assert law.std == pytest.approx(0.01 * math.sqrt(expected / fan_in))


def test_equal_words_are_taken_in_the_order_of_their_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iw.Stream, "words", lambda self, count, label="": np.full(count, 5, np.uint32))
    found = values(iw.Sparse(sparsity=0.5), iw.Target((2, 6)))
    assert found.nonzero()[:, 1].tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("shape", "axes", "units"),
    [
        ((8, 6), Axes((0,), (1,)), lambda w: w.T),
        ((6, 4, 3, 3), Axes((1,), (0,), kernel=(2, 3)), lambda w: w.flatten(1)),
        ((3, 8, 6), Axes((1,), (2,), batch=(0,)), lambda w: w.transpose(1, 2).flatten(0, 1)),
        (
            (6, 4, 5),
            Axes((0,), (1,), kernel=(2,), groups=2),
            lambda w: w.reshape(2, 3, 4, 5).permute(0, 2, 1, 3).reshape(8, 15),
        ),
    ],
    ids=["x @ W", "convolution", "experts", "grouped transposed"],
)
def test_sparse_counts_the_incoming_weights_of_the_declared_axes(
    shape: tuple[int, ...], axes: Axes, units: object
) -> None:
    assert callable(units)
    found = values(iw.Sparse(sparsity=0.6), iw.Target(shape, axes=axes))
    incoming = units(found)
    fan_in = incoming.shape[1]
    assert set(torch.count_nonzero(incoming, dim=1).tolist()) == {fan_in - math.ceil(0.6 * fan_in)}
