"""`record`: which operation wrote a parameter, with which arguments, how often, in which order, from which line."""

from __future__ import annotations

import copy
import sys

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.provenance import Log


def here(offset: int = 0) -> str:
    """The line that calls this, `offset` lines further down, as a log names it."""
    return f"tests/provenance/test_record.py:{sys._getframe(1).f_lineno + offset}"


def history(log: Log, name: str) -> list[str]:
    return [str(write) for write in log[name].writes]


def test_an_initializer_of_several_operations_is_one_write_with_its_arguments_and_line() -> None:
    with iw.record() as log:
        layer = nn.Linear(40, 30)
        line = here(1)
        nn.init.trunc_normal_(layer.weight, std=0.5, a=-1.0, b=1.0)
    first, second = log["weight"].writes
    assert str(first) == "kaiming_uniform_(a=2.23607, mode=fan_in, nonlinearity=leaky_relu)"
    assert first.function == "Linear.reset_parameters"
    assert str(second) == "trunc_normal_(mean=0, std=0.5, a=-1, b=1)"
    assert (second.line, second.elements, second.replaces) == (line, 1200, True)
    assert second.function == "test_an_initializer_of_several_operations_is_one_write_with_its_arguments_and_line"
    assert first.order < log["bias"].writes[0].order < second.order


@pytest.mark.parametrize(
    "initializer",
    ["orthogonal_", "dirac_", "eye_", "xavier_normal_", "kaiming_normal_", "ones_", "zeros_", "normal_", "uniform_"],
)
@pytest.mark.parametrize("library", [nn.init, iw.init], ids=["torch", "initwise"])
def test_every_initializer_is_one_write_under_its_own_name(library: object, initializer: str) -> None:
    weight = nn.Parameter(torch.zeros((4, 4, 1) if initializer == "dirac_" else (4, 4)))
    model = nn.Module()
    model.weight = weight
    with iw.record(model) as log:
        getattr(library, initializer)(weight)
    (write,) = log["weight"].writes
    assert write.operation == initializer
    assert write.elements == 16


def test_a_helper_that_is_handed_the_tensor_and_ends_in_an_underscore_is_the_initializer() -> None:
    def small_(tensor: Tensor, scale: float = 0.1) -> Tensor:
        nn.init.normal_(tensor)
        with torch.no_grad():
            return tensor.mul_(scale)

    with iw.record() as log:
        layer = nn.Linear(2, 2)
        line = here(1)
        small_(layer.weight)
    last = log["weight"].last
    assert last is not None
    assert (str(last), last.line) == ("small_(scale=0.1)", line)


def test_a_helper_that_takes_a_module_is_where_the_line_is() -> None:
    def init_weights(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            module.weight.data.normal_(mean=0.0, std=0.02)

    line = here(-2)
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with iw.record() as log:
        model.apply(init_weights)
    (write,) = log["1.weight"].writes
    assert (str(write), write.line, write.function) == ("normal_(mean=0, std=0.02)", line, "init_weights")


def test_parts_and_changes_are_told_apart_from_full_writes() -> None:
    with iw.record() as log:
        layer = nn.Linear(4, 4)
        with torch.no_grad():
            layer.weight[1].zero_()
            layer.weight.mul_(0.5)
            layer.bias[2] = 7
    assert [(str(each), each.elements, each.replaces) for each in log["weight"].writes[1:]] == [
        ("zero_()", 4, False),
        ("mul_(other=0.5)", 16, False),
    ]
    assert history(log, "bias")[1:] == ["given values(value=7)"]
    assert log["weight"].replaced == ()
    assert log["weight"].last == log["weight"].writes[0]


def test_what_a_full_write_leaves_nothing_of_is_replaced_and_an_info() -> None:
    with iw.record() as log:
        layer = nn.Linear(4, 4, bias=False)
        nn.init.xavier_uniform_(layer.weight)
    assert [each.operation for each in log["weight"].replaced] == ["kaiming_uniform_"]
    (finding,) = log.findings
    assert (finding.code, finding.severity, finding.parameter) == ("INI113", "info", "weight")
    assert "kaiming_uniform_(a=2.23607, mode=fan_in, nonlinearity=leaky_relu) at tests/provenance" in finding.message
    assert "was overwritten by xavier_uniform_(gain=1) at tests/provenance/test_record.py:" in finding.message
    assert log.ok


def test_zeros_that_memory_was_made_with_are_no_work_that_was_overwritten() -> None:
    with iw.record() as log:
        model = nn.Module()
        model.position = nn.Parameter(torch.zeros(3, 4))
        nn.init.normal_(model.position, std=0.02)
    assert history(log, "position") == ["zeros", "normal_(mean=0, std=0.02)"]
    assert log.findings == ()


def test_a_parameter_that_was_computed_says_from_what() -> None:
    with iw.record() as log:
        model = nn.Module()
        model.projection = nn.Parameter(0.5 * torch.randn(3, 4))
        model.scale = nn.Parameter(torch.ones(3) * 2.5)
        model.given = nn.Parameter(torch.tensor([1.0, 2.0]))
    assert history(log, "projection") == ["randn -> mul(other=0.5)"]
    assert history(log, "scale") == ["ones -> mul(other=2.5)"]
    assert history(log, "given") == ["given values"]


def test_a_new_parameter_in_the_place_of_an_old_one_replaces_its_writes() -> None:
    with iw.record() as log:
        layer = nn.Linear(4, 4)
        layer.weight = nn.Parameter(torch.randn(4, 4))
        layer.bias.data = torch.ones(4)
    assert [each.operation for each in log["weight"].replaced] == ["kaiming_uniform_"]
    assert history(log, "weight")[-1] == "randn"
    assert history(log, "bias") == ["uniform_(a=-0.5, b=0.5)", "ones"]


def test_our_own_plan_is_told_although_torch_does_not_see_its_kernels() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Embedding(5, 4, padding_idx=0))
    plan = iw.plan(model, [iw.rule("*weight", iw.Normal(std=0.5)), iw.rule("*bias", iw.Zeros())])
    with iw.record() as log:
        iw.apply(model, plan)
    line = here(-1)
    (write,) = log["0.weight"].writes
    assert (str(write), write.line) == ("initwise.apply(law=normal, mean=0, std=0.5)", line)
    assert history(log, "0.bias") == ["initwise.apply(value=0)"]
    assert len(log["1.weight"].writes) == 1  # the padding row is part of the same call


