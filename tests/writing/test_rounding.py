"""A constant is rounded once, not twice."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from initwise.errors import ArgumentError
from initwise.writing._rounding import rounded_once


@given(st.floats(-1e4, 1e4))
def test_float16_agrees_with_numpy_which_rounds_once(value: float) -> None:
    import numpy as np

    assert rounded_once(value, torch.float16) == float(np.float16(value))


@given(st.floats(-1e30, 1e30))
def test_float32_agrees_with_numpy(value: float) -> None:
    import numpy as np

    assert rounded_once(value, torch.float32) == float(np.float32(value))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_float64_stays(value: float) -> None:
    assert rounded_once(value, torch.float64) == value


@given(st.floats(-1e30, 1e30))
def test_bfloat16_is_the_nearest_value(value: float) -> None:
    result = rounded_once(value, torch.bfloat16)
    around = torch.tensor(result, dtype=torch.bfloat16)
    assert float(around) == result
    for toward in (math.inf, -math.inf):
        neighbour = torch.nextafter(around, torch.tensor(toward, dtype=torch.bfloat16))
        assert abs(value - result) <= abs(value - float(neighbour))


def test_fill_would_round_twice_where_we_round_once() -> None:
    value = 1.0 + 2**-8 + 2**-30
    assert float(torch.empty(1, dtype=torch.bfloat16).fill_(value)) == 1.0
    assert rounded_once(value, torch.bfloat16) == 1.0 + 2**-7


def test_a_value_beyond_the_dtype_is_an_error() -> None:
    with pytest.raises(ArgumentError, match=r"65520\.0 does not fit torch\.float16"):
        rounded_once(65520.0, torch.float16)
