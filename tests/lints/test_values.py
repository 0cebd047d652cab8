"""Lints on single parameters: rubbish in memory, drawn norms, padding rows, outliers."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import nn

from initwise.lints.values import VALUES
from initwise.lints.values._memory import not_finite, padding, unwritten
from initwise.lints.values._norms import drawn_norms
from initwise.lints.values._outliers import outliers
from tests.lints.linting import asked, found_by, told


def _net(norm: type[nn.Module] = nn.LayerNorm) -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 128), norm(128), nn.ReLU(), nn.Linear(128, 8))


def test_a_model_as_torch_makes_it_has_nothing_to_tell() -> None:
    assert found_by(VALUES, _net()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_not_finite_is_counted(value: float) -> None:
    model: Any = _net()
    with torch.no_grad():
        model[0].weight[3, 5] = value
    (finding,) = found_by([not_finite], model)
    assert (finding.code, finding.parameter, finding.severity) == ("INI101", "0.weight", "error")
    assert finding.measured.startswith("1 ")
    assert finding.measured.endswith("of 8,192 values")


def test_a_buffer_may_hold_infinities_as_masks_do_and_no_nan() -> None:
    model: Any = _net()
    model.register_buffer("mask", torch.full((4, 4), float("-inf")).triu(1))
    assert found_by([not_finite], model) == []
    model.register_buffer("table", torch.tensor([1.0, float("nan")]))
    assert told(found_by([not_finite], model)) == [("INI101", "table")]


@pytest.mark.parametrize("scale", [1e-41, 1e20])
def test_numbers_that_nobody_draws_are_rubbish(scale: float) -> None:
    model: Any = _net()
    with torch.no_grad():
        model[3].weight.mul_(scale)
    assert told(found_by([unwritten], model)) == [("INI108", "3.weight")]


def test_the_addresses_of_an_allocator_give_freed_memory_away() -> None:
    model: Any = _net()
    with torch.no_grad():
        model[3].weight.view(-1)[:4] = torch.tensor([4.59e-41, 0.0, 1.2e-38, 4.59e-41])
    assert told(found_by([unwritten], model)) == [("INI108", "3.weight")]


def test_buffers_must_be_what_their_names_say() -> None:
    model: Any = _net(nn.BatchNorm1d)
    model.register_buffer("inv_freq", 1.0 / 10000 ** (torch.arange(8) / 8))
    assert found_by([unwritten], model) == []
    model.get_buffer("inv_freq").zero_()
    model[1].running_var.neg_()
    assert told(found_by([unwritten], model)) == [("INI108", "inv_freq"), ("INI108", "1.running_var")]


def test_a_padding_row_must_be_zero() -> None:
    model: Any = nn.Sequential(nn.Embedding(20, 8, padding_idx=3), nn.Linear(8, 2))
    assert found_by([padding], model) == []
    nn.init.normal_(model[0].weight)
    assert told(found_by([padding], model)) == [("INI107", "0.weight")]


def test_norms_that_a_pass_over_all_parameters_drew_are_found() -> None:
    model: Any = _net()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.02)
    assert told(found_by([drawn_norms], model)) == [("INI110", "1.weight"), ("INI110", "1.bias")]


@pytest.mark.parametrize("norm", [nn.LayerNorm, nn.BatchNorm1d, nn.RMSNorm])
def test_a_norm_drawn_around_zero_or_from_zero_to_one_is_found(norm: type[nn.Module]) -> None:
    for draw in (lambda w: nn.init.normal_(w, std=0.5), nn.init.uniform_):
        model = _net(norm)
        draw(model[1].weight)
        assert told(found_by([drawn_norms], model)) == [("INI110", "1.weight")]


def test_a_norm_drawn_closely_around_one_or_trained_is_left_alone() -> None:
    model: Any = _net(nn.BatchNorm1d)
    nn.init.normal_(model[1].weight, 1.0, 0.02)
    assert found_by([drawn_norms], model) == []
    trained: Any = _net()
    optimizer = torch.optim.Adam(trained.parameters(), lr=0.01)
    for _ in range(30):
        x = torch.randn(32, 64)
        loss = nn.functional.cross_entropy(trained(x), (x[:, :8]).argmax(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert found_by(VALUES, trained) == []


def test_a_bias_that_varies_beside_a_weight_of_ones_was_drawn() -> None:
    model: Any = _net()
    nn.init.uniform_(model[1].bias, -0.1, 0.1)
    assert told(found_by([drawn_norms], model)) == [("INI110", "1.bias")]


def test_spikes_far_beyond_the_extreme_value_quantile_are_found() -> None:
    model: Any = _net()
    nn.init.normal_(model[0].weight, std=0.02)
    assert found_by([outliers], model) == []
    with torch.no_grad():
        model[0].weight[1, 1] = model[0].weight[7, 3] = -2.0
    (finding,) = found_by([outliers], model)
    assert (finding.code, finding.parameter, finding.severity) == ("STA204", "0.weight", "error")
    assert finding.message.startswith("2 of 8,192 values lie")


def test_one_spike_among_many_thousands_is_a_remark_for_the_whole_model() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Linear(400, 400), nn.ReLU(), nn.Linear(400, 400))
    for layer in (model[0], model[2]):
        nn.init.normal_(layer.weight, std=0.02)
        with torch.no_grad():
            layer.weight[1, 1] = -2.0
    findings, (note,) = asked([outliers], model)
    assert findings == []
    assert re.fullmatch(r"2 lone values lie up to \S+ sigma out in 0.weight, 2.weight: .*", note)


def test_long_tails_without_a_gap_are_no_outliers() -> None:
    torch.manual_seed(0)
    model: Any = _net()
    with torch.no_grad():
        model[0].weight.copy_(torch.distributions.StudentT(3.0).sample((128, 64)) * 0.02)
    assert found_by([outliers], model) == []


def test_thousands_of_values_at_one_bound_are_spikes_too() -> None:
    torch.manual_seed(0)
    model: Any = _net()
    nn.init.normal_(model[0].weight, std=0.02)
    with torch.no_grad():
        model[0].weight.view(-1)[torch.randperm(8192)[:200]] = -2.0
    assert told(found_by([outliers], model)) == [("STA204", "0.weight")]


def test_buffers_of_zeros_that_count_or_divide_are_found() -> None:
    model = _net(nn.BatchNorm1d)
    model.register_buffer("freqs", torch.zeros(8))
    model.register_buffer("relative_position_index", torch.zeros(4, 4, dtype=torch.long))
    model.register_buffer("token_type_ids", torch.zeros(1, 8, dtype=torch.long))
    model[1].running_var.zero_()
    assert told(found_by([unwritten], model)) == [
        ("INI108", "freqs"),
        ("INI108", "relative_position_index"),
        ("INI108", "1.running_var"),
    ]
    model.get_buffer("freqs").copy_(torch.arange(8.0))
    model.get_buffer("relative_position_index").copy_(torch.arange(16).view(4, 4))
    model[1].running_var[1:] = 1.0  # a dead channel may have none
    assert found_by([unwritten], model) == []


def test_a_law_beside_zero_is_another_one_than_around_zero() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Conv2d(3, 512, 3), nn.BatchNorm2d(512))
    nn.init.normal_(model[1].bias, 0.0, 0.1)
    nn.init.normal_(model[1].weight, 0.04, 0.1)  # RepVGG draws N(0.1, 0.1)
    assert found_by([drawn_norms], model) == []
    nn.init.normal_(model[1].weight, 0.0, 0.1)
    assert ("INI110", "1.weight") in told(found_by([drawn_norms], model))


def test_values_between_the_bulk_and_the_farthest_make_a_tail() -> None:
    model = _net()
    nn.init.normal_(model[0].weight, std=0.02)
    with torch.no_grad():
        model[0].weight[0, 0] = 0.25
    assert told(found_by([outliers], model)) == [("STA204", "0.weight")]
    with torch.no_grad():
        model[0].weight[0, 1] = 0.14
    assert found_by([outliers], model) == []
