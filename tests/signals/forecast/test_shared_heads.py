"""A sample of the channels where several of them share something: keys of attention, running statistics."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from initwise.signals.forecast import _widths


class Grouped(nn.Module):
    """Attention in which sixteen queries share each of two keys."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = nn.Linear(24, 256), nn.Linear(24, 16), nn.Linear(24, 16)
        self.out = nn.Linear(256, 12)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (each(x).unflatten(-1, (-1, 8)).transpose(1, 2) for each in (self.query, self.key, self.value))
        made: Tensor = functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
        result: Tensor = self.out(made.transpose(1, 2).flatten(2))
        return result


def test_the_gradient_of_a_shared_key_sums_over_all_its_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model, inputs, target = Grouped(), torch.randn(4, 6, 24), torch.randn(4, 6, 12)
    plan = iw.plan(model, iw.rule("*", iw.Normal(std=0.3)), inputs=inputs)

    def loss(output: Tensor) -> Tensor:
        return (output * target).sum()

    whole = iw.predict(model, plan, inputs, loss, samples=24)
    monkeypatch.setattr(_widths, "LADDER", (40,))
    narrow = iw.predict(model, plan, inputs, loss, samples=48)
    assert "sample of the channels" in narrow.notes[-1]
    for name in ("query.weight", "key.weight", "value.weight", "out.weight"):
        expected = whole.parameters[name].grad_second_moment
        assert narrow.parameters[name].grad_second_moment == pytest.approx(expected, rel=0.3), name


def test_running_statistics_that_the_model_asks_for_are_used() -> None:
    class Frozen(nn.Module):
        """A batch norm whose statistics were learned before."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 256)
            self.register_buffer("mean", torch.ones(256))
            self.register_buffer("var", torch.full((256,), 4.0))

        def forward(self, x: Tensor) -> Tensor:
            mean, var = self.get_buffer("mean"), self.get_buffer("var")
            return functional.batch_norm(self.layer(x), mean, var, training=False)

    model, inputs = Frozen(), torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    plan = iw.plan(model, [iw.rule("*.weight", iw.Normal(std=0.125)), iw.rule("*.bias", iw.Zeros())], inputs=inputs)
    forecast = iw.predict(model, plan, inputs, samples=8)
    level = float(inputs.square().mean())  # E[y^2] of the layer, with mean 0
    assert forecast.find("", "batch_norm").second_moment == pytest.approx((level + 1.0) / 4.0, rel=0.05)
