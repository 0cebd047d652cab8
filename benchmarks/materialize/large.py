"""Llama 3.1 405B on meta: planned whole, and materialized on one rank of many."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

import initwise as iw
from initwise.shards import held

RANKS = 1024


@dataclass(frozen=True)
class Large:
    """Seconds a step, and how much one rank holds."""

    parameters: int
    held: int
    ranks: int
    steps: Sequence[tuple[str, float]]


def llama() -> nn.Module:
    """405.9 B parameters in bfloat16: https://huggingface.co/meta-llama/Llama-3.1-405B, config.json."""
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=128256,
        hidden_size=16384,
        intermediate_size=53248,
        num_hidden_layers=126,
        num_attention_heads=128,
        num_key_value_heads=8,
        max_position_embeddings=131072,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
        dtype="bfloat16",
    )
    with torch.device("meta"):
        model: nn.Module = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    return model


def large() -> Large:
    """Construct, plan, shard and materialize it, and time each."""
    from torch.distributed.fsdp import fully_shard
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", rank=RANKS - 1, world_size=RANKS, store=FakeStore())
    try:
        steps = []
        began = time.perf_counter()

        def done(step: str) -> None:
            nonlocal began
            steps.append((step, time.perf_counter() - began))
            began = time.perf_counter()

        model = llama()
        parameters = sum(each.numel() for each in model.parameters())
        done("construct on meta")
        plan = iw.plan(model, "llama", seed=0)
        done("plan")
        for layer in model.get_submodule("model.layers").children():
            fully_shard(layer)
        fully_shard(model)
        done("fully_shard")
        iw.materialize(model, plan, agree=False)
        done("materialize")
        here = sum(held(each).local.numel() for each in model.parameters())
        return Large(parameters, here, RANKS, steps)
    finally:
        dist.destroy_process_group()
