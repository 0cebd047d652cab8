"""A short battery of our own over millions of words and values: `make stats`.

Fixed keys, so a result never changes; a p-value below 1e-5 means a defect. The large batteries are recorded in
benchmarks/randomness.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from initwise.random import normal, truncated_normal, uniform, words

pytestmark = pytest.mark.stats

LEAST_P = 1e-5
N = 2**24
Words = NDArray[np.uint32]


def one_stream() -> Words:
    return words(0, "layers.0.weight", 0, N)


def far_out() -> Words:
    return words(0, "layers.0.weight", 2**61, 2**61 + N)


def interleaved_seeds() -> Words:
    return np.stack([words(seed, "weight", 0, N // 1024) for seed in range(1024)]).T.reshape(-1)


def interleaved_names() -> Words:
    return np.stack([words(0, f"layers.{i}.weight", 0, N // 1024) for i in range(1024)]).T.reshape(-1)


def first_words_of_many_streams() -> Words:
    return np.concatenate([words(seed, f"layers.{i}.weight", 0, 16) for seed in range(256) for i in range(256)])


SOURCES = [one_stream, far_out, interleaved_seeds, interleaved_names, first_words_of_many_streams]


@pytest.fixture(params=SOURCES, ids=lambda source: source.__name__)
def sample(request: pytest.FixtureRequest) -> Words:
    result: Words = request.param()
    return result


def two_sided(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


def test_bytes_are_equally_frequent(sample: Words) -> None:
    for shift in (0, 8, 16, 24):
        counts = np.bincount((sample >> np.uint32(shift)) & np.uint32(255), minlength=256)
        assert stats.chisquare(counts).pvalue > LEAST_P


def test_every_bit_is_fair(sample: Words) -> None:
    for bit in range(32):
        ones = int(((sample >> np.uint32(bit)) & np.uint32(1)).sum())
        assert two_sided((ones - len(sample) / 2) / math.sqrt(len(sample) / 4)) > LEAST_P


def test_pairs_of_neighbours_fill_the_square(sample: Words) -> None:
    top = (sample >> np.uint32(22)).astype(np.int64)
    for distance in (1, 4, 16, 64):
        pairs = top[:-distance] * 1024 + top[distance:]
        pairs = (
            pairs[: len(pairs) // (2 * distance) * 2 * distance].reshape(-1, 2, distance)[:, 0].reshape(-1)
        )  # disjoint
        counts = np.bincount(pairs, minlength=2**20)
        assert stats.chisquare(counts).pvalue > LEAST_P


def test_neighbours_are_not_correlated(sample: Words) -> None:
    centred = sample.astype(np.float64) / 2**32 - 0.5
    for lag in (1, 2, 3, 4, 15, 16, 17, 48, 63, 64, 65, 1024):
        products = centred[:-lag] * centred[lag:]
        assert two_sided(float(products.sum()) * 12 / math.sqrt(len(products))) > LEAST_P


def test_runs_above_and_below_the_middle_have_the_right_number(sample: Words) -> None:
    above = sample >= 2**31
    ups = int(above.sum())
    downs = len(above) - ups
    runs = 1 + int((above[1:] != above[:-1]).sum())
    expected = 1 + 2 * ups * downs / len(above)
    variance = (expected - 1) * (expected - 2) / (len(above) - 1)
    assert two_sided((runs - expected) / math.sqrt(variance)) > LEAST_P


def test_collisions_are_as_many_as_chance_makes(sample: Words) -> None:
    balls = len(sample)
    distinct = len(np.unique(sample))
    empty = math.exp(balls * math.log1p(-1 / 2**32))
    expected = balls - 2**32 * (1 - empty)
    assert two_sided(((balls - distinct) - expected) / math.sqrt(expected)) > LEAST_P


@pytest.mark.parametrize("label", ["", "mask"])
def test_streams_are_not_correlated_with_each_other(label: str) -> None:
    names = [f"layers.{i}.weight" for i in range(32)] + ["layers.0.bias", "layer.0.weight", "", "0"]
    rows = [words(seed, name, 0, 2**15, label) for seed in (0, 1, 2**32, 2**63) for name in names]
    centred = np.stack(rows).astype(np.float64) / 2**32 - 0.5
    z = (centred @ centred.T) * 12 / math.sqrt(2**15)
    pairs = z[np.triu_indices(len(rows), 1)]
    assert two_sided(float(np.abs(pairs).max())) * len(pairs) > LEAST_P
    assert stats.kstest(pairs, stats.norm().cdf).pvalue > LEAST_P


def test_a_key_that_differs_in_one_bit_changes_half_of_all_bits() -> None:
    base = words(0, "weight", 0, 4096)
    changed = [base ^ words(1 << bit, "weight", 0, 4096) for bit in range(64)]
    flipped = [int(np.unpackbits(change.view(np.uint8)).sum()) for change in changed]
    z = (np.array(flipped) - 4096 * 16) / math.sqrt(4096 * 8)
    assert stats.kstest(z, stats.norm().cdf).pvalue > LEAST_P


@pytest.mark.parametrize("start", [0, 2**40])
def test_values_follow_their_laws(start: int) -> None:
    stop = start + 2**22
    assert stats.kstest(uniform(1, "w", start, stop).astype(np.float64), stats.uniform().cdf).pvalue > LEAST_P
    assert stats.kstest(normal(1, "w", start, stop).astype(np.float64), stats.norm().cdf).pvalue > LEAST_P
    truncated = truncated_normal(1, "w", start, stop).astype(np.float64)
    assert stats.kstest(truncated, stats.truncnorm(-2, 2).cdf).pvalue > LEAST_P


def test_the_tails_of_the_normal_hold_what_they_should() -> None:
    values = np.abs(normal(2, "w", 0, 2**26))
    for limit in (3.0, 3.8, 4.0, 4.5, 5.0):
        expected = 2 * stats.norm.sf(limit) * len(values)
        seen = int((values > limit).sum())
        assert stats.poisson.cdf(seen, expected) > LEAST_P
        assert stats.poisson.sf(seen - 1, expected) > LEAST_P


def test_the_battery_rejects_a_defective_sequence() -> None:
    """A linear congruential generator's words fail in the low bits."""
    state = np.arange(N, dtype=np.uint32) * np.uint32(1664525)
    with pytest.raises(AssertionError):
        test_pairs_of_neighbours_fill_the_square(state)
