"""`materialize` gives what constructing for real and `apply` give, and leaves every object what it was."""

from __future__ import annotations

import copy
import gc
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import ApplyError
from tests.writing.eager import assert_equal_to_eager, on_meta, tensors


class Net(nn.Module):
    """Ties, strides, buffers of all kinds, recurrent layers, a plain attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8, padding_idx=3)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embedding.weight
        self.norm = nn.BatchNorm1d(8)
        convolution: Any = nn.Conv2d(3, 4, 3)
        self.conv = convolution.to(memory_format=torch.channels_last)
        self.rnn = nn.LSTM(8, 8)
        self.frozen = nn.Linear(3, 3).requires_grad_(requires_grad=False)
        self.rounded = nn.Linear(3, 3).bfloat16()
        self.register_buffer("positions", torch.arange(8).expand(1, -1), persistent=False)
        self.register_buffer("mask", torch.ones(4, 4).tril().bool())
        self.register_buffer("nothing", None)
        self.tables = [torch.linspace(0, 1, 5)]


RULES: list[Any] = ["torch-default", iw.rule("frozen.*", iw.Normal(std=0.1))]


def _plan(model: nn.Module, seed: int = 3) -> iw.Plan:
    return iw.plan(model, RULES, seed=seed, include_frozen=True)


def _net() -> Any:
    model = on_meta(Net)
    iw.materialize(model, _plan(model))
    return model


def test_everything_is_equal_to_the_model_constructed_for_real_and_written_by_apply() -> None:
    eager = Net()
    iw.apply(eager, _plan(eager))
    here, there = tensors(_net()), tensors(eager)
    assert here.keys() == there.keys()
    for name, one in here.items():
        other = there[name]
        assert torch.equal(one, other), name
        assert (one.dtype, one.stride(), one.requires_grad) == (other.dtype, other.stride(), other.requires_grad), name


def test_ties_plain_attributes_and_flat_weights_follow() -> None:
    model = _net()
    assert model.head.weight is model.embedding.weight
    assert torch.equal(model.tables[0], torch.linspace(0, 1, 5))
    assert all(one is other for one, other in zip(model.rnn._flat_weights, model.rnn.parameters(), strict=True))
    assert model.rnn(torch.ones(2, 1, 8))[0].isfinite().all()


def test_objects_attributes_hooks_and_weak_references_stay() -> None:
    model = on_meta(lambda: nn.Linear(4, 4))
    called: list[str] = []
    weight = model.weight
    weight.shard_axis = 1
    gradient = weight.register_hook(lambda _: called.append("gradient"))
    weight.register_post_accumulate_grad_hook(lambda _: called.append("accumulated"))
    weakly, optimizer = weakref.ref(weight), torch.optim.SGD(model.parameters(), lr=0.1)
    iw.materialize(model, iw.plan(model, "torch-default"))
    gc.collect()
    assert model.weight is weight
    assert id(weakly()) == id(weight)
    assert vars(weight)["shard_axis"] == 1
    before = weight.detach().clone()
    model(torch.ones(2, 4)).sum().backward()
    assert called == ["gradient", "accumulated"]
    optimizer.step()
    assert not torch.equal(before, weight)
    gradient.remove()
    model(torch.ones(2, 4)).sum().backward()
    assert called == ["gradient", "accumulated", "accumulated"]


def test_parameters_that_share_memory_share_it_afterwards() -> None:
    model = on_meta(lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)))
    model[1].weight = nn.Parameter(model[0].weight.detach())
    iw.materialize(model, iw.plan(model, "torch-default"))
    assert model[1].weight is not model[0].weight
    assert model[1].weight.data_ptr() == model[0].weight.data_ptr()


def test_what_has_memory_keeps_it_and_gets_what_is_planned() -> None:
    model: Any = nn.Sequential(nn.Linear(4, 4), on_meta(lambda: nn.Linear(4, 4)))
    place = model[0].weight.data_ptr()
    plan = iw.plan(model, ["torch-default", iw.rule("0.weight", iw.Keep())])
    before = model[0].get_parameter("weight").detach().clone()
    iw.materialize(model, plan)
    assert model[0].weight.data_ptr() == place
    assert torch.equal(model[0].get_parameter("weight"), before)
    eager: Any = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    iw.apply(eager, plan)
    assert torch.equal(model[1].weight, eager[1].weight)
    assert torch.equal(model[0].bias, eager[0].bias)


def test_parametrized_weights_are_written_through_with_their_vectors() -> None:
    def make() -> nn.Module:
        one = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
        two = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4))
        return nn.Sequential(one, two, nn.utils.spectral_norm(nn.Linear(3, 4)))

    assert_equal_to_eager(make)


def test_torch_random_state_and_default_dtype_stay() -> None:
    state, dtype = torch.get_rng_state(), torch.get_default_dtype()
    model = on_meta(lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)))

    def make() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))

    iw.materialize(model, iw.plan(model, "torch-default"), build=make)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_default_dtype() == dtype


def test_a_stage_takes_the_names_of_the_whole_model() -> None:
    whole: Any = nn.Sequential(*(nn.Linear(4, 4) for _ in range(4)))
    plan = iw.plan(whole, "torch-default", seed=1)
    iw.apply(whole, plan)
    stage = on_meta(lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)))
    iw.materialize(stage, plan, names={"0": "2", "1": "3"})
    assert torch.equal(stage[1].weight, whole[3].weight)


def test_a_copy_can_be_made_of_what_was_materialized() -> None:
    model = _net()
    copied = copy.deepcopy(model)
    assert copied.head.weight is copied.embedding.weight
    assert torch.equal(copied.conv.weight, model.conv.weight)


def test_a_failure_while_writing_leaves_the_model_on_meta(monkeypatch: pytest.MonkeyPatch) -> None:
    from initwise.writing.materialization import _materialize

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the power went")

    model = on_meta(Net)
    plan = _plan(model)
    before = {name: id(tensor) for name, tensor in tensors(model).items()}
    monkeypatch.setattr(_materialize, "apply", broken)
    with pytest.raises(RuntimeError, match="the power went"):
        iw.materialize(model, plan)
    assert all(tensor.is_meta for tensor in tensors(model).values())
    assert {name: id(tensor) for name, tensor in tensors(model).items()} == before
    monkeypatch.undo()
    iw.materialize(model, plan)
    assert not any(tensor.is_meta for tensor in tensors(model).values())


def test_what_cannot_be_written_is_told_in_the_name_of_materialize_and_all_is_on_meta_again() -> None:
    def make() -> nn.Module:
        return nn.utils.parametrizations.orthogonal(nn.Linear(4, 4), use_trivialization=False)

    model: Any = make().to("meta")
    with pytest.raises(
        ApplyError, match=r"materialize: 1 problem\n.*the right inverse of the orthogonal parametrization raised"
    ):
        iw.materialize(model, iw.plan(model, "torch-default"))
    assert all(parameter.is_meta for parameter in model.parameters())


def test_what_nobody_wrote_is_found_and_the_model_is_on_meta_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from initwise.writing.materialization import _materialize

    def forgetful(model: Any, *_: Any, **__: Any) -> None:
        with torch.no_grad():
            model.bias.zero_()

    model = on_meta(lambda: nn.Linear(3, 3))
    monkeypatch.setattr(_materialize, "apply", forgetful)
    with pytest.raises(ApplyError, match=r"'weight': 9 of 9 elements were never written"):
        iw.materialize(model, iw.plan(model, "torch-default"))
    assert model.weight.is_meta


def test_memory_out_of_the_question_leaves_the_model_on_meta(monkeypatch: pytest.MonkeyPatch) -> None:
    model = on_meta(lambda: nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)))
    plan = iw.plan(model, "torch-default")
    from initwise.writing.materialization import _memory

    real, asked = torch.empty, []

    def scarce(*args: Any, **options: Any) -> Tensor:
        asked.append(args)
        if len(asked) > 3:
            raise RuntimeError("out of memory")
        return real(*args, **options)

    class Torch:
        empty = staticmethod(scarce)

        def __getattr__(self, name: str) -> Any:
            return getattr(torch, name)

    monkeypatch.setattr(_memory, "torch", Torch())
    with pytest.raises(RuntimeError, match="out of memory"):
        iw.materialize(model, plan)
    assert all(parameter.is_meta for parameter in model.parameters())
