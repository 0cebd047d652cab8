"""Moments are those of the values, whatever the dtype, the strides and the device's way of measuring."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from initwise.statistics import BLOCK, block_moments, moments, pooled

LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda x: x,
    "transposed": lambda x: x.t(),
    "columns": lambda x: x[:, 3:77],
    "every third row": lambda x: x[::3],
    "one row": lambda x: x[5],
    "a scalar": lambda x: x[2, 3],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64])
def test_moments_are_those_of_the_values(layout: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    tensor = LAYOUTS[layout](torch.randn(600, 700, dtype=dtype) * 3 + 1)
    real = (torch.view_as_real(tensor) if tensor.is_complex() else tensor).double()
    found = moments([tensor], 1.0, 3.0)
    assert (found.count, found.low, found.high) == (real.numel(), float(real.min()), float(real.max()))
    assert found.mean == pytest.approx(float(real.mean()), abs=1e-5)
    assert found.square == pytest.approx(float((real - 1).square().mean()), rel=1e-5)


def test_several_tensors_are_one_sample_and_empty_ones_are_none() -> None:
    pieces = [torch.ones(3), torch.empty(0), 5 * torch.ones(2, 1)]
    found = moments(pieces, 0.0)
    assert found.count == 5
    assert found.mean == pytest.approx(2.6)
    assert found.square == pytest.approx((3 + 50) / 5)
    assert moments([torch.empty(0)], 0.0).count == 0
    mean, std = pooled([moments([piece], 0.0) for piece in (pieces[0], pieces[2])])
    assert mean == pytest.approx(2.6)
    assert std == pytest.approx(math.sqrt(53 / 5 - 2.6**2))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_value_that_is_not_finite_is_enough(bad: float) -> None:
    tensor = torch.zeros(3 * BLOCK)
    tensor[2 * BLOCK + 7] = bad
    found = moments([tensor], 0.0)
    assert not found.finite
    assert found.count == tensor.numel()
    assert math.isnan(found.mean)


def test_other_devices_measure_with_torch_and_find_the_same() -> None:
    from initwise.statistics._moments import _on_cpu, _on_device

    torch.manual_seed(1)
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        tensor = torch.randn(300, 200).to(dtype)
        assert _on_device(tensor, 0.5, 2.0) == pytest.approx(_on_cpu(tensor, 0.5, 2.0), rel=1e-5)


def test_a_block_that_does_not_fit_the_cache_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at most 131072"):
        block_moments(torch.zeros(BLOCK + 1), 0.0)
