"""DeepSpeed: partitions are written where they are; the real library is asked where it is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from examples.frameworks.deepspeed_zero import apply_to_partitions
from examples.frameworks.net import Net, plain, plan
from tests.frameworks.partitions import joined, partitioned


@pytest.mark.parametrize("world", [1, 2, 3, 40])
def test_the_partitions_of_all_processes_make_the_whole(world: int) -> None:
    expected = plain()
    ranks = [partitioned(Net(), rank, world) for rank in range(world)]
    for rank, model in enumerate(ranks):
        apply_to_partitions(model, plan(expected), rank)
    for name, parameter in expected.named_parameters():
        assert torch.equal(joined(name, ranks), parameter), name


@pytest.mark.long
def test_the_real_library_gathers_what_was_written(tmp_path: Path) -> None:
    pytest.importorskip("deepspeed", reason="deepspeed is not installed: pip install deepspeed")
    root = Path(__file__).parent.parent.parent
    torchrun = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "examples.frameworks.deepspeed_zero"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert all(f"rank {rank}: the weights of a plain model: True" in done.stdout for rank in range(2)), done.stderr
