"""Faults: models built on the meta device whose memory, resets or ties came out otherwise than built at once."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from benchmarks.faults.control import classes, tokens
from benchmarks.faults.fault import claims, fault, normal, put
from benchmarks.faults.nets.llama import WORDS, Llama, Rotary, frequencies
from benchmarks.faults.nets.vit import LayerScale, ViT

Model = TypeVar("Model", bound=nn.Module)


class LayerNormLinear(nn.Module):
    """A norm and a linear layer in one module, each parameter with the function that is to reset it."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.layer_norm_weight = nn.Parameter(torch.ones(inside))
        self.layer_norm_bias = nn.Parameter(torch.zeros(inside))
        self.weight = nn.Parameter(0.02 * torch.randn(outside, inside))
        self.bias = nn.Parameter(torch.zeros(outside))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.layer_norm(x, x.shape[-1:], self.layer_norm_weight, self.layer_norm_bias)
        return functional.linear(x, self.weight, self.bias)


class Fused(nn.Module):
    """Three residual feed-forward layers made of fused ones."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, width)
        self.up = nn.ModuleList(LayerNormLinear(width, 2 * width) for _ in range(3))
        self.down = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(3))
        self.head = LayerNormLinear(width, WORDS)
        normal(self.down, 0.02)

    def forward(self, words: Tensor) -> Tensor:
        x = self.embed(words)
        for up, down in zip(self.up, self.down, strict=True):
            x = x + down(functional.gelu(up(x)))
        logits: Tensor = self.head(x)
        return logits


def reset(model: nn.Module, *names: str) -> None:
    """What a wrong reset does: these parameters are drawn as if they were weights."""
    for name, parameter in model.named_parameters():
        if name.rsplit(".", 1)[-1] in names:
            nn.init.normal_(parameter, std=0.02)


@fault(
    "META", "https://github.com/NVIDIA/TransformerEngine/issues/2528", ("*layer_norm_weight",),
    ("INI11", "STA20", "SIG50"), inputs=tokens(WORDS), loss=classes,
)  # fmt: skip
def fused_norm_drawn_by_reset(mended: bool) -> nn.Module:
    """reset_parameters() draws the norm's weight from N(0, 0.02 ** 2), which the constructor had set to one."""
    model = Fused()
    reset(model, "weight", *(() if mended else ("layer_norm_weight",)))
    normal(model.embed, 1.0)
    return model


@fault(
    "META", "https://github.com/NVIDIA/TransformerEngine/issues/2529", ("up.*.bias", "head.bias"), ("INI10", "STA20"),
    tool="verify",
    plan=claims(iw.rule(LayerNormLinear, weight=iw.Normal(std=0.02), bias=iw.Zeros(), layer_norm=iw.Keep())),
)  # fmt: skip
def bias_drawn_by_reset(mended: bool) -> nn.Module:
    """reset_parameters() draws the bias too, which is zero when the layer is built at once."""
    model = Fused()
    reset(model, "weight", *(() if mended else ("bias",)))
    return model


def emptied(model: Model) -> Model:
    """On the meta device, then on memory that nobody wrote."""
    return model.to("meta").to_empty(device="cpu")


@fault("META", "https://github.com/facebookresearch/dinov2/pull/476", ("blocks.*.gamma",), ("INI112",), tool="record")
def layer_scale_on_empty_memory(mended: bool) -> nn.Module:
    """LayerScale writes its factors in the constructor only: after to_empty() they are memory, in practice zeros."""
    model = emptied(ViT(scale=1e-5))
    for module in model.modules():
        if isinstance(module, LayerScale) and mended:
            nn.init.constant_(module.gamma, module.value)
        elif isinstance(module, nn.LayerNorm | nn.Conv2d | nn.Linear):
            module.reset_parameters()
    model.start()
    return model


@fault(
    "META", "https://github.com/huggingface/pytorch-image-models/pull/2605", ("blocks.*.gamma",), ("INI10", "STA20"),
    tool="verify", plan=claims(iw.rule("*.gamma", iw.Constant(1e-5))),
)  # fmt: skip
def layer_scale_reset_to_ones(mended: bool) -> nn.Module:
    """reset_parameters() of LayerScale writes ones, whatever the constructor was asked for."""
    model = ViT(scale=1e-5)
    for module in model.modules():
        if isinstance(module, LayerScale):
            nn.init.constant_(module.gamma, module.value if mended else 1.0)
    return model


@fault(
    "META", "https://github.com/NVIDIA-BioNeMo/bionemo-recipes/pull/1368", ("tok_embeddings.weight", "*.w?.weight"),
    ("INI10", "STA20"), tool="verify",
    plan=claims(iw.rule(nn.Embedding, weight=iw.Normal(std=0.02)), iw.rule(nn.Linear, weight=iw.Normal(std=0.02))),
)  # fmt: skip
def resets_are_not_the_models_rule(mended: bool) -> nn.Module:
    """After to_empty() each layer resets itself by torch's default, not by the model's own rule of N(0, 0.02 ** 2)."""
    model = emptied(Llama())
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding | nn.RMSNorm):
            module.reset_parameters()
        elif isinstance(module, Rotary):
            put(module.inv_freq, frequencies(2 * len(module.inv_freq)))
    if mended:
        model.start(scaled=())
    return model


