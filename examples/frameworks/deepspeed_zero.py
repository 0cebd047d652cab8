"""DeepSpeed's `zero.Init` (ZeRO stage 3): each process writes its own partitions, and nothing is gathered.

torchrun --nproc-per-node 2 -m examples.frameworks.deepspeed_zero       (needs `deepspeed`)

Before `deepspeed.initialize`, whose optimizer makes copies in float32 of what it finds. Where little memory is not the
point, `deepspeed.zero.GatheredParameters(list(model.parameters()), modifier_rank=0)` around `iw.apply` does the same.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import nn

import initwise as iw
from examples.frameworks.net import Net, plain, plan

CONFIG = {"train_batch_size": 8, "zero_optimization": {"stage": 3}}


def apply_to_partitions(model: nn.Module, plan: iw.Plan, rank: int, agree: Any = False) -> None:
    """Write the flat pieces that `zero.Init` left with this process: run number `rank` of each parameter's elements."""
    parts, shards, names = nn.ParameterList(), {}, {}
    for index, (name, parameter) in enumerate(model.named_parameters()):
        of: Any = parameter
        start = min(rank * of.ds_tensor.numel(), of.ds_numel)  # the last pieces are padded, or nothing but padding
        parts.append(nn.Parameter(of.ds_tensor[: of.ds_numel - start], requires_grad=False))
        shards[str(index)] = iw.FlatRange(tuple(of.ds_shape), start)
        names[str(index)] = name
    iw.apply(parts, plan, shards=shards, names=names, agree=agree)


def main() -> Any:
    """Partition, write, gather, compare."""
    import deepspeed

    deepspeed.init_distributed("gloo")
    with torch.device("meta"):
        decided = plan(Net())  # from a whole model: partitioned parameters have no shapes
    with deepspeed.zero.Init(config_dict_or_path=CONFIG):
        model = Net()
    apply_to_partitions(model, decided, dist.get_rank(), agree=dist.group.WORLD)
    with deepspeed.zero.GatheredParameters(list(model.parameters())):
        print(f"rank {dist.get_rank()}: the weights of a plain model: {iw.digest(model) == iw.digest(plain())}")
    return model


if __name__ == "__main__":
    main()
