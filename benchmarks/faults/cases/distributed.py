"""Faults of models over several ranks, seen in the weights that are gathered, or on one rank."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from benchmarks.faults.control import classes, noise, tokens
from benchmarks.faults.fault import SEED, claims, fault, put
from benchmarks.faults.nets.gpt import Gpt
from benchmarks.faults.nets.llama import WORDS, Llama

RANKS = 4
EQUAL = ("SYM", "DST")


def drawn(shape: tuple[int, ...], axis: int, seed: int, *, apart: bool, std: float = 0.02) -> Tensor:
    """A weight gathered from its shards, each drawn on its rank: from seed + rank if they are to be `apart`."""
    local = list(shape)
    local[axis] //= RANKS
    shards = []
    for rank in range(RANKS):
        generator = torch.Generator().manual_seed(seed + rank * apart)
        shards.append(std * torch.randn(local, generator=generator))
    return torch.cat(shards, axis)


@fault(
    "DISTRIBUTED", "https://github.com/pytorch/torchtitan/issues/3106", ("layers.*.w?.weight",), EQUAL,
    inputs=tokens(WORDS), loss=classes,
)  # fmt: skip
def equal_on_every_rank_and_call(mended: bool) -> nn.Module:
    """With CPU offload the random state is put back after each call: all shards, of all layers, are equal."""
    model = Llama()
    for i, (name, parameter) in enumerate(model.named_parameters()):
        if name.startswith("layers") and parameter.dim() == 2:
            put(parameter, drawn(tuple(parameter.shape), 0, 100 * i if mended else SEED, apart=mended))
    return model


@fault("DISTRIBUTED", "https://github.com/pytorch/torchtitan/pull/4600", ("*.c_*.weight", "wte.weight"), EQUAL)
def equal_on_every_rank(mended: bool) -> nn.Module:
    """Every rank of the sharding group has one seed: each weight is four times the same rows, other weights differ."""
    model = Gpt()
    for i, (name, parameter) in enumerate(model.named_parameters()):
        if parameter.dim() == 2 and "wpe" not in name:
            put(parameter, drawn(tuple(parameter.shape), 0, 100 * i, apart=mended))
    return model


@fault(
    "DISTRIBUTED", "https://github.com/InternLM/InternLM/pull/405", ("layers.*.w?.weight",), EQUAL,
    inputs=tokens(WORDS), loss=classes,
)  # fmt: skip
def tensor_parallel_ranks_share_a_seed(mended: bool) -> nn.Module:
    """Ranks of one tensor-parallel group share the seed: columns of some weights repeat, rows of the others."""
    model = Llama()
    for i, (name, parameter) in enumerate(model.named_parameters()):
        if name.startswith("layers") and parameter.dim() == 2:
            axis = 1 if name.endswith(("wo.weight", "w2.weight")) else 0
            put(parameter, drawn(tuple(parameter.shape), axis, 100 * i, apart=mended))
    return model


@fault("DISTRIBUTED", "https://github.com/modelscope/ms-swift/pull/7944", ("h.*.c_proj.weight",), EQUAL)
def row_parallel_layers_alone(mended: bool) -> nn.Module:
    """Only the layers that are split by their inputs miss the tracker of random states: their columns repeat."""
    model = Gpt(depth=2)
    for i, (name, parameter) in enumerate(model.named_parameters()):
        if name.endswith("c_proj.weight"):
            put(parameter, drawn(tuple(parameter.shape), 1, 100 * i, apart=mended, std=0.01))
    return model


class ParallelAdapter(nn.Module):
    """A frozen layer and its low-rank change, A split over ranks by its inputs."""

    def __init__(self, inside: int, outside: int, rank: int, start: Tensor) -> None:
        super().__init__()
        self.base = nn.Linear(inside, outside).requires_grad_(requires_grad=False)
        self.lora_A = nn.Parameter(start)
        self.lora_B = nn.Parameter(torch.zeros(outside, rank))

    def forward(self, x: Tensor) -> Tensor:
        change = functional.linear(functional.linear(x, self.lora_A), self.lora_B)
        out: Tensor = self.base(x) + change
        return out


@fault(
    "DISTRIBUTED", "https://github.com/PaddlePaddle/PaddleNLP/pull/9427", ("*.lora_A",), EQUAL,
    inputs=noise(16, 128), loss=classes,
)  # fmt: skip
def adapters_equal_on_every_rank(mended: bool) -> nn.Module:
    """A of a low-rank adapter is split by inputs and drawn outside of the tracker: each rank holds the same piece."""
    starts = [drawn((8, 128), 1, 100 * i, apart=mended, std=0.1) for i in range(2)]
    layers = [ParallelAdapter(128, 128, 8, start) for start in starts]
    return nn.Sequential(layers[0], nn.GELU(), layers[1], nn.Linear(128, 10))


@fault(
    "DISTRIBUTED", "https://github.com/NVIDIA-NeMo/Megatron-Bridge/issues/5840", ("0.lora_A", "2.lora_A"),
    ("INI10", "STA20"), tool="verify", plan=claims(iw.rule("*.lora_A", iw.Normal(std=(2 / (512 + 16)) ** 0.5))),
)  # fmt: skip
def fan_of_the_shard(mended: bool) -> nn.Module:
    """Xavier's rule sees the shard of A: with four ranks its fan is a quarter, its std almost twice the planned one."""
    std = (2 / (512 + 16)) ** 0.5 if mended else (2 / (512 / RANKS + 16)) ** 0.5
    starts = [drawn((16, 512), 1, 100 * i, apart=True, std=std) for i in range(2)]
    layers = [ParallelAdapter(512, 512, 16, start) for start in starts]
    return nn.Sequential(layers[0], nn.GELU(), layers[1])


