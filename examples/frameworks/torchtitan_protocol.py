"""The protocol of torchtitan's trainer: shard on meta, `to_empty`, `init_weights(buffer_device=...)`.

torchrun --nproc-per-node 2 -m examples.frameworks.torchtitan_protocol

torchtitan itself is not needed: `train` does what its public documentation (docs/fsdp.md) and trainer do, in the same
order. The plan is made where the model is whole, in its constructor, so that a pipeline stage, which is a copy with
layers taken out, draws the weights of the whole.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist

import initwise as iw
from examples.frameworks.net import Net, plain, plan, shard


class TitanNet(Net):
    """The model of the other examples, with the one method that torchtitan asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.plan = plan(self)  # on meta: no memory is needed

    def init_weights(self, buffer_device: torch.device | str | None = None) -> None:
        """Write what this process holds: parameters by plan; buffers are ours to compute, `to_empty` lost them."""
        self.head.weight = self.embed.weight  # `to_empty` has made two of one
        iw.apply(self, self.plan.part(self))
        with torch.device(buffer_device or self.decay.device):
            self.decay = self.base ** -(torch.arange(self.width) / self.width)


def train(device: str = "cpu") -> Any:
    """What the trainer does with a model before it makes the optimizer."""
    with torch.device("meta"):
        model: Any = TitanNet()
    shard(model)
    model.to_empty(device=device)
    with torch.no_grad():
        model.init_weights(buffer_device=None)
    return model.train()


def main() -> Any:
    """One process or as many as torchrun starts: the weights of one."""
    if dist.is_torchelastic_launched():
        dist.init_process_group("gloo")  # who is who stands in the environment
    else:
        store = dist.HashStore()  # type: ignore[attr-defined]
        dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    model = train()
    same = iw.digest(model, buffers=True) == iw.digest(plain(), buffers=True)
    print(f"rank {dist.get_rank()} of {dist.get_world_size()}: the weights of a plain model: {same}")
    dist.destroy_process_group()
    return model


if __name__ == "__main__":
    main()
