"""Distances of distribution functions: correct half precision passes at any size, other laws are found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import initwise as iw
from initwise.initializers import Initializer, Target, TimeStepBias
from initwise.statistics import Distance, distance, sample, step_at


def _distance(values: Tensor, initializer: Initializer, most: int = 2**16) -> Distance:
    law = initializer.law(Target(tuple(values.shape), values.dtype))
    assert law is not None
    assert law.cdf is not None
    return distance(sample([values], most), law, law.cdf, values.dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("initializer", [iw.Normal(std=0.02), iw.Uniform(-0.1, 0.1), iw.TruncatedNormal(std=0.02)])
def test_right_weights_of_four_million_values_are_at_no_distance_that_matters(
    dtype: torch.dtype, initializer: Initializer
) -> None:
    layer = torch.nn.Linear(2048, 2048, bias=False, dtype=dtype)
    iw.apply(layer, iw.plan(layer, iw.rule("weight", initializer)))
    found = _distance(layer.weight.detach(), initializer, most=2**22)
    assert found.largest < 1.5e-3
    assert found.p > 1e-3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rounding_moves_nothing_across_the_places_that_are_compared(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    exact = torch.randn(2**17, dtype=torch.float64) * 1e-3 + 1.0
    rounded = exact.to(torch.float32).to(dtype)
    law = iw.Normal(1.0, 1e-3).law(Target((8,), dtype))
    assert law is not None
    assert law.cdf is not None
    one, other = (
        distance(sample([each], 2**17), law, law.cdf, dtype).largest for each in (exact.to(torch.float32), rounded)
    )
    assert one == pytest.approx(other, abs=1e-3)  # but for values that lie in the middle of two


def test_rounding_towards_zero_is_explained_by_half_a_step() -> None:
    torch.manual_seed(0)
    bits = torch.randn(2**20).view(torch.int32) & -65536  # bfloat16 by cutting digits off
    found = _distance(bits.view(torch.float32).bfloat16(), iw.Normal(std=1.0), most=2**20)
    assert found.largest > 5e-4
    assert found.p > 0.5


OTHERS: dict[str, tuple[Initializer, Callable[[], Tensor], float]] = {
    "uniform for normal": (iw.Normal(std=1.0), lambda: (torch.rand(2**16) * 2 - 1) * 3**0.5, 0.057),
    "truncated for normal": (
        iw.Normal(std=1.0),
        lambda: torch.nn.init.trunc_normal_(torch.empty(2**16), std=1 / 0.8796, a=-2 / 0.8796, b=2 / 0.8796),
        0.0167,
    ),
    "shifted by a tenth": (iw.Normal(std=1.0), lambda: torch.randn(2**16) + 0.1, 0.0399),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_laws_are_as_far_as_their_distribution_functions(name: str) -> None:
    initializer, draw, apart = OTHERS[name]
    torch.manual_seed(3)
    found = _distance(draw(), initializer)
    assert found.largest == pytest.approx(apart, abs=0.005)
    assert found.p < 1e-9


def test_a_law_with_an_atom_is_compared_there_as_well() -> None:
    initializer = TimeStepBias(floor=1e-2)
    layer = torch.nn.Linear(256, 256, bias=False)
    iw.apply(layer, iw.plan(layer, iw.rule("weight", initializer)))
    weight = layer.weight.detach()
    assert _distance(weight, initializer).p > 1e-3
    lifted = torch.where(torch.rand(weight.shape) < 0.2, weight.max(), weight)
    assert _distance(lifted, initializer).largest > 0.1


def test_a_sample_is_spread_over_tensors_of_any_strides() -> None:
    numbers = torch.arange(60_000.0).reshape(200, 300)
    few = sample([numbers], 100)
    assert 80 <= few.size <= 100
    assert np.array_equal(np.sort(few), few)
    assert set(np.diff(few)) == {601.0}  # odd, so that it leaves the column
    assert np.array_equal(sample([numbers.t()], 10**6), numbers.t().flatten().numpy())
    assert sample([numbers.bfloat16(), torch.empty(0, dtype=torch.bfloat16)], 100).dtype == np.float32
    assert sample([torch.complex(numbers, -numbers)], 10**6).size == 120_000
    assert sample([torch.tensor(3.0)]).tolist() == [3.0]


def test_steps_of_a_dtype_double_at_powers_of_two() -> None:
    assert step_at(1.5, torch.bfloat16) == 2**-7
    assert step_at(0.5, torch.float64) == step_at(0.5, torch.float32) == 2.0**-24
    assert step_at(2.0, torch.complex64) == 2.0**-22
