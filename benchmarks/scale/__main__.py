"""What a rank costs: `make bench-scale`, or `python -m benchmarks.scale`.

Each rank of eight is timed by itself, on one core and one thread, one after the other: so ranks do not take each
other's memory bandwidth, and a machine of any size measures the same. They belong to a process group that is not there,
whose collectives return at once; what is timed is all that a rank does by itself, its comparison of plans included.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

import initwise as iw
from benchmarks.machine import machine

RESULTS = Path(__file__).with_name("RESULTS.md")
WORLD, GOAL = 8, 1.3
SMALL = 1000  # tensors that are too small to count
HEAD = f"""# What a rank costs

`iw.apply` on {WORLD} ranks of `fully_shard`, on one core and one thread, each rank timed by itself: its time, times
{WORLD}, over that of one process that writes the whole, timed right before and after it, since machines change their
pace. The median of the {WORLD} ranks stands here; their shares are equal but for a row. 1 is perfect; the goal for
element-wise laws is at most {GOAL}. Structured laws are computed block by block on every rank that holds some of the
block: a matrix that is cut among all ranks costs each of them what it costs one process. Memory is touched before it
is written.

What stands above 1 is what a tensor costs whatever its size: reading the model, checks, keys. The lines of small
tensors say how much; they matter where a rank has less than about a million elements for each tensor."""
TABLE = """| weights | recipe | elements | one process, ms | a rank, ms | x 8, over one process |
|---|---|---:|---:|---:|---:|"""


class Wide(nn.Module):
    """One large matrix and what stands beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4096, 8192), nn.Linear(8192, 4096)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        moved: torch.Tensor = self.second(torch.relu(self.first(x)))
        return moved


class Vectors(nn.Module):
    """Many small tensors: reading and checking them is what takes time."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.ParameterList(nn.Parameter(torch.empty(64)) for _ in range(SMALL))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * sum(self.each)


def gpt2() -> nn.Module:
    """GPT-2 small, 124 M parameters, 148 tensors."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model: nn.Module = GPT2LMHeadModel(GPT2Config())
    return model


def llama() -> nn.Module:
    """Two layers of a Llama of 8 B parameters: tensors of the size that models have today."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8}
    model: nn.Module = LlamaForCausalLM(LlamaConfig(num_hidden_layers=2, vocab_size=32000, **sizes))
    return model


def square() -> nn.Module:
    """A matrix for a structured law."""
    return nn.Linear(2048, 2048, bias=False)


NORMAL = [iw.rule(nn.Linear, weight=iw.Normal(std=0.02), bias=iw.Zeros())]
UNIFORM = [iw.rule(nn.Linear, weight=iw.Uniform(-0.02, 0.02), bias=iw.Zeros())]
TRUNCATED = [iw.rule(nn.Linear, weight=iw.TruncatedNormal(std=0.02), bias=iw.Zeros())]
CASES: list[tuple[str, Callable[[], nn.Module], str, Any, torch.dtype]] = [
    ("two matrices, 4096 x 8192", Wide, "normal", NORMAL, torch.float32),
    ("two matrices, 4096 x 8192", Wide, "uniform", UNIFORM, torch.float32),
    ("two matrices, 4096 x 8192", Wide, "truncated normal", TRUNCATED, torch.float32),
    ("two matrices, 4096 x 8192, bfloat16", Wide, "normal", NORMAL, torch.bfloat16),
    ("GPT-2 small", gpt2, "gpt2", "gpt2", torch.float32),
    ("GPT-2 small", gpt2, "torch-default", "torch-default", torch.float32),
    ("two layers of Llama 8 B, bfloat16", llama, "auto", "auto", torch.bfloat16),
    (f"{SMALL:,} vectors of 64", Vectors, "normal", iw.rule("*", iw.Normal(std=0.02)), torch.float32),
    (f"{SMALL:,} vectors of 64", Vectors, "ones", iw.rule("*", iw.Ones()), torch.float32),
    ("a matrix, 2048 x 2048", square, "orthogonal (structured)", iw.rule("*", iw.Orthogonal()), torch.float32),
]


def model_on(rank: int | None, make: Callable[[], nn.Module], dtype: torch.dtype) -> Any:
    """The model with memory that was touched: the whole of it, or a rank's part."""
    with torch.device("meta"):
        model: Any = make().to(dtype)
    if rank is not None:
        from torch.distributed.fsdp import fully_shard

        stacks = {"h", "layers"}
        for name, module in model.named_modules():
            if name.rpartition(".")[2] in stacks:
                for layer in module:
                    fully_shard(layer)
        fully_shard(model)
    model.to_empty(device="cpu")
    if hasattr(model, "tie_weights"):
        model.tie_weights()
    with torch.no_grad():
        for parameter in model.parameters():
            (parameter.to_local() if rank is not None else parameter).zero_()
    return model


def timed(model: nn.Module, plan: iw.Plan, rounds: int) -> float:
    """The least processor time of `apply`, in seconds: what else runs on the machine only adds to it."""
    found = []
    for _ in range(rounds + 1):
        began = time.process_time()
        iw.apply(model, plan)
        found.append(time.process_time() - began)
    return min(found[1:])


def measured(rank: int | None, rounds: int) -> list[float]:
    """The times of all cases on one rank, or in one process, which this one is."""
    from torch.testing._internal.distributed.fake_pg import FakeStore

    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if rank is not None:
        dist.init_process_group("fake", rank=rank, world_size=WORLD, store=FakeStore())
    return [
        timed(model_on(rank, make, dtype), planned(make, rules, dtype), rounds) for _, make, _, rules, dtype in CASES
    ]


def apart(rank: int | None, rounds: int) -> list[float]:
    """The same in a process of its own."""
    words = ["--rounds", str(rounds), "--rank", "alone" if rank is None else str(rank)]
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.scale", *words]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(each) for each in json.loads(printed.splitlines()[-1])]


def planned(make: Callable[[], nn.Module], rules: Any, dtype: torch.dtype) -> iw.Plan:
    """The plan of the whole model, made without memory."""
    with torch.device("meta"):
        return iw.plan(make().to(dtype), rules, seed=0)


def lines(rounds: int) -> Iterator[str]:
    """The page, line by line."""
    yield from (HEAD, "", machine(), "", *TABLE.splitlines())
    whole, ranks = [apart(None, rounds)], []
    for rank in range(WORLD):
        ranks.append(apart(rank, rounds))
        whole.append(apart(None, rounds))
    for number, (name, make, recipe, rules, dtype) in enumerate(CASES):
        alone, each = ([run[number] for run in runs] for runs in (whole, ranks))
        elements = sum(math.prod(row.shape) for row in planned(make, rules, dtype))
        ratio = median(WORLD * mine / min(beside) for mine, beside in zip(each, pairwise(alone), strict=True))
        times = f"{1e3 * median(alone):.1f} | {1e3 * median(each):.1f}"
        yield f"| {name} | {recipe} | {elements:,} | {times} | {ratio:.2f} |"
    load = f"Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the end."
    yield f"\nProcessor time, the least of {rounds} rounds. {load}"


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-file", action="store_true", help="print only")
    parser.add_argument("--rank", help="be one rank, or 'alone', and print the times of all cases")
    options = parser.parse_args()
    if options.rank is not None:
        print(json.dumps(measured(None if options.rank == "alone" else int(options.rank), options.rounds)))
        return
    page = []
    for each in lines(options.rounds):
        print(each, flush=True)
        page.append(each)
    if not options.no_file:
        RESULTS.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
