"""Parameters whose elements a framework has taken elsewhere: one sentence that names it and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import DigestError, InitwiseError
from tests.frameworks.partitions import gathered, partitioned


class Hook:
    """What accelerate leaves on a module as `_hf_hook` where it offloads."""

    offload = True
    weights_map: dict[str, Tensor] = {}  # noqa: RUF012 - as accelerate's


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def plan() -> iw.Plan:
    return iw.plan(net(), "kaiming", seed=1)


CALLS: dict[str, tuple[type[InitwiseError], Callable[[nn.Module], Any]]] = {
    "plan": (iw.PlanError, lambda model: iw.plan(model, "kaiming")),
    "apply": (iw.ApplyError, lambda model: iw.apply(model, plan())),
    "verify": (iw.ArgumentError, lambda model: iw.verify(model, plan())),
    "materialize": (iw.ApplyError, lambda model: iw.materialize(model, plan())),
    "digest": (DigestError, iw.digest),
    "initialize": (InitwiseError, lambda model: iw.initialize(model, "kaiming")),
    "check": (iw.ArgumentError, iw.check),
}


@pytest.mark.parametrize("name", CALLS)
def test_partitions_of_deepspeed_are_one_problem_that_names_the_way_to_gather_them(name: str) -> None:
    error, call = CALLS[name]
    model = partitioned(net())
    with pytest.raises(error, match=r"'0.weight', '0.bias', '2.weight' and 1 more are partitioned by Deep") as caught:
        call(model)
    said = str(caught.value)
    assert said.count("DeepSpeed (zero.Init)") == 1
    assert said.count("0.weight") == 1
    assert "within deepspeed.zero.GatheredParameters(list(model.parameters()), modifier_rank=0)" in said
    assert all(parameter.numel() == 0 for parameter in model.parameters())


def test_gathered_partitions_are_written_as_any_parameter() -> None:
    model, expected = partitioned(net()), net()
    iw.apply(expected, plan())
    with gathered(model):
        iw.apply(model, iw.plan(model, "kaiming", seed=1))
        assert iw.verify(model, plan()).ok
        assert iw.digest(model) == iw.digest(expected)


def test_other_problems_are_told_beside_partitions_and_nothing_is_said_twice() -> None:
    model = partitioned(net())
    model.add_module("more", nn.Linear(2, 2))
    with pytest.raises(iw.ApplyError, match="partitioned by DeepSpeed"):
        iw.apply(model, plan())
    with pytest.raises(iw.ApplyError, match=r"materialize: 3 problems\n(.*\n)*.*'more.bias' is a parameter of the"):
        iw.materialize(model, plan())


def offloaded(hook: Any) -> nn.Module:
    with torch.device("meta"):
        model = net()
    vars(model[0])["_hf_hook"] = hook
    vars(model[2])["_hf_hook"] = hook
    return model


@pytest.mark.parametrize("name", ["apply", "verify", "materialize", "digest", "initialize", "check"])
def test_what_accelerate_offloads_is_not_taken_for_a_model_on_meta(name: str) -> None:
    error, call = CALLS[name]
    said = r"'0.weight', '0.bias', '2.weight' and 1 more are offloaded by accelerate, whose hooks hold their values"
    with pytest.raises(error, match=said) as caught:
        call(offloaded(Hook()))
    assert "accelerate.hooks.remove_hook_from_submodules(model)" in str(caught.value)


def test_a_hook_around_others_and_one_around_modules_offload_too() -> None:
    several = type("Several", (), {"hooks": (object(), Hook())})()
    with torch.device("meta"):
        around = nn.Sequential(net())
    vars(around[0])["_hf_hook"] = Hook()
    for model, name in ((offloaded(several), "'0.weight'"), (around, "'0.0.weight'")):
        with pytest.raises(iw.ApplyError, match=f"{name}.* are offloaded by accelerate"):
            iw.materialize(model, iw.plan(model, "kaiming"))


def test_hooks_that_do_not_offload_are_no_obstacle() -> None:
    idle = type("Idle", (), {"offload": False, "weights_map": None})()
    model = offloaded(idle)
    iw.materialize(model, plan())
    assert iw.verify(model, plan()).ok
