"""Moments and correlations of one tensor, against every pair looked at."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor

from initwise.signals._moments import peak, second_moment, summary


def _pairs(vectors: list[Tensor]) -> float:
    products = [float((one * other).mean()) for one, other in combinations(vectors, 2)]
    squares = [float(each.square().mean()) for each in vectors]
    return (sum(products) / len(products)) / (sum(squares) / len(squares))


def _values(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator, dtype=torch.float64) + 0.3 * torch.randn(
        shape[-1], generator=generator, dtype=torch.float64
    )


def test_correlations_of_tokens_are_those_of_all_pairs() -> None:
    values = _values(4, 5, 6)
    found = summary(values)
    assert found.sample_correlation is not None
    assert found.token_correlation is not None
    assert float(found.mean) == pytest.approx(float(values.mean()))
    assert float(found.second_moment) == pytest.approx(float(values.square().mean()))
    assert float(found.sample_correlation) == pytest.approx(_pairs(list(values)))
    places = [values[:, place] for place in range(5)]
    assert float(found.token_correlation) == pytest.approx(_pairs(places))


def test_pixels_are_the_places_of_images() -> None:
    values = _values(3, 4, 5, 2)
    found = summary(values, axis=1)
    assert found.token_correlation is not None
    places = list(values.flatten(2).permute(2, 0, 1))
    assert float(found.token_correlation) == pytest.approx(_pairs(places))
    units = summary(values).token_correlation
    assert units is not None
    assert float(units) != pytest.approx(float(found.token_correlation))


def test_one_sample_and_one_place_have_no_correlation() -> None:
    assert summary(_values(1, 5, 6)).sample_correlation is None
    assert summary(_values(4, 1, 6)).token_correlation is None
    assert summary(_values(4, 6)).token_correlation is None
    assert summary(_values(6)).sample_correlation is None


def test_what_does_not_depend_on_the_sample_has_correlation_one() -> None:
    found = summary(_values(1, 5, 6).expand(4, 5, 6))
    assert found.sample_correlation is not None
    assert float(found.sample_correlation) == pytest.approx(1.0)


def test_second_moments_of_millions_of_numbers_are_exact_to_single_precision() -> None:
    values = torch.randn(2**23 + 5, generator=torch.Generator().manual_seed(1))
    exact = float(values.double().square().mean())
    assert float(second_moment(values)) == pytest.approx(exact, rel=2e-6)


def test_the_peak_may_be_negative_and_shows_what_is_not_finite() -> None:
    assert float(peak(torch.tensor([1.0, -3.0]))) == 3.0
    assert float(peak(torch.tensor([1.0, -torch.inf]))) == torch.inf
    assert bool(torch.isnan(peak(torch.tensor([1.0, torch.nan]))))