def test_blocks_that_a_plan_writes_by_several_laws_are_one_write_that_says_so() -> None:
    layer = nn.LSTM(3, 4)
    gates = iw.PerBlock(f=iw.Ones(), rest=iw.Zeros())
    plan = iw.plan(layer, iw.rule(nn.LSTM, weight=iw.Normal(std=0.5), bias=gates))
    with iw.record() as log:
        iw.apply(layer, plan)
    assert [(str(write), write.elements) for write in log["bias_hh_l0"].writes] == [
        ("initwise.apply(laws=several)", 16)
    ]
    assert [str(write) for write in log["weight_hh_l0"].writes] == ["initwise.apply(law=normal, mean=0, std=0.5)"]
    assert {row.state for row in log} == {"written"}


def test_a_structured_initializer_of_a_plan_is_one_write() -> None:
    layer = nn.Linear(4, 4, bias=False)
    plan = iw.plan(layer, iw.rule("weight", iw.Orthogonal()))
    with iw.record() as log:
        iw.apply(layer, plan)
    assert [(each.operation, each.elements) for each in log["weight"].writes] == [("initwise.apply", 16)]


def test_torch_says_so_itself_where_no_other_code_is_on_the_way() -> None:
    with iw.record() as log:
        norm = nn.LayerNorm(3)
    assert norm.weight.shape == (3,)
    assert log["weight"].writes[0].where.endswith("(LayerNorm.reset_parameters)")


def test_bounds_that_are_far_away_are_a_warning_and_two_sigmas_are_none() -> None:
    with iw.record() as log:
        layer = nn.Linear(4, 4, bias=False)
        nn.init.trunc_normal_(layer.weight, std=0.02)
    (warning,) = (finding for finding in log.findings if finding.code == "INI114")
    assert (warning.severity, warning.measured) == ("warning", "the nearer bound at 100 sigmas")
    assert "truncates nothing" in warning.message
    assert warning.fix.endswith("a=-0.04, b=0.04")
    with iw.record() as log:
        nn.init.trunc_normal_(layer.weight, std=0.02, a=-0.04, b=0.04)
        nn.init.trunc_normal_(layer.weight, mean=1.0, std=0.5, a=-2.0, b=2.0)
    assert [finding.code for finding in log.findings] == ["INI113"]


def test_a_truncation_that_was_overwritten_is_no_warning() -> None:
    with iw.record() as log:
        layer = nn.Linear(4, 4, bias=False)
        nn.init.trunc_normal_(layer.weight, std=0.02)
        nn.init.zeros_(layer.weight)
    assert {finding.code for finding in log.findings} == {"INI113"}


@pytest.mark.parametrize(("loads_last", "severity"), [(False, "warning"), (True, "info")])
def test_loaded_values_that_a_draw_overwrites_are_a_warning(loads_last: bool, severity: str) -> None:
    state = {"weight": torch.ones(4, 3), "bias": torch.ones(4)}
    with iw.record() as log:
        layer = nn.Linear(3, 4)
        if not loads_last:
            layer.load_state_dict(state)
        nn.init.normal_(layer.weight)
        if loads_last:
            layer.load_state_dict(state)
    (finding,) = [each for each in log.findings if each.parameter == "weight"]
    assert (finding.code, finding.severity) == ("INI113", severity)
    assert finding.message.startswith("load_state_dict" if not loads_last else "normal_")


def test_zeros_that_were_set_by_hand_and_drawn_over_are_a_warning() -> None:
    with iw.record() as log:
        gate = nn.Linear(3, 4)
        nn.init.zeros_(gate.weight)
        for parameter in gate.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
    (finding,) = log.findings
    assert (finding.code, finding.severity, finding.parameter) == ("INI113", "warning", "weight")
    assert finding.message.startswith("zeros_() at tests/provenance/test_record.py:")


def test_vectors_from_outside_that_are_drawn_over_are_a_warning_and_a_copied_layer_is_none() -> None:
    vectors = torch.randn(10, 4)
    with iw.record() as log:
        table = nn.Embedding(10, 4)
        with torch.no_grad():
            table.weight.copy_(vectors)
        nn.init.uniform_(table.weight)
    assert [finding.severity for finding in log.findings] == ["warning"]
    with iw.record() as log:
        table = nn.Embedding(10, 4)
        table.weight = nn.Parameter(vectors.clone())
        nn.init.uniform_(table.weight)
    assert [finding.severity for finding in log.findings] == ["warning"]
    with iw.record() as log:
        table = copy.deepcopy(nn.Embedding(10, 4))
        nn.init.uniform_(table.weight)
    assert {finding.severity for finding in log.findings} <= {"info"}
