"""What `make demo` runs: GPT-2 (124 M) from a plan, checked, and compared with `torch.nn.init` on this machine.

Run it with `python -m examples.demo`.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

import initwise as iw
from examples import gpt2


def fill_with_torch(model: gpt2.GPT2) -> None:
    """The recipe's laws by hand, with `torch.nn.init`, each parameter once."""
    residual = 0.02 / (2 * model.config.layers) ** 0.5
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif ".ln_" in name:
            nn.init.ones_(parameter)
        else:
            nn.init.normal_(parameter, std=residual if name.endswith("c_proj.weight") else 0.02)


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def race(model: gpt2.GPT2, rounds: int = 5) -> tuple[float, float]:
    """Median seconds of torch and of plan + apply, in turns."""
    times = [
        (
            seconds(lambda: fill_with_torch(model)),
            seconds(lambda: iw.apply(model, iw.plan(model, "gpt2", seed=0))),
        )
        for _ in range(rounds)
    ]
    return statistics.median(torch for torch, _ in times), statistics.median(ours for _, ours in times)


def main() -> None:
    """Build, plan, look, apply, verify, compare."""
    model = gpt2.build()
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"GPT-2 in plain PyTorch (examples/gpt2.py): {count:,} parameters. The plan, before anything is written:\n")

    plan = iw.plan(model, "gpt2", seed=0)
    print(plan.summary())

    iw.apply(model, plan)
    report = iw.verify(model, plan)
    same = sum(row.proof == "bit for bit" for row in report.rows)
    print(f"\nApplied, then verified: {same} of {len(report.rows)} parameters hold the plan's numbers bit for bit.")
    print(f"Digest of the weights: {iw.digest(model)} (seed 0 gives this one on any machine)")

    theirs, ours = race(model)
    print(f"\ntorch.nn.init with the same laws: {1000 * theirs:.0f} ms; initwise, plan + apply: {1000 * ours:.0f} ms;")
    print(f"so {theirs / ours:.1f} times as fast here: {platform.machine()}, {torch.get_num_threads()} threads,")
    print(f"{torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}, medians of 5 runs in turns.")
    print("\nYour own model: initwise plan yourfile.py:build   (auto; more in README.md)")


if __name__ == "__main__":
    main()
