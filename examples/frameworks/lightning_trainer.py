"""Lightning's Trainer: built on meta in `configure_model`, in one process or in shards (needs `lightning`).

python -m examples.frameworks.lightning_trainer
python -m examples.frameworks.lightning_trainer 2       # two processes, each with half of every parameter

`materialize` leaves nothing on meta, so that nothing is left to Lightning's own way, which calls `reset_parameters` and
warns of modules that have none.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import torch
from torch import Tensor, nn

import initwise as iw
from examples.frameworks.net import Net, plain, plan, shard


def module(*, sharded: bool) -> Any:
    """A language model as a LightningModule; `start` remembers the digest of what it began with."""
    import lightning

    class Language(lightning.LightningModule):
        """`configure_model` is called in every process, before the optimizer is made."""

        def __init__(self) -> None:
            super().__init__()
            self.net: Net | None = None
            self.start = ""

        def configure_model(self) -> None:
            if self.net is not None:  # the Trainer may call it again: for a validation after training, say
                return
            with torch.device("meta"):
                self.net = Net()
            if sharded:
                shard(self.net, self.device_mesh["data_parallel"])
            iw.materialize(self.net, plan(self.net), device=self.trainer.strategy.root_device)
            self.start = iw.digest(self.net, buffers=True)

        def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
            assert self.net is not None  # noqa: S101 - for the type checker
            return nn.functional.cross_entropy(self.net(batch[0]).flatten(0, 1), batch[0].flatten())

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=1e-3)

    return Language()


def main(devices: int = 1, *, sharded: bool = False) -> Any:
    """Train two steps, and return the module."""
    import lightning
    from lightning.pytorch.strategies import ModelParallelStrategy

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    sharded = sharded or devices > 1
    model = module(sharded=sharded)
    trainer = lightning.Trainer(
        max_steps=2,
        accelerator="cpu",
        devices=devices,
        strategy=ModelParallelStrategy(process_group_backend="gloo") if sharded else "auto",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    tokens = torch.utils.data.TensorDataset(torch.arange(16 * 8).reshape(16, 8) % 32)
    trainer.fit(model, torch.utils.data.DataLoader(tokens, batch_size=4))
    same = model.start == iw.digest(plain(), buffers=True)
    print(f"{'in shards' if sharded else 'whole'}: the weights of a plain model: {same}")
    return model


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
