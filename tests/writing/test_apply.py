"""`apply` writes all parameters or none, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.errors import ApplyError, PlanError


def _model() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 10), nn.Embedding(7, 4, padding_idx=2))


def _weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.named_parameters()}


def _equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_the_same_plan_writes_the_same_weights_into_any_copy() -> None:
    first, second = _model(), _model()
    plan = iw.plan(first, "kaiming", seed=3)
    iw.apply(first, plan)
    iw.apply(second, iw.Plan.from_dict(plan.to_dict()))
    assert _equal(_weights(first), _weights(second))
    assert not _equal(_weights(first), _weights(_model()))


def test_another_seed_writes_other_weights() -> None:
    first, second = _model(), _model()
    iw.apply(first, iw.plan(first, "kaiming", seed=3))
    iw.apply(second, iw.plan(second, "kaiming", seed=4))
    assert not torch.equal(first[0].weight, second[0].weight)


def test_torch_random_state_and_requires_grad_and_strides_stay() -> None:
    model = _model()
    model[0].to(memory_format=torch.channels_last)
    before, state = [p.stride() for p in model.parameters()], torch.get_rng_state()
    iw.initialize(model, "classic", seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert [p.stride() for p in model.parameters()] == before
    assert all(p.requires_grad and p.grad_fn is None for p in model.parameters())


def test_channels_last_and_contiguous_weights_hold_the_same_values() -> None:
    plain, turned = _model(), _model()
    turned[0].to(memory_format=torch.channels_last)
    for model in (plain, turned):
        iw.initialize(model, "kaiming", seed=5)
    assert torch.equal(plain[0].weight, turned[0].weight)
    assert plain[0].weight.stride() != turned[0].weight.stride()


def test_the_padding_row_is_zero_and_only_that_row() -> None:
    model = _model()
    iw.initialize(model, "classic", seed=1)
    zero = (model[3].weight == 0).all(dim=1)
    assert zero.nonzero().flatten().tolist() == [2]


def test_adding_a_layer_changes_no_other_weight() -> None:
    small: Any = nn.Sequential(nn.Linear(4, 4))
    large: Any = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    for model in (small, large):
        iw.initialize(model, "xavier", seed=1)
    assert torch.equal(small[0].weight, large[0].weight)
    assert not torch.equal(large[0].weight, large[1].weight)


def test_a_tied_weight_is_written_once_under_its_first_name() -> None:
    model: Any = nn.ModuleDict({"wte": nn.Embedding(11, 6), "head": nn.Linear(6, 11, bias=False)})
    model["head"].weight = model["wte"].weight
    plan = iw.plan(model, [iw.rule("wte.weight", iw.Normal(std=0.02))], seed=1)
    iw.apply(model, plan)
    assert model["head"].weight is model["wte"].weight
    assert plan["head.weight"] is plan["wte.weight"]


def test_a_bfloat16_model_holds_the_rounded_float32_weights() -> None:
    full, half = _model(), _model().bfloat16()
    for model in (full, half):
        iw.initialize(model, [iw.rule("*", iw.Normal(std=0.02))], seed=1)
    assert torch.equal(full[2].weight.bfloat16(), half[2].weight)


def test_an_autograd_graph_notices_the_write() -> None:
    model = nn.Linear(3, 3)
    loss = (model.weight**2).sum()
    iw.initialize(model, "xavier", seed=0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_lstm_in_column_blocks_keeps_its_words_and_changes_only_the_scale() -> None:
    one: Any = nn.LSTM(5, 4)
    two: Any = nn.LSTM(5, 4)
    biases = iw.rule(nn.LSTM, weight_hh=iw.Zeros(), bias=iw.Zeros())
    iw.apply(one, iw.plan(one, [biases, iw.rule("weight_ih_l0", iw.Normal(std=1.0))], seed=2))
    gates = iw.PerBlock(f=iw.Normal(std=3.0), rest=iw.Normal(std=1.0))
    iw.apply(two, iw.plan(two, [biases, iw.rule("weight_ih_l0", gates)], seed=2))
    torch.testing.assert_close(two.weight_ih_l0[4:8], 3.0 * one.weight_ih_l0[4:8])
    assert torch.equal(two.weight_ih_l0[:4], one.weight_ih_l0[:4])
    assert torch.equal(two.weight_ih_l0[8:], one.weight_ih_l0[8:])


def _other_shape(model: Any) -> None:
    model[2] = nn.Linear(8 * 36, 11)


def _other_dtype(model: Any) -> None:
    model[2].half()


def _more(model: Any) -> None:
    model.append(nn.Linear(2, 2))


def _fewer(model: Any) -> None:
    del model[3]


def _on_meta(model: Any) -> None:
    model[2].to("meta")


def _expanded(model: Any) -> None:
    model[2].weight = nn.Parameter(torch.zeros(10, 1).expand(10, 8 * 36))


def _tied(model: Any) -> None:
    model[2].register_parameter("again", model[2].weight)


BROKEN = {
    r"'2\.weight' was planned with shape \(10, 288\) and has \(11, 288\)": _other_shape,
    r"'2\.weight' was planned as torch\.float32 and is torch\.float16": _other_dtype,
    r"'4\.weight' is a parameter of the model that the plan does not know": _more,
    r"'3\.weight' is planned, but the model has no such parameter": _fewer,
    r"'2\.weight' is on the meta device and has no memory": _on_meta,
    r"'2\.weight' has elements that share memory": _expanded,
    r"'2\.weight' was planned with the ties none and has 2\.again": _tied,
}


@pytest.mark.parametrize("message", BROKEN)
def test_a_model_that_changed_since_the_plan_is_refused_and_no_weight_changes(message: str) -> None:
    model, change = _model(), BROKEN[message]
    plan = iw.plan(model, "kaiming", seed=3)
    change(model)
    before = {name: tensor for name, tensor in _weights(model).items() if not tensor.is_meta}
    with pytest.raises(ApplyError, match=message):
        iw.apply(model, plan)
    after = _weights(model)
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_a_stage_without_a_part_of_the_plan_hears_how_to_get_it() -> None:
    model = _model()
    plan = iw.plan(model, "kaiming")
    stage: Any = nn.Sequential()
    stage.add_module("0", model[0])
    expected = r"1 problem\n  - '2\.weight' and 2 more, to '3\.weight', are planned.*use plan\.part\(model\)$"
    with pytest.raises(ApplyError, match=expected):
        iw.apply(stage, plan)
    iw.apply(stage, plan.part(stage))


def _raises(shape: object, fans: object, draw: object) -> torch.Tensor:
    raise ZeroDivisionError("no luck")


def _wrong_shape(shape: object, fans: object, draw: object) -> torch.Tensor:
    return torch.zeros(3)


def _not_finite(shape: tuple[int, ...], fans: object, draw: object) -> torch.Tensor:
    return torch.full(shape, float("nan"))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_raises, r"'2\.weight': .*ZeroDivisionError: no luck"),
        (_wrong_shape, r"'2\.weight': .*shape \(3,\)"),
        (_not_finite, r"'2\.weight': .*NaN or infinite"),
    ],
)
def test_a_user_function_that_fails_changes_no_weight(function: Callable[..., torch.Tensor], message: str) -> None:
    model = _model()
    before = copy.deepcopy(_weights(model))
    plan = iw.plan(model, [iw.rule("*", iw.Normal(std=0.1)), iw.rule("2.weight", iw.Custom(function))], seed=1)
    with pytest.raises(ApplyError, match=message):
        iw.apply(model, plan)
    assert _equal(before, _weights(model))


def test_a_user_function_draws_from_the_stream() -> None:
    def wide(shape: tuple[int, ...], fans: object, draw: Any) -> Any:
        return 5.0 + draw.normal(shape)

    first, second = _model(), _model()
    for model in (first, second):
        iw.initialize(model, [iw.rule("*", iw.Normal(std=0.1)), iw.rule("2.weight", wide)], seed=1)
    assert torch.equal(first[2].weight, second[2].weight)
    assert first[2].weight.mean().item() == pytest.approx(5.0, abs=0.1)


def test_a_constant_too_large_for_the_dtype_is_refused() -> None:
    model = _model().half()
    with pytest.raises(PlanError, match=r"'2\.weight' .*largest torch\.float16 number is 65504"):
        iw.plan(model, [iw.rule("*", iw.Constant(1e6))])


@pytest.mark.parametrize("initializer", [iw.Uniform(1.0001, 1.0002), iw.TruncatedNormal(mean=1.0003, std=1e-6)])
def test_a_law_without_a_number_in_the_dtype_is_refused_before_anything_is_written(initializer: Any) -> None:
    model = _model().half()
    before = _weights(model)
    with pytest.raises(PlanError, match=r"'2\.weight'.*float16 has no number in"):
        iw.initialize(model, [iw.rule("*", iw.Zeros()), iw.rule("2.weight", initializer)])
    assert _equal(before, _weights(model))


def test_a_user_function_whose_values_overflow_the_dtype_changes_no_weight() -> None:
    model = _model().half()
    before = _weights(model)
    huge = iw.Custom(lambda shape, fans, draw: torch.full(shape, 1e6))
    with pytest.raises(ApplyError, match=r"'2\.weight'.*beyond the largest of torch\.float16"):
        iw.initialize(model, [iw.rule("*", iw.Zeros()), iw.rule("2.weight", huge)])
    assert _equal(before, _weights(model))


def test_a_user_function_that_draws_from_torch_leaves_its_random_state() -> None:
    model, state = nn.Linear(3, 3), torch.get_rng_state()
    careless = iw.Custom(lambda shape, fans, draw: torch.randn(shape))
    iw.initialize(model, iw.rule("*", careless))
    assert torch.equal(torch.get_rng_state(), state)


def _transposed(model: Any) -> None:
    model[1].weight = nn.Parameter(model[0].weight.detach().t())


def _sliced(model: Any) -> None:
    model[1].bias = nn.Parameter(model[0].weight.detach().view(-1)[2:6])


@pytest.mark.parametrize("share", [_transposed, _sliced])
def test_parameters_that_overlap_in_memory_are_refused_by_name(share: Callable[[Any], None]) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 4))
    share(model)
    before = _weights(model)
    with pytest.raises(ApplyError, match=r"'0\.weight' and '1\.(weight|bias)' share memory"):
        iw.initialize(model, "xavier")
    assert _equal(before, _weights(model))


def test_columns_of_one_buffer_that_do_not_meet_are_written() -> None:
    model: Any = nn.Sequential(nn.Linear(4, 6, bias=False), nn.Linear(4, 6, bias=False))
    buffer = torch.zeros(6, 8)
    model[0].weight, model[1].weight = (nn.Parameter(half) for half in buffer.chunk(2, dim=1))
    assert iw.initialize(model, "xavier").ok
    assert torch.equal(buffer, torch.cat([model[0].weight, model[1].weight], dim=1))


def test_something_that_is_no_plan_is_refused() -> None:
    with pytest.raises(iw.errors.ArgumentTypeError, match=r"apply: plan is 'xavier' of type str; give iw\.plan"):
        iw.apply(_model(), "xavier")  # type: ignore[arg-type]
