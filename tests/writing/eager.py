"""The one question of all tests of `materialize`: is it what constructing for real and `apply` give?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import initwise as iw


def on_meta(make: Callable[[], Any]) -> Any:
    """Construct a model on the meta device."""
    with torch.device("meta"):
        return make()


def tensors(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer under each of its names."""
    return {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }


def assert_equal_to_eager(make: Callable[[], Any], rules: Any = "torch-default", **options: Any) -> Any:
    """Materialize a model, hold it against an eager one, and return it."""
    eager, model = make(), on_meta(make)
    plan = iw.plan(eager, rules, seed=3)
    iw.apply(eager, plan)
    objects = {name: id(tensor) for name, tensor in tensors(model).items()}
    iw.materialize(model, iw.plan(model, rules, seed=3), **options)
    here, there = tensors(model), tensors(eager)
    assert here.keys() == there.keys()
    for name, one in here.items():
        other = there[name]
        assert torch.equal(one, other), name
        assert (one.dtype, one.stride(), one.requires_grad) == (other.dtype, other.stride(), other.requires_grad), name
        assert id(one) == objects[name], name
    assert model.state_dict().keys() == eager.state_dict().keys()
    return model
