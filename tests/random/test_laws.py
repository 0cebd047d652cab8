"""The values follow their laws: a fixed key, 65,536 values, exact support."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from initwise.random import normal, truncated_normal, uniform

N = 65_536


def check(values: NDArray[np.float32], law: object) -> None:
    """Mean and variance within five standard errors, and the Kolmogorov-Smirnov test."""
    mean, variance, kurtosis = (float(moment) for moment in law.stats("mvk"))  # type: ignore[attr-defined]
    sample = values.astype(np.float64)
    assert abs(sample.mean() - mean) / math.sqrt(variance / N) < 5
    assert abs(((sample - mean) ** 2).mean() - variance) / (variance * math.sqrt((kurtosis + 2) / N)) < 5
    assert stats.kstest(sample, law.cdf).pvalue > 1e-6  # type: ignore[attr-defined]


@pytest.mark.parametrize("start", [0, 2**40])
def test_uniform(start: int) -> None:
    values = uniform(0, "laws", start, start + N)
    check(values, stats.uniform())
    assert (values >= 0).all()
    assert (values < 1).all()
    assert (values * 2**24 == np.floor(values * 2**24)).all()


@pytest.mark.parametrize("start", [0, 2**40])
def test_normal(start: int) -> None:
    check(normal(0, "laws", start, start + N), stats.norm())


@pytest.mark.parametrize(("low", "high"), [(-2.0, 2.0), (-1.0, 3.0), (0.0, math.inf), (2.0, 2.5)])
def test_truncated_normal(low: float, high: float) -> None:
    values = truncated_normal(0, "laws", 0, N, low=low, high=high)
    check(values, stats.truncnorm(low, high))
    assert (low <= values).all()
    assert (values <= high).all()


def test_the_check_rejects_a_slightly_wrong_law() -> None:
    with pytest.raises(AssertionError):
        check(normal(0, "laws", 0, N) * np.float32(1.03), stats.norm())
