"""The protocol of torchtitan: `init_weights` after `fully_shard` and `to_empty`, in one process and in two."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn

if not dist.is_available():
    pytest.skip("this build of torch has no torch.distributed", allow_module_level=True)

import initwise as iw
from examples.frameworks.net import Net, plain, plan, shard
from examples.frameworks.torchtitan_protocol import TitanNet, main, train
from tests.frameworks.compared import differences
from tests.shards.ranks import launched


def test_init_weights_gives_shards_the_weights_of_a_plain_model(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    assert capsys.readouterr().out == "rank 0 of 1: the weights of a plain model: True\n"


def trained(rank: int, world: int) -> list[str]:
    model = train()
    assert model.head.weight is model.embed.weight
    return differences(model, plain())


def materialized(rank: int, world: int) -> list[str]:
    """Where the trainer is one's own, `materialize` stands for `to_empty` and `init_weights`."""
    with torch.device("meta"):
        model = Net()
    shard(model)
    iw.materialize(model, plan(model))
    assert model.head.weight is model.embed.weight
    return differences(model, plain())


@pytest.mark.parametrize("way", [trained, materialized])
def test_one_process_in_shards_has_every_parameter_and_buffer_of_a_plain_model(way: Any, tmp_path: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    assert way(0, 1) == []


@pytest.mark.long
def test_two_processes_have_halves_of_a_plain_model(tmp_path: Path) -> None:
    for rank in launched([trained, materialized], 2, tmp_path):
        assert rank == {"trained": [], "materialized": []}


def test_a_pipeline_stage_is_a_copy_without_some_layers_and_draws_what_the_whole_draws() -> None:
    with torch.device("meta"):
        stage: Any = copy.deepcopy(TitanNet())
    stage.layers[0] = nn.Identity()
    stage.to_empty(device="cpu")
    stage.init_weights()
    whole = plain()
    whole.layers[0] = nn.Identity()
    assert differences(stage, whole) == []
