"""Correlations against the inputs' own, padding rows, and laws whose mean is not zero."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.model import as_example, graph_of, read
from initwise.signals.forecast import _widths
from initwise.signals.forecast._samples import described
from initwise.signals.forecast._supply import Supply


def correlation(vectors: Tensor) -> float:
    """Sum over pairs of different vectors of their product, per pair, over the mean square of their lengths."""
    count = len(vectors)
    gram = vectors @ vectors.T
    pairs = float(gram.sum() - gram.trace()) / (count * (count - 1))
    return pairs / (float(gram.trace()) / count)


def test_a_linear_layer_keeps_the_correlations_of_samples_and_of_places() -> None:
    generator = torch.Generator().manual_seed(0)
    common, of_sample = torch.randn(64, generator=generator), torch.randn(3, 1, 64, generator=generator)
    inputs = 0.5 * common + 1.5 * of_sample + torch.randn(3, 4, 64, generator=generator)
    model = nn.Linear(64, 4096)
    plan = iw.plan(model, [iw.rule("weight", iw.Normal(std=0.125)), iw.rule("bias", iw.Zeros())], inputs=inputs)
    row = iw.predict(model, plan, inputs).find("")
    total = float(inputs.square().sum())
    places = sum(correlation(each) * float(each.square().sum()) for each in inputs) / total
    samples = sum(correlation(each) * float(each.square().sum()) for each in inputs.unbind(1)) / total
    assert row.sample_correlation == pytest.approx(samples, abs=0.03)
    assert row.token_correlation == pytest.approx(places, abs=0.03)
    assert abs(samples - places) > 0.2


def test_a_padding_row_is_zero_in_a_sample_too() -> None:
    model, ids = nn.Embedding(50, 256, padding_idx=3), torch.tensor([[3, 3, 3, 5], [7, 3, 9, 11]])
    forecast = iw.predict(model, iw.plan(model, [iw.rule("weight", iw.Normal(std=2.0))], inputs=ids), ids)
    assert forecast.find("").second_moment == pytest.approx(4.0 * 4 / 8, rel=0.1)


def test_laws_whose_mean_is_not_zero_are_drawn_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_widths, "LADDER", (48,))
    model, inputs = nn.Sequential(nn.Linear(16, 1024), nn.Linear(1024, 8)), torch.ones(4, 16)
    plan = iw.plan(
        model, [iw.rule("*.weight", iw.Normal(mean=0.05, std=0.01)), iw.rule("*.bias", iw.Zeros())], inputs=inputs
    )
    forecast = iw.predict(model, plan, inputs)
    assert forecast.find("0").second_moment == pytest.approx((16 * 0.05) ** 2, rel=0.05)
    assert forecast.find("1").second_moment == pytest.approx((1024 * 0.05 * 16 * 0.05) ** 2, rel=0.05)
    for name in ("0.weight", "1.weight"):
        assert forecast.parameters[name].second_moment == pytest.approx(0.05**2 + 0.01**2)


@pytest.mark.parametrize("keepdim", [True, False])
def test_a_sum_over_channels_is_over_all_of_them(keepdim: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Summed(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).sum(-1, keepdim=keepdim)

    monkeypatch.setattr(_widths, "LADDER", (48,))
    model, inputs = Summed(16, 1024), torch.ones(64, 16) + 0.1 * torch.randn(64, 16)
    plan = iw.plan(model, [iw.rule("weight", iw.Normal(std=0.25)), iw.rule("bias", iw.Zeros())], inputs=inputs)
    forecast = iw.predict(model, plan, inputs, samples=64)
    level = float(inputs.square().sum(-1).mean())
    assert forecast.find("", "sum").second_moment == pytest.approx(1024 * 0.25**2 * level, rel=0.5)


def test_a_sample_is_as_wide_as_its_multiplications_allow() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(64, 512), nn.Linear(512, 512), nn.Linear(512, 8))
    inputs = torch.randn(32, 64)
    reading, plan = read(model), iw.plan(model, "kaiming", inputs=inputs)
    graph = graph_of(reading, as_example(inputs, model))
    axes = described(graph, Supply(graph, reading, plan, {}), ())
    products = 32 * (64 * 512 + 512 * 512 + 512 * 8)
    whole, cost = _widths.widths(axes, budget=1.1 * products)
    assert not whole.sampled
    assert products <= cost <= 1.1 * products
    narrow, cost = _widths.widths(axes, budget=products / 4)
    assert set(narrow.sampled.values()) == {192}  # 192^2 / 512^2 is 0.14, and 256^2 / 512^2 with the rest above 0.25
    assert cost <= products / 4
