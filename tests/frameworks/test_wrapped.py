"""What is wrapped by torch itself gets the weights of the model within: DDP, FSDP1, `torch.compile`, all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

import initwise as iw
from examples.frameworks.net import Net, plain, plan
from tests.frameworks.compared import differences

if not dist.is_available():
    pytest.skip("this build of torch has no torch.distributed", allow_module_level=True)


def compiled(model: nn.Module) -> nn.Module:
    wrapped: nn.Module = torch.compile(model, backend="eager")  # type: ignore[assignment]
    return wrapped


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "compile": compiled,
    "DDP": nn.parallel.DistributedDataParallel,
    "compile of DDP": lambda model: compiled(nn.parallel.DistributedDataParallel(model)),
    "DDP of compile": lambda model: nn.parallel.DistributedDataParallel(compiled(model)),
}


@pytest.fixture
def alone(tmp_path: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapped_model_is_planned_written_and_verified_as_the_model_itself(name: str) -> None:
    model = WRAPPERS[name](Net())
    assert plan(model).digest() == plan(plain()).digest()
    iw.apply(model, plan(model))
    assert differences(model, plain()) == []
    assert iw.verify(model, plan(plain()), exact="required").ok
    assert iw.digest(model) == iw.digest(plain())


@pytest.mark.filterwarnings("ignore:FSDP is switching to use `NO_SHARD`")  # one process has nothing to share
@pytest.mark.usefixtures("alone")
def test_fsdp_of_the_first_kind_is_planned_before_and_written_after() -> None:
    from torch.distributed.fsdp import FullyShardedDataParallel

    decided = plan(Net())
    model = FullyShardedDataParallel(Net(), use_orig_params=True, device_id=torch.device("cpu"))
    iw.apply(model, decided)
    with FullyShardedDataParallel.summon_full_params(model):
        assert differences(model, plain()) == []
