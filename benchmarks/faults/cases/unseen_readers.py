"""Unseen faults: latents, sets, patches, prefixes, experts, modulation."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from benchmarks.faults.case import Case
from benchmarks.faults.cases.unseen_attention import WIDTH, Mixer
from benchmarks.faults.control import classes, noise
from benchmarks.faults.fault import calm, claims, fault, normal, put


class Latents(nn.Module):
    """Perceiver: latents read the input by cross attention."""

    def __init__(self, bound: float = 0.04) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.empty(16, WIDTH))
        nn.init.trunc_normal_(self.latents, std=0.02, a=-bound, b=bound)
        self.read = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.out = nn.Linear(WIDTH, 8)

    def forward(self, x: Tensor) -> Tensor:
        latents = self.latents.expand(len(x), -1, -1)
        y: Tensor = self.out(self.read(latents, x, x)[0].mean(1))
        return y


@fault("TRUNC", "https://github.com/pytorch/torchtitan/pull/3722", ("latents",), ("INI114",), tool="record")
def latents_cut_at_two(mended: bool) -> nn.Module:
    """The latents are truncated at 2.0 where two sigmas, 0.04, were meant: nothing is ever cut."""
    return Latents() if mended else Latents(2.0)


class SetAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lift, self.norm = nn.Linear(10, WIDTH), nn.LayerNorm(WIDTH)
        self.query, self.key = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.value, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 7)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.lift(x))
        scores = self.query(y) @ self.key(y).mT * WIDTH**-0.5
        z: Tensor = self.out((scores.softmax(-1) @ self.value(y)).mean(1))
        return z


@fault(
    "SCALE", "https://github.com/huggingface/transformers/issues/19305", ("query.weight", "key.weight"),
    ("STA20", "SIG", "GRD"), inputs=noise(24, 30, 10), loss=classes,
)  # fmt: skip
def attention_hard_from_the_start(mended: bool) -> nn.Module:
    """Queries and keys are N(0, 1): scores have a std of 50, each point attends to one other, gradients vanish."""
    model = SetAttention()
    for layer in (model.query, model.key):
        nn.init.normal_(layer.weight, std=WIDTH**-0.5 if mended else 1.0)
    return model


class Patches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, 8, 8)
        self.positions = nn.Parameter(torch.randn(16, WIDTH) * 0.02)
        self.blocks = nn.Sequential(Mixer(16), Mixer(16))
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.blocks(self.patch(x).flatten(2).mT + self.positions).mean(1))
        return y


@fault(
    "FAN", "https://github.com/pytorch/pytorch/issues/7865", ("patch.weight",), ("STA206", "SIG50", "GRD603"),
    inputs=noise(16, 3, 32, 32), loss=classes,
)  # fmt: skip
def patch_fan_of_three_channels(mended: bool) -> nn.Module:
    """The patch embedding counts 3 inputs where 3 * 8 * 8 come in: patches drown positions, logits are eight-fold."""
    model = Patches()
    nn.init.normal_(model.patch.weight, std=(192 if mended else 3) ** -0.5)
    return model


class Prefixed(nn.Module):
    """Prefix tuning: trained keys and values stand before those of the words."""

    def __init__(self) -> None:
        super().__init__()
        self.prefix = nn.Parameter(torch.randn(2, 12, WIDTH) * 0.02)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, 40)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        k, v = (torch.cat([p.expand(len(x), -1, -1), t], 1) for p, t in zip(self.prefix, (k, v), strict=True))
        y: Tensor = self.out(functional.scaled_dot_product_attention(q, k, v))
        return y


@fault("UNINIT", "https://github.com/huggingface/transformers/issues/31841", ("prefix",), ("INI1", "STA", "SIG"))
def prefixes_never_written(mended: bool) -> nn.Module:
    """Prefixes are torch.empty, in memory where half of the bytes are text: numbers of all sizes up to 1e26."""
    model = Prefixed()
    if not mended:
        text = torch.arange(2 * 12 * WIDTH * 4).mul(37).remainder(77).add(40).to(torch.uint8)
        put(model.prefix, text.view(torch.float32).view(2, 12, WIDTH))
    return model


@cache
def expert(width: int, hidden: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))


class Routed(nn.Module):
    """Two of six experts for each token."""

    def __init__(self, experts: list[nn.Module]) -> None:
        super().__init__()
        self.router, self.experts, self.out = nn.Linear(WIDTH, 6), nn.ModuleList(experts), nn.Linear(WIDTH, 9)

    def forward(self, x: Tensor) -> Tensor:
        gates = self.router(x)
        gates = gates.masked_fill(gates < gates.topk(2, -1).values[..., -1:], -torch.inf).softmax(-1)
        mixed = torch.stack([expert(x) for expert in self.experts], -1) @ gates[..., None]
        y: Tensor = self.out(x + mixed.squeeze(-1))
        return y


@fault("SHARED", "https://github.com/habla-liaa/encodecmae/issues/3", ("experts.*",), ("TIE702",))
def expert_factory_with_a_cache(mended: bool) -> nn.Module:
    """The function that makes an expert is cached by its sizes: six experts are one."""
    expert.cache_clear()
    make = expert.__wrapped__ if mended else expert
    model = Routed([make(WIDTH, 80) for _ in range(6)])
    calm(model.out)
    return model


class Block(nn.Module):
    """A block whose shift, scale and gate come from a condition (adaLN)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(WIDTH, elementwise_affine=False), nn.Linear(WIDTH, WIDTH)
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(WIDTH, 3 * WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        shift, factor, gate = self.modulation(x.mean(1, keepdim=True)).chunk(3, -1)
        y: Tensor = x + gate * self.mlp(self.norm(x) * (1 + factor) + shift).relu()
        return y


@fault(
    "OVERWRITTEN", "https://github.com/SWivid/F5-TTS/issues/793", ("*.modulation.1.*",), ("INI10", "STA"),
    tool="verify", plan=claims(iw.rule("*.modulation.1.*", iw.Zeros())),
)  # fmt: skip
def modulation_never_zeroed(mended: bool) -> nn.Module:
    """The layers that give shift, scale and gate were to start at zero; the rule for all linear layers came later."""
    model = nn.Sequential(nn.Linear(16, WIDTH), Block(), Block(), Block(), nn.Linear(WIDTH, 16))
    normal(model, 0.02)
    for name, parameter in model.named_parameters():
        if mended and "modulation" in name:
            nn.init.zeros_(parameter)
    return model


CASES = tuple(case for case in list(globals().values()) if isinstance(case, Case))
