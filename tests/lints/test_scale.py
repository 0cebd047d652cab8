"""Lints on scale: a weight against its siblings, and against what its fans ask for."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.lints.scale import SCALE
from tests.lints.linting import found_by, told


def _deep(depth: int = 7) -> Any:
    torch.manual_seed(0)
    return nn.Sequential(
        *[layer for _ in range(depth) for layer in (nn.Linear(128, 128), nn.Tanh())], nn.Linear(128, 4)
    )


def test_torch_defaults_and_schemes_have_nothing_to_tell() -> None:
    assert found_by(SCALE, _deep()) == []
    for scheme in ("kaiming", "xavier", "auto", "flax-default"):
        model = _deep()
        iw.initialize(model, scheme)
        assert found_by(SCALE, model) == [], scheme


@pytest.mark.parametrize("std", [0.3, 0.02])
def test_one_weight_of_another_scale_than_its_siblings_is_found(std: float) -> None:
    model: Any = _deep()
    nn.init.normal_(model[4].weight, std=std)
    (finding,) = found_by(SCALE, model)
    assert told([finding]) == [("STA205", "4.weight")]
    assert "2.weight, 6.weight, 8.weight" in finding.expected


def test_one_weight_of_another_shape_than_its_siblings_is_found() -> None:
    model: Any = _deep()
    nn.init.normal_(model[4].weight, std=1 / math.sqrt(3 * 128))
    (finding,) = found_by(SCALE, model)
    assert told([finding]) == [("STA205", "4.weight")]
    assert finding.measured.startswith("like a normal law")
    assert finding.expected.startswith("like a uniform law")


def test_siblings_whose_scale_changes_from_layer_to_layer_are_left_alone() -> None:
    model: Any = _deep()
    for depth, index in enumerate(range(0, 14, 2)):
        nn.init.normal_(model[index].weight, std=0.1 / math.sqrt(depth + 1))
    assert found_by(SCALE, model) == []


def test_siblings_of_other_widths_follow_one_scheme() -> None:
    torch.manual_seed(0)
    sizes = [64, 128, 256, 64, 512, 128, 10]
    layers = [nn.Linear(one, two) for one, two in pairwise(sizes)]
    model: Any = nn.Sequential(*[each for layer in layers for each in (layer, nn.ReLU())])
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert found_by(SCALE, model) == []
    nn.init.xavier_normal_(layers[2].weight, gain=2.5)
    assert ("STA205", "4.weight") in told(found_by(SCALE, model))


def test_a_standard_normal_weight_is_far_off_unless_a_norm_follows() -> None:
    torch.manual_seed(0)
    plain: Any = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    normed: Any = nn.Sequential(nn.Linear(512, 512), nn.LayerNorm(512), nn.ReLU(), nn.Linear(512, 10))
    for model in (plain, normed):
        nn.init.normal_(model[0].weight)
    (finding,) = found_by(SCALE, plain)
    assert told([finding]) == [("STA206", "0.weight")]
    assert finding.measured == "std 0.9985, fan_in 512"
    assert found_by(SCALE, normed) == []


def test_a_vanishing_layer_is_far_off_and_a_small_output_layer_is_not() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    nn.init.normal_(model[2].weight, std=1e-4)
    assert found_by(SCALE, model) == []
    nn.init.normal_(model[0].weight, std=1e-4)
    assert told(found_by(SCALE, model)) == [("STA206", "0.weight")]


class _Tied(nn.Module):
    def __init__(self, *, scaled: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.norm, self.scaled = nn.Embedding(100, 64), nn.LayerNorm(64), scaled
        self.head = nn.Linear(64, 100, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.norm(self.embed(ids))
        out: Tensor = self.head(x * 64**-0.5 if self.scaled else x)
        return out


def test_a_tied_head_with_the_embedding_s_scale_is_found_unless_it_is_scaled() -> None:
    ids = torch.zeros(2, 5, dtype=torch.long)
    (finding,) = found_by(SCALE, _Tied(), ids)
    assert told([finding]) == [("STA206", "embed.weight")]
    assert "logits 7.8" in finding.message or "logits 8" in finding.message
    assert found_by(SCALE, _Tied(scaled=True), ids) == []


class _Experts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Parameter(torch.empty(8, 64, 256)), nn.Parameter(torch.empty(8, 256, 64))
        self.router = nn.Linear(64, 8)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(torch.einsum("bd,edf->bef", x, self.up))
        return torch.einsum("bef,efd,be->bd", hidden, self.down, self.router(x).softmax(-1))


@pytest.mark.parametrize("draw", [nn.init.kaiming_normal_, nn.init.xavier_uniform_, nn.init.kaiming_uniform_])
def test_stacked_experts_drawn_with_the_fans_of_the_stack_are_found(draw: object) -> None:
    torch.manual_seed(0)
    model: Any = _Experts()
    for weight in (model.up, model.down):
        draw(weight)  # type: ignore[operator]
    findings = found_by(SCALE, model, torch.zeros(4, 64))
    assert ("STA206", "up") in told(findings)
    iw.initialize(model, "kaiming", inputs=torch.zeros(4, 64))
    assert found_by(SCALE, model, torch.zeros(4, 64)) == []


class _Scaled(nn.Module):
    def __init__(self, where: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.where, self.head = where, nn.Linear(256, 4)
        self.weight = nn.Parameter(torch.randn(256, 256))

    def forward(self, x: Tensor) -> Tensor:
        if self.where == "weight":
            x = nn.functional.linear(x, self.weight * 256**-0.5)
        elif self.where == "output":
            x = nn.functional.linear(x, self.weight) * 256**-0.5
        else:
            x = nn.functional.linear(x, self.weight)
        out: Tensor = self.head(torch.relu(x))
        return out


def test_a_number_that_multiplies_weight_or_output_makes_up_for_the_scale() -> None:
    x = torch.zeros(2, 256)
    assert found_by(SCALE, _Scaled("weight"), x) == found_by(SCALE, _Scaled("output"), x) == []
    assert told(found_by(SCALE, _Scaled("nowhere"), x)) == [("STA206", "weight")]


def test_depthwise_weights_drawn_with_the_fan_out_of_all_channels_are_found_where_no_norm_follows() -> None:
    torch.manual_seed(0)
    plain: Any = nn.Sequential(nn.Conv2d(3, 128, 3), nn.ReLU(), nn.Conv2d(128, 128, 3, groups=128), nn.ReLU())
    normed: Any = nn.Sequential(plain[0], nn.ReLU(), plain[2], nn.BatchNorm2d(128), nn.ReLU())
    nn.init.kaiming_normal_(plain[2].weight, mode="fan_out", nonlinearity="relu")
    x = torch.zeros(1, 3, 8, 8)
    assert told(found_by(SCALE, plain, x)) == [("STA206", "2.weight")]
    assert found_by(SCALE, normed, x) == []


def test_gates_of_unit_size_are_far_off_and_torch_s_are_not() -> None:
    torch.manual_seed(0)
    model: Any = nn.LSTM(32, 64)
    x = torch.zeros(3, 2, 32)
    assert found_by(SCALE, model, x) == []
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    assert told(found_by(SCALE, model, x)) == [("STA206", "weight_ih_l0"), ("STA206", "weight_hh_l0")]


def test_a_model_that_cannot_be_traced_is_held_to_a_wider_band() -> None:
    class Untraceable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = nn.Linear(64, 128)

        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("never on meta")

    torch.manual_seed(0)
    model = Untraceable()
    assert found_by(SCALE, model) == []
    nn.init.normal_(model.up.weight)
    assert told(found_by(SCALE, model)) == [("STA206", "up.weight")]


def test_a_sibling_that_is_a_tenth_larger_is_left_alone() -> None:
    model = _deep()
    with torch.no_grad():
        model[4].weight.mul_(1.1)
    assert found_by(SCALE, model) == []
    with torch.no_grad():
        model[4].weight.mul_(1.3)
    assert told(found_by(SCALE, model)) == [("STA205", "4.weight")]
