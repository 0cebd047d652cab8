"""Lightning: what the examples say, with the real library on the CPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from examples.frameworks.net import Net, plain, plan
from tests.frameworks.compared import differences

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the library

lightning: Any = pytest.importorskip("lightning", reason="lightning is not installed: pip install lightning")


@pytest.mark.parametrize("sharded", [False, True])
def test_a_model_that_configure_model_builds_on_meta_begins_with_the_weights_of_a_plain_one(
    sharded: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    from examples.frameworks.lightning_trainer import main

    model = main(sharded=sharded)
    assert "the weights of a plain model: True" in capsys.readouterr().out
    assert model.start == iw.digest(plain(), buffers=True)
    assert differences(model.net, plain()), "it was not trained"
    assert torch.equal(model.net.decay, Net().decay)


@pytest.mark.long
def test_two_processes_of_a_trainer_begin_with_the_weights_of_one() -> None:
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-W", "ignore", "-m", "examples.frameworks.lightning_trainer", "2"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.count("in shards: the weights of a plain model: True") == 2, done.stderr


def test_what_fabric_makes_empty_or_on_meta_has_the_weights_of_a_plain_model() -> None:
    from examples.frameworks.lightning_fabric import main

    for model in main():
        assert differences(model, plain()) == []


def test_what_a_trainer_makes_empty_has_the_weights_of_a_plain_model() -> None:
    trainer = lightning.Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False)
    with trainer.init_module(empty_init=True):
        model = Net()
    iw.materialize(model, plan(model))
    assert differences(model, plain()) == []


def test_a_model_that_fabric_has_set_up_has_the_names_of_the_model_itself() -> None:
    class Holder(nn.Module):
        """Its only part is called as that of data parallelism."""

        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(3, 2)

        def forward(self, inputs: torch.Tensor) -> Any:
            return self.module(inputs)

    for strategy in ("auto", "ddp"):
        fabric = lightning.Fabric(accelerator="cpu", devices=1, strategy=strategy)
        fabric.launch()
        for build in (Net, Holder):
            expected: nn.Module = build()
            iw.apply(expected, plan(expected))
            model = fabric.setup(build())
            assert plan(model).digest() == plan(expected).digest()
            iw.apply(model, plan(model))
            assert differences(model, expected) == []
            assert iw.digest(model, buffers=True) == iw.digest(expected, buffers=True)
