"""Watch a run of Lightning's Trainer (needs `lightning`).

python -m examples.monitor_lightning
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor, nn

import initwise as iw
from initwise.monitoring import lightning_callback


def module() -> Any:
    """A classifier as a LightningModule."""
    import lightning

    class Classifier(lightning.LightningModule):
        """Two layers."""

        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4))

        def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
            return nn.functional.cross_entropy(self.body(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    return Classifier()


def main(accumulate: int = 2, batches: int = 12) -> iw.Monitor:
    """Train for an epoch; a step of the monitor is a step of the optimizer."""
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    model = module()
    plan = iw.plan(model, "kaiming", seed=0)
    iw.apply(model, plan)
    monitor = iw.Monitor(model, plan)
    data = torch.utils.data.TensorDataset(torch.randn(8 * batches, 16), torch.arange(8 * batches) % 4)
    trainer = lightning.Trainer(
        max_epochs=1,
        accumulate_grad_batches=accumulate,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[lightning_callback(monitor)],
    )
    trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=8))
    print(f"{monitor.steps} steps of the optimizer, {len(monitor.alerts)} alerts.")
    return monitor


if __name__ == "__main__":
    main()
