"""Rows that depend on each other and low-rank components are found; independent draws are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from initwise.statistics import (
    Correlation,
    Spectrum,
    correlation,
    equal_parts,
    equal_rows,
    gram,
    sampled_rows,
    spectrum,
)


def _measured(tensor: Tensor, axis: int = 0) -> tuple[Correlation, Spectrum]:
    taken = sampled_rows(tensor, axis)
    assert taken is not None
    names, rows = taken
    products = gram(rows, 0.0, 1.0)
    return correlation(products, names, rows.shape[1]), spectrum(products, rows.shape[1])


@pytest.mark.parametrize("shape", [(512, 512), (80, 4000), (64, 32, 3, 3), (70, 70)])
@pytest.mark.parametrize("axis", [0, 1])
def test_independent_draws_have_ordinary_p_values(shape: tuple[int, ...], axis: int) -> None:
    generator = torch.Generator().manual_seed(5)
    for _ in range(20):
        related, edge = _measured(torch.randn(shape, generator=generator), axis)
        assert related.p > 1e-4
        assert edge.p > 1e-4
        assert edge.largest < 1.25 * edge.edge


def test_a_few_false_alarms_are_as_rare_as_the_p_values_say() -> None:
    generator = torch.Generator().manual_seed(6)
    p = np.array([[each.p for each in _measured(torch.randn(96, 256, generator=generator))] for _ in range(300)])
    assert (p <= 0.05).mean(axis=0).max() <= 0.05 + 4 * np.sqrt(0.05 / 300)
    assert np.median(p[:, 0]) < 0.9  # and they say something


def test_two_related_rows_are_named() -> None:
    torch.manual_seed(0)
    weight = torch.randn(300, 1000)
    weight[160] = 0.6 * weight[10] + 0.8 * torch.randn(1000)
    related, _ = _measured(weight)
    assert related.rows == (10, 160)
    assert related.value == pytest.approx(0.6, abs=0.1)
    assert related.p < 1e-12
    related, _ = _measured(weight.t(), axis=1)
    assert related.rows == (10, 160)


def test_a_component_of_rank_one_is_beyond_the_edge() -> None:
    torch.manual_seed(0)
    weight = torch.randn(512, 512) + 0.2 * torch.randn(512, 1) * torch.randn(512)
    _, edge = _measured(weight)
    assert edge.largest > 1.1 * edge.edge
    assert edge.p < 1e-9


def test_power_iterations_find_the_largest_singular_value_of_the_block() -> None:
    torch.manual_seed(0)
    weight = torch.randn(60, 400)
    weight[:30] += torch.randn(400)
    _, edge = _measured(weight)
    assert edge.largest == pytest.approx(float(torch.linalg.svdvals(weight)[0]), rel=1e-3)


def test_what_is_too_small_for_a_matrix_is_no_matrix() -> None:
    assert sampled_rows(torch.randn(7, 1000), 0) is None
    assert sampled_rows(torch.randn(100, 63), 0) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_sampled_rows_are_rows_of_the_tensor(dtype: torch.dtype) -> None:
    weight = torch.randn(500, 64, 3).to(dtype)
    taken = sampled_rows(weight, 0)
    assert taken is not None
    names, rows = taken
    assert torch.equal(torch.from_numpy(rows), weight[names].flatten(1).float())
    assert {0, 250, 251} <= set(names)


@pytest.mark.parametrize("count", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("axis", [0, 1])
def test_equal_parts_are_found_along_both_axes(count: int, axis: int) -> None:
    part = torch.randn(96 // count, 40) if axis == 0 else torch.randn(40, 96 // count)
    whole = torch.cat([part] * count, dim=axis)
    found = equal_parts(whole, 16)
    assert found is not None
    assert found.axis == axis
    assert count % found.count == 0
    whole.view(-1)[-1] += 1e-7
    assert equal_parts(whole, 16) is None


def test_halves_of_the_memory_count_where_rows_are_odd() -> None:
    half = torch.randn(75)
    found = equal_parts(torch.cat([half, half]).reshape(3, 50), 16)
    assert found is not None
    assert (found.count, found.axis) == (2, None)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_row_that_repeats_another_is_found_and_named(axis: int) -> None:
    weight = torch.randn(300, 300)
    assert equal_rows(weight, axis, 16) is None
    turned = weight.movedim(axis, 0)
    turned[200] = turned[17]
    found = equal_rows(weight, axis, 16)
    assert found is not None
    assert (found.axis, {found.one, found.other}, found.repeated) == (axis, {17, 200}, 1)
    turned[200, -1] += 1  # the beginnings are still equal
    assert equal_rows(weight, axis, 16) is None


def test_rows_of_zeros_and_rows_too_short_to_tell_are_no_copies() -> None:
    weight = torch.randn(30, 20)
    weight[3] = weight[4] = 0.0
    assert equal_rows(weight, 0, 16) is None
    weight[5] = weight[6]
    assert equal_rows(weight, 0, 21) is None
    assert equal_rows(weight, 0, 20) is not None


def test_rows_of_zeros_have_no_spectrum_and_no_warning() -> None:
    assert spectrum(np.zeros((60, 60), dtype=np.float32), 400).largest == 0.0
