"""Watch a plain training loop: which layers die, how far weights move, and what to try next.

python -m examples.monitor_loop
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

import initwise as iw
from initwise.monitoring import Csv, JsonLines


def main() -> None:
    """Train a small network whose last layers were drawn far too small, and look at what the monitor says."""
    model = nn.Sequential(
        nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 4)
    )
    plan = iw.plan(model, [iw.rule(nn.Linear, weight=iw.Normal(std=0.02), bias=iw.Zeros())], seed=0)
    iw.apply(model, plan)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    inputs, labels = torch.randn(256, 32, generator=generator), torch.arange(256) % 4

    with TemporaryDirectory() as folder:
        page = iw.pages.Html(Path(folder) / "training.html")  # open it while training goes on
        sinks = JsonLines(Path(folder) / "run.jsonl"), Csv(Path(folder) / "run.csv"), page
        monitor = iw.Monitor(model, plan, optimizer=optimizer, sinks=sinks)
        for _ in range(100):
            with monitor.step() as step:
                optimizer.zero_grad()
                step.loss = nn.functional.cross_entropy(model(inputs), labels)
                step.loss.backward()
                optimizer.step()
        monitor.close()
        print(f"{monitor.steps} steps, {len(monitor.frames)} of them looked at.")
    print(monitor.suggest())


if __name__ == "__main__":
    main()
