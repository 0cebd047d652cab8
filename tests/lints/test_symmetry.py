"""Lints on symmetry: layers, units and rows that are copies of each other."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.lints.symmetry import SYMMETRY
from tests.lints.linting import found_by, told


def _encoder() -> Any:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own about nested tensors
        return nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64), 3)


X = torch.zeros(5, 2, 32)


def test_the_layers_of_a_transformer_encoder_are_clones() -> None:
    findings = found_by(SYMMETRY, _encoder(), X)
    assert told(findings) == [
        ("SYM301", "layers.1.self_attn.in_proj_weight"),
        ("SYM301", "layers.1.self_attn.out_proj.weight"),
        ("SYM301", "layers.1.linear1.weight"),
        ("SYM301", "layers.1.linear2.weight"),
    ]
    assert "layers.0.self_attn.in_proj_weight and 1 more" in findings[0].message


def test_clones_that_were_drawn_again_are_none() -> None:
    model = _encoder()
    iw.initialize(model, "xavier")
    assert found_by(SYMMETRY, model, X) == []


def test_a_frozen_copy_is_a_teacher_and_a_tie_is_no_copy() -> None:
    torch.manual_seed(0)
    online: Any = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    model: Any = nn.ModuleDict({"online": online, "target": copy.deepcopy(online).requires_grad_(requires_grad=False)})
    tied: Any = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16))
    tied[2].weight = tied[0].weight
    assert found_by(SYMMETRY, model) == found_by(SYMMETRY, tied) == []


def test_patterns_are_equal_in_every_layer_by_design() -> None:
    model: Any = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16))
    for layer in (model[0], model[2]):
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    assert found_by(SYMMETRY, model) == []


@pytest.mark.parametrize("value", [1.0, 0.01, -0.5])
def test_a_weight_of_one_number_is_found(value: float) -> None:
    model: Any = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))
    nn.init.constant_(model[0].weight, value)
    assert told(found_by(SYMMETRY, model)) == [("SYM302", "0.weight")]


def test_constants_are_no_fault_where_each_unit_has_an_input_of_its_own_or_nothing_is_trained() -> None:
    blur: Any = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 4, 1))
    nn.init.constant_(blur[0].weight, 1 / 9)
    frozen: Any = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    nn.init.ones_(frozen[0].weight)
    frozen[0].weight.requires_grad_(requires_grad=False)
    single: Any = nn.Sequential(nn.Linear(8, 1))
    nn.init.ones_(single[0].weight)
    assert found_by(SYMMETRY, blur) == found_by(SYMMETRY, frozen) == found_by(SYMMETRY, single) == []


@pytest.mark.parametrize(("axis", "parts"), [(0, 2), (0, 8), (1, 2), (1, 4)])
def test_equal_parts_along_an_axis_are_found(axis: int, parts: int) -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 2))
    with torch.no_grad():
        first = model[0].weight.chunk(parts, axis)[0].clone()
        model[0].weight.copy_(torch.cat([first] * parts, axis))
    (finding,) = found_by(SYMMETRY, model)
    assert told([finding]) == [("SYM303", "0.weight")]
    size = model[0].weight.shape[axis] // parts
    assert f"along axis {axis} are bit-identical" in finding.message
    assert int(finding.message.split()[4]) in {size, size * parts // 2}


def test_single_rows_that_repeat_are_found_and_rows_of_zeros_are_not() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 2))
    with torch.no_grad():
        model[0].weight[5:9] = 0.0
    assert found_by(SYMMETRY, model) == []
    with torch.no_grad():
        model[0].weight[100] = model[0].weight[20]
    (finding,) = found_by(SYMMETRY, model)
    assert finding.message == "row 100 is bit-identical to row 20; 1 of 128 rows repeat another"


def test_equal_sub_kernels_before_a_pixel_shuffle_are_by_design() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Conv2d(3, 32, 3), nn.PixelShuffle(2), nn.Conv2d(8, 3, 3))
    with torch.no_grad():
        model[0].weight.copy_(model[0].weight[::4].repeat_interleave(4, 0))
    assert found_by(SYMMETRY, model, torch.zeros(1, 3, 8, 8)) == []


def test_half_precision_rows_are_not_equal_by_chance() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Linear(8, 4096), nn.ReLU(), nn.Linear(4096, 8)).bfloat16()
    assert found_by(SYMMETRY, model) == []


def test_equal_experts_may_be_upcycled_and_are_a_remark() -> None:
    torch.manual_seed(0)
    one: Any = nn.Linear(16, 16)
    model: Any = nn.ModuleDict({"experts": nn.ModuleList([copy.deepcopy(one) for _ in range(4)])})
    (finding,) = found_by(SYMMETRY, model)
    assert (finding.code, finding.severity) == ("SYM301", "info")


def test_rows_of_an_embedding_may_repeat_where_training_has_not_come_yet() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Embedding(100, 16), nn.Linear(16, 2))
    with torch.no_grad():
        model[0].weight[50] = model[0].weight[3]
    assert found_by(SYMMETRY, model) == []


def test_a_constant_that_multiplies_noise_is_no_weight() -> None:
    class Noisy(nn.Module):
        def __init__(self, *, noise: bool) -> None:
            super().__init__()
            self.sigma = nn.Parameter(torch.full((8, 16), 0.1))
            self.noise = torch.randn(8, 16) if noise else None

        def forward(self, x: Tensor) -> Tensor:
            weight = self.sigma if self.noise is None else self.sigma.view(8, 16) * self.noise
            return nn.functional.linear(x, weight)

    x = torch.zeros(2, 16)
    assert found_by(SYMMETRY, Noisy(noise=True), x) == []
    assert told(found_by(SYMMETRY, Noisy(noise=False), x)) == [("SYM302", "sigma")]


def test_a_table_whose_shards_came_from_one_seed_repeats_at_one_distance() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Embedding(200, 16), nn.Linear(16, 2))
    with torch.no_grad():
        model[0].weight[67:134] = model[0].weight[:67]
        model[0].weight[134:] = model[0].weight[:66]
    (finding,) = found_by(SYMMETRY, model)
    assert told([finding]) == [("SYM303", "0.weight")]
    assert finding.message == "rows repeat 67 rows further down"
