"""CompleteP: muP in width, and factors of depth for branches, learning rates and epsilon."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import ArgumentError
from initwise.recipes import Recipe

completep = iw.recipes.completep


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.up, self.fc2 = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.fc2(torch.relu(self.up(self.norm(x))))
        return branch


class _Residual(nn.Module):
    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.entry = nn.Linear(8, width)
        self.layers = nn.ModuleList(_Block(width) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 3)
        self.branch = 1.0

    def stream(self, x: Tensor) -> Tensor:
        x = self.entry(x)
        for block in self.layers:
            x = x + self.branch * block(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.norm(self.stream(x)))
        return logits


def _factors(plan: iw.Plan, kind: str) -> dict[str, float]:
    return {each.target: each.value for each in plan.multipliers if each.kind == kind}


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_a_deeper_and_wider_network_follows_the_paper(alpha: float) -> None:
    model, base = _Residual(64, 8), _Residual(16, 8)
    plan = iw.plan(model, completep(base, base_layers=2, alpha=alpha))
    wide, deep = 4.0, 4.0
    assert _factors(plan, "branch") == {f"layers.{layer}.fc2": deep**-alpha for layer in range(8)}
    assert _factors(plan, "output") == {"head": 1 / wide}
    rates, epsilons = _factors(plan, "learning_rate"), _factors(plan, "epsilon")
    for name, parameter in model.named_parameters():
        inside = name.startswith("layers.")
        hidden = inside and parameter.dim() == 2
        assert rates.get(name, 1.0) == pytest.approx((deep ** (alpha - 1) if inside else 1) / (wide if hidden else 1))
        assert epsilons[name] == pytest.approx((deep**-alpha if inside else 1) / wide)
    law = plan["layers.3.fc2.weight"].law
    assert law is not None
    assert law.std == pytest.approx(1 / math.sqrt(64))
    assert any(
        "multiply each of the 8 residual branches" in note and f"by {deep**-alpha:.4g} " in note for note in plan.notes
    )


def test_at_the_bases_width_and_depth_nothing_is_changed() -> None:
    plan = iw.plan(_Residual(16, 2), completep(_Residual(16, 2), base_layers=2))
    assert not plan.multipliers
    assert plan == iw.plan(_Residual(16, 2), iw.recipes.mup(_Residual(16, 2)))


def _rms(layers: int, recipe: Recipe) -> float:
    model = _Residual(64, layers)
    plan = iw.plan(model, recipe, seed=1)
    iw.apply(model, plan)
    model.branch = next((each.value for each in plan.multipliers if each.kind == "branch"), 1.0)
    with torch.no_grad():
        stream = model.stream(torch.randn(256, 8, generator=torch.Generator().manual_seed(0)))
    return float(stream.square().mean().sqrt())


def test_the_residual_stream_keeps_its_size_at_every_depth() -> None:
    shallow = _rms(2, completep(_Residual(64, 2), base_layers=2))
    deep = _rms(64, completep(_Residual(64, 64), base_layers=2))
    bare = _rms(64, iw.recipes.mup(_Residual(64, 64)))
    assert 0.6 * shallow < deep < 1.1 * shallow
    assert bare > 3 * shallow


def test_networks_without_branches_are_an_error() -> None:
    with pytest.raises(iw.PlanError, match="no residual branches are found"):
        iw.plan(nn.Linear(8, 8), completep(nn.Linear(8, 4), base_layers=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0.2}, "alpha is 0.2, and must be from 0.5 to 1"),
        ({"base_layers": 0}, "base_layers is 0, and must be at least 1"),
        ({"rules": "gpt2"}, "rules is 'gpt2', which shrinks residual weights with depth itself"),
    ],
)
def test_wrong_arguments_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=rf"completep: {message}"):
        completep({}, **{"base_layers": 2, **options})


def test_the_name_alone_says_what_to_give() -> None:
    with pytest.raises(iw.PlanError, match=r"iw.recipes.completep\(base=small_model, base_layers=2\)"):
        iw.plan(_Residual(16, 2), "completep")
