"""Where tensors may stand, and in what state a model may be: attributes, views, modes, wrappers, optimizers."""

from __future__ import annotations

import collections
import dataclasses
import types
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import ApplyError
from initwise.writing.materialization._alike import same
from tests.writing.eager import assert_equal_to_eager, on_meta

ZEROS = iw.rule("*", iw.Zeros())


@dataclasses.dataclass
class Tables:
    sines: Tensor
    more: Any = None


class Hidden(nn.Module):
    """Tensors in every kind of container, at some depth."""

    def __init__(self) -> None:
        super().__init__()
        self.record = Tables(torch.arange(3).sin(), more={"a": (torch.ones(2),)})
        self.ordered = collections.OrderedDict(b=[[[torch.arange(2)]]])
        self.space = types.SimpleNamespace(c=torch.full((2,), 7.0))
        self.linear = nn.Linear(2, 2)


def test_tensors_in_records_and_deep_containers_get_their_values() -> None:
    model = on_meta(Hidden)
    objects = model.record.sines, model.space.c
    iw.materialize(model, iw.plan(model, ZEROS))
    assert torch.equal(model.record.sines, torch.arange(3).sin())
    assert torch.equal(model.record.more["a"][0], torch.ones(2))
    assert torch.equal(model.ordered["b"][0][0][0], torch.arange(2))
    assert torch.equal(model.space.c, torch.full((2,), 7.0))
    assert model.record.sines is objects[0]
    assert model.space.c is objects[1]


def test_a_tensor_deep_in_an_attribute_that_nobody_knows_is_named_with_its_place() -> None:
    class Net(Hidden):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.record.more["a"] = (torch.ones(size),)

    model = on_meta(lambda: Net(2))
    with pytest.raises(ApplyError, match=r"record\.more\['a'\]\[0\]. \(attribute, \(2,\) float32\) has no values"):
        iw.materialize(model, iw.plan(model, ZEROS))
    assert model.linear.weight.is_meta


def test_a_buffer_that_is_a_view_of_a_planned_weight_follows_it() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 3)
            self.register_buffer("flat", self.linear.weight.detach().view(-1))

    model = assert_equal_to_eager(Net)
    assert model.flat.data_ptr() == model.linear.weight.data_ptr()


def test_parameters_that_are_materialized_in_inference_mode_can_be_trained() -> None:
    model: Any = on_meta(lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)))
    with torch.inference_mode():
        iw.materialize(model, iw.plan(model, ZEROS))
    assert not any(tensor.is_inference() for tensor in [*model.parameters(), *model.buffers()])
    model(torch.ones(2, 3)).sum().backward()
    assert model[0].weight.grad is not None


def test_the_device_that_is_current_does_not_matter() -> None:
    with torch.device("meta"):
        model: Any = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        iw.materialize(model, iw.plan(model, "torch-default"))
    assert not any(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])
    assert torch.equal(model[1].running_var, torch.ones(3))


def test_subclasses_of_parameters_stay_what_they_are() -> None:
    class Tagged(nn.Parameter):
        tag: str

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = Tagged(torch.empty(3, 2))
            self.weight.tag = "rows"

    model = assert_equal_to_eager(Net, ZEROS)
    assert type(model.weight) is Tagged
    assert model.weight.tag == "rows"


def test_strides_complex_numbers_and_small_floats_stay() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transposed = nn.Parameter(torch.empty(4, 3).t())
            self.turned = nn.Parameter(torch.empty(4, dtype=torch.complex64))
            self.register_buffer("turns", torch.polar(torch.ones(3), torch.arange(3.0)))
            self.register_buffer("scales", torch.ones(2).to(torch.float8_e4m3fn))

    model = assert_equal_to_eager(Net, iw.rule("*", iw.Normal(std=1.0)))
    assert model.transposed.stride() == (1, 3)


def test_a_compiled_model_is_materialized_below_the_wrapper() -> None:
    model: Any = on_meta(lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)))
    compiled: Any = torch.compile(model, backend="eager")
    iw.materialize(compiled, iw.plan(compiled, "torch-default"))
    assert torch.equal(model[1].running_var, torch.ones(3))
    assert compiled(torch.ones(2, 3)).shape == (2, 3)


def test_a_checkpoint_of_a_part_is_kept_and_the_rest_gets_its_values() -> None:
    model: Any = on_meta(lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)))
    model.load_state_dict({"0.weight": torch.full((3, 3), 5.0)}, strict=False, assign=True)
    iw.materialize(model, iw.plan(model, [iw.rule("0.weight", iw.Keep()), ZEROS]))
    assert torch.equal(model[0].weight, torch.full((3, 3), 5.0))
    assert torch.equal(model[1].running_var, torch.ones(3))


@pytest.mark.parametrize("include_buffers", [False, True])
def test_a_model_of_transformers_in_init_empty_weights_is_what_it_is_for_real(include_buffers: bool) -> None:
    transformers = pytest.importorskip("transformers")
    accelerate = pytest.importorskip("accelerate")
    config = transformers.LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_attention_heads=2,
        num_key_value_heads=2,
        num_hidden_layers=1,
        vocab_size=50,
        rope_parameters={"rope_type": "default", "rope_theta": 77.0},
    )
    with accelerate.init_empty_weights(include_buffers=include_buffers):
        model = transformers.LlamaForCausalLM(config)
    eager = transformers.LlamaForCausalLM(config)
    plan = iw.plan(model, "llama")
    iw.apply(eager, plan)
    iw.materialize(model, plan)
    assert iw.digest(model) == iw.digest(eager)
    for (name, one), (_, other) in zip(model.named_buffers(), eager.named_buffers(), strict=True):
        assert torch.equal(one, other), name


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1, True),
        (1, True, False),
        (float("nan"), float("nan"), True),
        ({1, 2}, {2, 1}, True),
        ({1, 2}, {1, 3}, False),
        (np.arange(3), np.arange(3), True),
        (np.arange(3), np.arange(1, 4), False),
        (torch.ones(2), torch.ones(2), True),
        (torch.ones(2), torch.zeros(2), False),
        (torch.ones(2, device="meta"), torch.zeros(2), True),
        ([1, {"a": 2}], [1, {"a": 2}], True),
        ([1, {"a": 2}], [1, {"a": 3}], False),
        ([1], [1, 2], False),
        (Tables(torch.ones(1), 2), Tables(torch.ones(1), 2), True),
        (Tables(torch.ones(1), 2), Tables(torch.ones(1), 3), False),
        (types.SimpleNamespace(a=1), types.SimpleNamespace(a=2), False),
        (nn.ReLU, nn.ReLU, True),
        (nn.ReLU, nn.GELU, False),
    ],
)
def test_attributes_are_compared_by_what_they_say(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal


def test_records_that_hold_themselves_are_compared_without_end() -> None:
    one, other = types.SimpleNamespace(a=1), types.SimpleNamespace(a=1)
    one.me, other.me = one, other
    assert same(one, other)