class Router(nn.Module):
    """Chooses between experts; a bias that is no parameter balances the load."""

    expert_bias: Tensor

    def __init__(self, width: int, experts: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, width))
        self.register_buffer("expert_bias", torch.zeros(experts))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        scores = functional.linear(x, self.weight).sigmoid()
        best = (scores + self.expert_bias).topk(2, dim=-1).indices
        return scores * torch.zeros_like(scores).scatter(-1, best, 1.0)


class Mixture(nn.Module):
    """A router and four experts, each a gated layer."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.router = Router(width, 4)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 128), nn.SiLU(), nn.Linear(128, width)) for _ in range(4)
        )

    def forward(self, x: Tensor) -> Tensor:
        outs = torch.stack([expert(x) for expert in self.experts], dim=-1)
        return x + torch.einsum("...dk,...k->...d", outs, self.router(x))


@fault("META", "https://github.com/NVIDIA/Megatron-LM/pull/4154", ("*.expert_bias",), ("INI112",), tool="record")
def expert_bias_clobbered(mended: bool) -> nn.Module:
    """to_empty() also replaces a buffer that was never on the meta device, and nothing writes it again."""
    model = nn.Sequential(Mixture(), nn.LayerNorm(64), Mixture(), nn.LayerNorm(64), nn.Linear(64, 10))
    for module in model.modules():
        if isinstance(module, Router):
            module.to_empty(device="cpu")
            nn.init.normal_(module.weight, std=0.02)
            if mended:
                nn.init.zeros_(module.expert_bias)
    return model


@fault(
    "META", "https://github.com/huggingface/transformers/issues/45902", ("layers.*.inv_freq",), ("INI112",),
    tool="record",
)  # fmt: skip
def rotary_on_empty_memory(mended: bool) -> nn.Module:
    """Rotary frequencies are a buffer that no checkpoint holds: to_empty() leaves memory, nothing recomputes it."""
    model = emptied(Llama())
    model.start()
    for module in model.modules():
        if isinstance(module, nn.RMSNorm):
            module.reset_parameters()
        elif isinstance(module, Rotary) and mended:
            put(module.inv_freq, frequencies(2 * len(module.inv_freq)))
    return model


@fault(
    "META", "https://github.com/unslothai/unsloth/pull/4112", ("layers.*",), ("SIG50", "INI10", "GRD6"),
    inputs=tokens(WORDS), loss=classes,
)  # fmt: skip
def rotary_of_old_bits(mended: bool) -> nn.Module:
    """The frequencies were replaced by memory; here it holds huge numbers and NaN, and attention gives NaN."""
    model = Llama()
    for module in model.modules():
        if isinstance(module, Rotary) and not mended:
            put(module.inv_freq[3:], torch.tensor(float("nan")))
            put(module.inv_freq[:3], torch.tensor(3e38))
    return model


@fault(
    "META", "https://github.com/pytorch/pytorch/issues/107909", ("*.in_proj_weight", "*.in_proj_bias"), ("INI112",),
    tool="record",
)  # fmt: skip
def attention_without_public_reset(mended: bool) -> nn.Module:
    """nn.MultiheadAttention has no public reset_parameters(): a loop over those leaves its packed weight unwritten."""
    layer = nn.TransformerEncoderLayer(64, 4, 128, 0.0, batch_first=True)
    model = emptied(nn.Sequential(nn.Linear(24, 64), layer, nn.Linear(64, 5)))
    for module in model.modules():
        known = getattr(module, "reset_parameters", None)
        if known is not None:
            known()
        elif isinstance(module, nn.MultiheadAttention) and mended:
            module._reset_parameters()  # noqa: SLF001 - what the thread asks to be made public
    return model


class OwnNorm(nn.Module):
    """A norm that a trainer's list of known kinds does not name."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, x.shape[-1:], self.weight)


class Normed(nn.Module):
    """Such a norm, and a layer behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.layer = OwnNorm(64), nn.Linear(64, 64)

    def forward(self, x: Tensor) -> Tensor:
        return x + functional.gelu(self.layer(self.norm(x)))


@fault("META", "https://github.com/mosaicml/llm-foundry/pull/1745", ("*.norm.weight",), ("INI112",), tool="record")
def norm_of_unknown_kind(mended: bool) -> nn.Module:
    """The loop that initializes by kind knows linear layers and LayerNorm, and skips another library's RMS norm."""
    model = emptied(nn.Sequential(*(Normed() for _ in range(3)), nn.Linear(64, 8)))
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.reset_parameters()
        elif isinstance(module, OwnNorm) and mended:
            nn.init.ones_(module.weight)
    return model


CASES = (
    fused_norm_drawn_by_reset,
    bias_drawn_by_reset,
    layer_scale_on_empty_memory,
    layer_scale_reset_to_ones,
    resets_are_not_the_models_rule,
    expert_bias_clobbered,
    rotary_on_empty_memory,
    rotary_of_old_bits,
    attention_without_public_reset,
    norm_of_unknown_kind,
)
