"""accelerate: what the example says, with the real library; and what it offloads."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import initwise as iw
from examples.frameworks.net import plain, plan
from tests.frameworks.compared import differences

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the library

accelerate: Any = pytest.importorskip("accelerate", reason="accelerate is not installed: pip install accelerate")


@pytest.mark.parametrize("include_buffers", [False, True])
def test_empty_weights_become_those_of_a_plain_model_and_the_tie_holds(include_buffers: bool) -> None:
    from examples.frameworks.accelerate_empty import materialized

    model = materialized(include_buffers=include_buffers)
    assert differences(model, plain()) == []
    assert model.head.weight is model.embed.weight


def test_prepared_and_dispatched_models_keep_them_and_run() -> None:
    from examples.frameworks.accelerate_empty import main

    tokens = torch.arange(12).reshape(2, 6)
    for model in main():
        assert differences(model, plain()) == []
        assert torch.equal(model(tokens), plain()(tokens))


def test_a_model_prepared_for_several_processes_has_the_names_of_the_model_itself() -> None:
    expected = plain()
    model = accelerate.Accelerator(cpu=True).prepare(plain())
    iw.apply(model, iw.plan(model, "kaiming", seed=1))
    iw.apply(expected, iw.plan(expected, "kaiming", seed=1))
    assert differences(model, expected) == []


def test_an_offloaded_model_is_refused_and_its_hooks_give_the_weights_back() -> None:
    from accelerate.hooks import remove_hook_from_submodules

    model = accelerate.cpu_offload(plain(), execution_device="cpu")
    with pytest.raises(iw.ApplyError, match=r"apply: 1 problem\n.* offloaded by accelerate, whose hooks hold"):
        iw.apply(model, plan(plain()))
    with pytest.raises(iw.ApplyError, match=r"materialize: 1 problem\n.* offloaded by accelerate"):
        iw.materialize(model, plan(model))
    remove_hook_from_submodules(model)
    assert differences(model, plain()) == []
