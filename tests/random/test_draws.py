"""Draws are validated values; bounds hold exactly in every dtype."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.random import Draw, NormalDraw, TruncatedNormalDraw, UniformDraw, fill, key, truncated_normal
from initwise.random._bounds import at_least, at_most
from initwise.random._normal import normal_from_words
from initwise.random._truncation import word_range

BAD_VALUES = [
    (NormalDraw, (0, 0.0), "std is 0.0, allowed is 1e-25"),
    (NormalDraw, (0, -1.0), "std is -1.0"),
    (NormalDraw, (0, 9e-26), "std is 9e-26"),
    (NormalDraw, (0, math.nan), "std is nan, allowed is a finite number"),
    (NormalDraw, (math.inf, 1), "mean is inf, allowed is a finite number"),
    (NormalDraw, (1e39, 1), "mean is 1e[+]39, allowed is a finite number within float32's range"),
    (UniformDraw, (1, 1), "low is 1.0, high is 1.0, allowed is low < high"),
    (UniformDraw, (1, 0), "allowed is low < high"),
    (UniformDraw, (0, math.inf), "high is inf"),
    (UniformDraw, (-3e38, 3e38), "high - low is 6e[+]38"),
    (UniformDraw, (0, 1e-26), "high - low is 1e-26"),
    (TruncatedNormalDraw, (0, 0.0, -2, 2), "sigma is 0.0"),
    (TruncatedNormalDraw, (0, 1.0, 2, -2), "low is 2.0, high is -2.0, allowed is low < high"),
    (TruncatedNormalDraw, (0, 1.0, math.nan, 2), "low is nan"),
    (TruncatedNormalDraw, (0, 1.0, 4.5, 5), "probability of about 3e-06, allowed is at least 0.000244"),
    (TruncatedNormalDraw, (0, 1.0, 7, 8), "probability of about"),
]


@pytest.mark.parametrize(("kind", "arguments", "message"), BAD_VALUES)
def test_a_draw_refuses_values_it_cannot_use(kind: type[Draw], arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        kind(*arguments)


@pytest.mark.parametrize("value", [True, "1", None, 1j, [1.0]])
def test_a_draw_refuses_what_is_not_a_number(value: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"std is .* allowed is a real number"):
        NormalDraw(0.0, value)


def test_draws_are_values() -> None:
    assert NormalDraw(0, 1) == NormalDraw(0.0, float(np.float32(1))) == eval(repr(NormalDraw(0, 1)))  # noqa: S307
    assert len({UniformDraw(0, 1), UniformDraw(0.0, 1.0), UniformDraw(0, 2)}) == 2


def test_supports_are_the_exact_bounds() -> None:
    assert UniformDraw(-0.1, 0.1).support == (-0.1, 0.1)
    assert NormalDraw(0, 1).support == (-math.inf, math.inf)
    assert TruncatedNormalDraw(0.5, 0.1, -2, 3).support == (0.5 - 2 * 0.1, 0.5 + 3 * 0.1)


def test_the_neighbours_of_a_tenth_in_each_dtype() -> None:
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16)):
        for value in (0.1, -0.1, 1e-6, -1e-6, 1.0, 0.0, 3.14159):
            low, high = at_most(name, value), at_least(name, value)  # type: ignore[arg-type]
            assert low <= value <= high
            for bound in (low, high):
                assert float(torch.tensor(bound, dtype=torch.float64).to(dtype)) == bound
            between = torch.nextafter(torch.tensor(low).to(dtype), torch.tensor(math.inf).to(dtype))
            assert low == high == value or float(between) == high


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_bound_just_below_a_number_of_the_dtype_is_kept(dtype: torch.dtype) -> None:
    """NumPy 2 rounds a Python float before it compares it with a float16."""
    bound = float(np.nextafter(0.03125, 0.0))
    tensor = torch.empty(200_000, dtype=dtype)
    fill(tensor, UniformDraw(-bound, bound), key(0, "w"))
    assert float(tensor.double().abs().max()) <= bound


def test_bounds_beyond_a_dtype_end_at_its_largest_numbers() -> None:
    assert at_most("float16", 1e5) == 65504
    assert at_least("float16", -1e5) == -65504
    assert at_least("float16", 1e5) == math.inf
    assert at_least("bfloat16", -math.inf) == -math.inf
    assert at_most("bfloat16", 1e39) == float(torch.finfo(torch.bfloat16).max)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("draw", [UniformDraw(-0.1, 0.1), TruncatedNormalDraw(0.3, 0.1, -0.7, 0.7)])
def test_the_closed_support_holds_in_every_dtype(draw: Draw, dtype: torch.dtype) -> None:
    tensor = torch.empty(200_000, dtype=dtype)
    fill(tensor, draw, key(0, "w"))
    low, high = draw.support
    assert low <= float(tensor.double().min())
    assert float(tensor.double().max()) <= high


def test_the_bounds_are_reached_where_the_dtype_is_coarse() -> None:
    tensor = torch.empty(100_000, dtype=torch.bfloat16)
    fill(tensor, UniformDraw(-0.1, 0.1), key(0, "w"))
    assert float(tensor.max()) == at_most("bfloat16", 0.1)
    assert float(tensor.min()) == at_least("bfloat16", -0.1)


def test_a_dtype_without_a_number_between_the_bounds_is_an_error() -> None:
    with pytest.raises(ArgumentError, match=r"bfloat16 has no number in \[1.001, 1.002\]"):
        fill(torch.empty(4, dtype=torch.bfloat16), UniformDraw(1.001, 1.002), key(0, "w"))


@pytest.mark.parametrize(("low", "high"), [(-2.0, 2.0), (-1.0, 3.0), (0.5, 0.75), (-math.inf, 0.0), (-9.0, 9.0)])
def test_the_word_range_is_what_bisection_gives(low: float, high: float) -> None:
    def z(word: int) -> float:
        return float(normal_from_words(np.array([word], dtype=np.uint32))[0])

    a, b = 0, 2**32 - 1
    while a < b:
        middle = (a + b) // 2
        a, b = (a, middle) if z(middle) >= low else (middle + 1, b)
    first = a
    a, b = 0, 2**32 - 1
    while a < b:
        middle = (a + b + 1) // 2
        a, b = (middle, b) if z(middle) <= high else (a, middle - 1)
    assert word_range(low, high) == (first, a - first + 1)


def test_unbounded_truncation_is_the_normal() -> None:
    everything = truncated_normal(0, "w", 0, 5000, low=-math.inf, high=math.inf)
    tensor = torch.empty(5000)
    fill(tensor, NormalDraw(0, 1), key(0, "w"))
    assert (everything == tensor.numpy()).all()
