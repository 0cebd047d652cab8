"""`Law` and the invariants: what they refuse and how they read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

import initwise.initializers as iw
from initwise.axes import Axes
from initwise.errors import ArgumentError
from initwise.initializers._invariants import spacing


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"mean": math.nan, "std": -1.0},
            "Law: mean is nan, and must be finite; std is -1.0, and must not be negative",
        ),
        ({"mean": 0.0, "std": 1.0, "support": (1, 2)}, r"support is \[1\.0, 2\.0\]; it must hold the mean, which is 0"),
        ({"mean": 0.0, "std": 1.0, "support": 3}, "support is 3, not a pair of numbers"),
        ({"mean": 0.0, "std": 1.0, "fourth": math.inf}, "fourth is inf, and must be finite"),
        ({"mean": 0.0, "std": 1.0, "iid": 1}, "iid is 1 of type int"),
    ],
)
def test_impossible_laws_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        iw.Law(**arguments)


def test_laws_read_well_without_a_text() -> None:
    assert iw.Law(0, 1).describe() == "mean 0, std 1"
    assert iw.Law(0, 0.5, (-1, 1), name="beta").describe() == "beta: mean 0, std 0.5, in [-1, 1]"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (iw.NormalCdf(1.0, 2.0), stats.norm(1, 2)),
        (iw.UniformCdf(-1.0, 3.0), stats.uniform(-1, 4)),
        (iw.TruncatedNormalCdf(1.0, 2.0, -2.0, 1.0), stats.truncnorm(-2, 1, 1, 2)),
    ],
    ids=["normal", "uniform", "truncated normal"],
)
def test_distribution_functions_agree_with_scipy(ours: Any, theirs: Any) -> None:
    x = np.linspace(-8, 8, 101)
    assert ours(x) == pytest.approx(theirs.cdf(x), abs=1e-14)
    assert ours(0.3) == pytest.approx(theirs.cdf(0.3), abs=1e-14)
    assert ours == type(ours)(*vars(ours).values())


def test_the_halves_of_a_complex_law_share_its_variance() -> None:
    law = iw.Normal(std=2.0).law(iw.Target((2,), torch.complex64))
    assert law is not None
    assert law.std == pytest.approx(2.0)
    assert law.half().std == pytest.approx(math.sqrt(2))
    assert law.describe() == "complex N(0, 2²)"
    assert law.cdf == iw.NormalCdf(0.0, 2.0 * math.sqrt(0.5))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_constants_must_be_the_nearest_number_of_the_dtype(dtype: torch.dtype) -> None:
    nearest = torch.tensor(0.1, dtype=torch.float64).to(dtype)
    assert iw.Equal(0.1).check(nearest.expand(3)) is None
    beside = (nearest.double() + spacing(0.1, dtype)).to(dtype)
    broken = iw.Equal(0.1).check(beside.expand(3))
    assert broken is not None
    assert "allowed is 0.1 rounded to" in broken


def test_invariants_say_what_was_measured_and_what_is_allowed() -> None:
    said = [
        iw.Equal(0.0).check(torch.tensor([0.0, 2.0])),
        iw.Orthonormal().check(2 * torch.eye(3)),
        iw.CentreTap().check(torch.ones(2, 2, 3)),
        iw.CentreTap().check(torch.zeros(2, 2, 3)),
        iw.Pattern("identity").check(torch.ones(2, 2)),
        iw.NonzerosPerUnit(1, Axes((1,), (0,))).check(torch.tensor([[0.0, 1.0], [1.0, 1.0]])),
    ]
    assert said == [
        "1 of 2 values differ from the first, such as 2.0",
        "inner products of the columns are off by 3 of gain², allowed are 2e-05",
        "8 values outside the kernel's centre are not zero",
        "at the kernel's centre, inner products of the columns are off by 1 of gain², allowed are 2e-05",
        "2 of 4 values differ from the identity pattern of zeros and ones",
        "units have 1 to 2 nonzero incoming weights, allowed: 1",
    ]
