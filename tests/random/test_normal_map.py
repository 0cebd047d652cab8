"""The normal map and the exact arithmetic below it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from initwise.random import _normal, normal_from_words
from initwise.random._fma import fma


def exact(words: NDArray[np.uint32]) -> NDArray[np.float64]:
    m = np.where(words >= 2**31, ~words, words).astype(np.float64)
    values: NDArray[np.float64] = np.where(words >= 2**31, -1.0, 1.0) * ndtri((m + 0.5) / 2**32)
    return values


def sample() -> NDArray[np.uint32]:
    """Words of all magnitudes: both ends, the centre, around the branch, and random ones."""
    ends = np.arange(3000)
    branch = np.arange(2**18 - 500, 2**18 + 500)
    centre = np.arange(2**31 - 3000, 2**31 + 3000)
    anywhere = np.random.default_rng(0).integers(0, 2**32, 200_000)
    spread = np.geomspace(1, 2**32 - 1, 20_000).astype(np.int64)
    return np.concatenate([ends, 2**32 - 1 - ends, branch, centre, anywhere, spread]).astype(np.uint32)


def test_the_relative_error_is_below_a_millionth() -> None:
    words = sample()
    assert np.abs(normal_from_words(words) / exact(words) - 1).max() < 5e-7


def test_it_is_exactly_antisymmetric() -> None:
    words = sample()
    assert (normal_from_words(~words) == -normal_from_words(words)).all()


def test_the_largest_value_is_at_the_last_word() -> None:
    ends = normal_from_words(np.array([0, 2**32 - 1], dtype=np.uint32))
    assert ends.tolist() == [-float.fromhex("0x1.95a118p+2"), float.fromhex("0x1.95a118p+2")]


def test_the_coefficients_are_float32_numbers() -> None:
    for coefficient in (*_normal.LOG, *_normal.CENTRAL, *_normal.TAIL):
        assert float(np.float32(coefficient)) == coefficient


def nearest_float32(value: Fraction) -> float:
    """Round to nearest even by comparing exact fractions."""
    guess = np.float32(float(value))
    below, above = np.nextafter(guess, np.float32(-np.inf)), np.nextafter(guess, np.float32(np.inf))
    candidates = [below, guess, above]
    distances = [abs(Fraction(float(candidate)) - value) for candidate in candidates]
    nearest = [c for c, d in zip(candidates, distances, strict=True) if d == min(distances)]
    even = [c for c in nearest if int(c.view(np.uint32)) % 2 == 0]
    return float((even or nearest)[0])


def hard_triples() -> list[tuple[float, float, float]]:
    """Sums next to the middle of two float32 numbers, where rounding twice goes wrong, and ordinary ones."""
    random = np.random.default_rng(0)
    triples = [(1 + 2.0**-12, 1 + 2.0**-12, 2.0**-40), (1 + 2.0**-12, 1 + 2.0**-12, -(2.0**-40))]
    for _ in range(300):
        a, b = (float(np.float32(1 + k * 2.0**-12)) for k in random.integers(1, 4096, 2))
        triples.append((a, b, float(np.float32(random.choice([-1, 1]) * 2.0 ** random.integers(-70, -24)))))
        a, b, c = (float(np.float32(v)) for v in random.standard_normal(3))
        triples.append((a, b, c))
    triples += [(2.0**-70, 2.0**-70, 2.0**-130), (3 * 2.0**-75, 2.0**-75, 2.0**-149), (0.0, 5.0, -0.0)]
    return triples


def test_the_fused_multiply_add_rounds_once() -> None:
    triples = hard_triples()
    a, b, c = (np.array(column, dtype=np.float32) for column in zip(*triples, strict=True))
    expected = [nearest_float32(Fraction(x) * Fraction(y) + Fraction(z)) for x, y, z in triples]
    assert fma(a, b, c).tolist() == expected


def test_rounding_twice_would_be_noticed() -> None:
    a, b, c = (np.array(column, dtype=np.float32) for column in zip(*hard_triples(), strict=True))
    twice = (a.astype(np.float64) * b + c).astype(np.float32)
    assert (twice != fma(a, b, c)).any()


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_the_fused_multiply_add_keeps_shapes(shape: tuple[int, ...]) -> None:
    x = np.full(shape, 2.0, dtype=np.float32)
    result = fma(x, np.float32(3), np.float32(1))
    assert result.shape == shape
    assert (result == 7).all()