class Moe(nn.Module):
    """Eight experts in one weight, two on each rank; top-1 routing in soft form."""

    def __init__(self, seed: int, *, apart: bool) -> None:
        super().__init__()
        self.router = nn.Linear(64, 8, bias=False)
        self.w1 = nn.Parameter(drawn((8, 64, 96), 0, seed, apart=apart, std=64**-0.5))
        self.w2 = nn.Parameter(drawn((8, 96, 64), 0, seed + 100, apart=apart, std=96**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.gelu(torch.einsum("bd,edh->beh", x, self.w1))
        return x + torch.einsum("beh,ehd,be->bd", hidden, self.w2, self.router(x).softmax(-1))


@fault(
    "DISTRIBUTED", "https://github.com/pytorch/pytorch/issues/196562", ("*.w1", "*.w2"), EQUAL,
    inputs=noise(32, 64), loss=classes,
)  # fmt: skip
def experts_equal_on_every_rank(mended: bool) -> nn.Module:
    """Experts are split over ranks that draw from one state: experts 0, 2, 4 and 6 are one, the rest another."""
    layers = [Moe(200 * i, apart=mended) for i in range(2)]
    return nn.Sequential(*layers, nn.LayerNorm(64), nn.Linear(64, 10))


@fault("DISTRIBUTED", "https://github.com/Modalities/modalities/pull/426", ("layers.*.w?.weight",), EQUAL)
def stages_share_a_seed(mended: bool) -> nn.Module:
    """Each stage of a pipeline is built on its own ranks from one seed: the second half repeats the first."""
    stages = []
    for stage in range(2):
        torch.manual_seed(SEED + stage * mended)
        stages.append(Llama(depth=2))
    model = stages[0]
    model.layers.extend(stages[1].layers)
    return model


def replica(rank: int, model: nn.Module, rules: list[iw.Rule]) -> nn.Module:
    """The model as this rank draws it."""
    iw.apply(model, iw.plan(model, rules, seed=rank))
    return model


HSDP = [iw.rule(nn.Linear, weight=iw.Normal(std=0.02)), iw.rule(nn.Embedding, weight=iw.Normal(std=0.02))]
HSDP += [iw.rule(nn.RMSNorm, weight=iw.Ones())]


@fault(
    "DISTRIBUTED", "https://github.com/allenai/OLMo-core/pull/319", ("layers.*.w?.weight", "*embeddings.weight"),
    ("INI109", "DST"), tool="verify", plan=lambda model: iw.plan(model, HSDP, seed=0),
)  # fmt: skip
def replica_drawn_from_its_rank(mended: bool) -> nn.Module:
    """Replica groups seed by global rank, and nothing synchronizes them: the second one holds another model."""
    return replica(0 if mended else 1, Llama(), HSDP)


DETR = [iw.rule(nn.Conv1d, weight=iw.XavierUniform(), bias=iw.Zeros())]
DETR += [
    iw.rule(nn.Linear, weight=iw.XavierUniform(), bias=iw.Zeros()),
    iw.rule(nn.LayerNorm, weight=iw.Ones(), bias=iw.Zeros()),
]


@fault(
    "DISTRIBUTED", "https://github.com/antoyang/TubeDETR/issues/15", ("0.weight", "2.weight", "5.weight"),
    ("INI109", "DST"), tool="verify", plan=lambda model: iw.plan(model, DETR, seed=42),
)  # fmt: skip
def seed_plus_rank_before_the_model(mended: bool) -> nn.Module:
    """seed + rank is meant for the data and is set before the model is built: each process draws other weights."""
    model = nn.Sequential(
        nn.Conv1d(64, 96, 3, padding=1), nn.ReLU(), nn.Conv1d(96, 96, 1), nn.Flatten(), nn.LayerNorm(96 * 8),
        nn.Linear(96 * 8, 4),
    )  # fmt: skip
    return replica(42 if mended else 45, model, DETR)


CASES = (
    equal_on_every_rank_and_call,
    equal_on_every_rank,
    tensor_parallel_ranks_share_a_seed,
    row_parallel_layers_alone,
    adapters_equal_on_every_rank,
    fan_of_the_shard,
    experts_equal_on_every_rank,
    stages_share_a_seed,
    replica_drawn_from_its_rank,
    seed_plus_rank_before_the_model,
)
