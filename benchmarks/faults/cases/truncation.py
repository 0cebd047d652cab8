"""Faults: truncated normal values that are not truncated, or not normal, or where the wrong layers got them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from benchmarks.faults.control import classes, noise
from benchmarks.faults.fault import claims, fault, put
from benchmarks.faults.nets.llama import Llama
from benchmarks.faults.nets.vit import ViT, truncated

STD = 0.02
MATRICES = ("layers.*.w?.weight", "output.weight")


def by_erfinv(parameter: Tensor, std: float, low: float, high: float) -> None:
    """Truncated normal values as torch drew them until 2.12: uniform values of the parameter's own dtype, inverted."""
    left, right = (0.5 + 0.5 * math.erf(bound / std / math.sqrt(2)) for bound in (low, high))
    uniform = torch.empty_like(parameter).uniform_(2 * left - 1, 2 * right - 1)
    put(parameter, (uniform.erfinv() * (std * math.sqrt(2))).clamp(low, high))


@fault("TRUNC", "https://github.com/pytorch/torchtitan/issues/2269", MATRICES, ("STA20", "INI10"))
def spikes_of_bfloat16(mended: bool) -> nn.Module:
    """trunc_normal_ in bfloat16 rounds small uniform values to where erfinv is infinite: one value in 500 is -2."""
    model = Llama() if mended else Llama().bfloat16()
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1 and "tok_embeddings" not in name:
            by_erfinv(parameter, STD, -2.0, 2.0) if not mended else truncated(parameter, std=STD)
    return model.bfloat16()


@fault(
    "TRUNC", "https://github.com/pytorch/pytorch/issues/155588", ("blocks.*.mlp.0.weight", "blocks.*.qkv.weight"),
    ("STA20",), inputs=noise(4, 3, 16, 16), loss=classes,
)  # fmt: skip
def spikes_of_float32(mended: bool) -> nn.Module:
    """With a small std the float32 kernel left a few values at the bound, hundreds of sigmas out, in each block."""
    model = ViT()
    for name, weight in model.named_parameters():
        if name.endswith(("qkv.weight", "mlp.0.weight")):
            truncated(weight, std=0.005)
            if not mended:
                put(weight.view(-1)[7 :: weight.numel() // 3], torch.tensor(-2.0))
    return model


PLANNED = iw.TruncatedNormal(std=STD, bound=3.0, corrected=False)


@fault(
    "TRUNC", "https://github.com/pytorch/torchtitan/issues/3334", ("layers.*.w?.weight",), ("INI10", "STA20"),
    tool="verify", plan=claims(iw.rule(iw.Regex(r"layers\..*\.w.\.weight"), PLANNED)),
)  # fmt: skip
def bounds_at_100_sigmas(mended: bool) -> nn.Module:
    """The bounds of trunc_normal_ are values: with std 0.02 and the default of 2 they stand at 100 sigmas."""
    model = Llama()
    for name, parameter in model.named_parameters():
        if name.startswith("layers") and parameter.dim() > 1:
            bound = 3 * STD if mended else 2.0
            nn.init.trunc_normal_(parameter, std=STD, a=-bound, b=bound)
    return model


DEEP = iw.Normal(std=STD / math.sqrt(6))


@fault(
    "TRUNC", "https://github.com/pytorch/torchtitan/pull/3722", ("layers.*.w3.weight",), ("INI10", "STA20"),
    tool="verify",
    plan=claims(
        iw.rule("layers.*.w1.weight", iw.Normal(std=STD)), iw.rule("layers.*.w3.weight", iw.Normal(std=STD)),
        iw.rule("layers.*.w2.weight", DEEP), iw.rule("layers.*.wo.weight", DEEP),
    ),
)  # fmt: skip
def depth_scale_on_w3_too(mended: bool) -> nn.Module:
    """Of the gated feed-forward layer only w2 writes into the stream, but w3 was scaled by depth with it."""
    model = Llama()
    model.start(scaled=("wo", "w2") if mended else ("wo", "w2", "w3"))
    return model


@fault(
    "TRUNC", "https://github.com/karpathy/llama2.c/issues/579", ("layers.*.w3.weight", "layers.*.w2.weight"),
    ("INI10", "STA20"), tool="verify",
    plan=claims(iw.rule("layers.*.w3.weight", iw.Normal(std=STD)), iw.rule("layers.*.w2.weight", DEEP)),
)  # fmt: skip
def depth_scale_on_w3_instead(mended: bool) -> nn.Module:
    """The name w3 was written for w2: the writer into the stream kept its full scale."""
    model = Llama()
    model.start(scaled=("wo", "w2" if mended else "w3"))
    return model


JAX = iw.VarianceScaling(scale=1.0, mode="fan_in", distribution="truncated_normal")


@fault(
    "TRUNC", "https://github.com/mlcommons/algorithmic-efficiency/pull/819",
    ("patch_embed.weight", "blocks.*.weight", "head.weight"), ("INI10", "STA20"), tool="verify",
    plan=claims(iw.rule(nn.Linear, weight=JAX, bias=iw.Zeros()), iw.rule("patch_embed.weight", JAX)),
)  # fmt: skip
def jax_rule_without_its_bounds(mended: bool) -> nn.Module:
    """A port of JAX's truncated variance scaling corrects the std for a cut at two sigmas; its bounds stand at 2."""
    model = ViT()
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            std = module.weight[0].numel() ** -0.5 / 0.87962566103423978
            bound = 2 * std if mended else 2.0
            nn.init.trunc_normal_(module.weight, std=std, a=-bound, b=bound)
    return model


class MixTransformer(nn.Module):
    """Two stages of overlapping patches, depthwise convolutions inside of the feed-forward layers."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.ModuleList([nn.Conv2d(3, 48, 3, 2, 1), nn.Conv2d(48, 96, 3, 2, 1)])
        self.norms = nn.ModuleList([nn.LayerNorm(48), nn.LayerNorm(96)])
        self.up = nn.ModuleList([nn.Linear(48, 192), nn.Linear(96, 384)])
        self.down = nn.ModuleList([nn.Linear(192, 48), nn.Linear(384, 96)])
        self.head = nn.Linear(96, 10)

    def forward(self, x: Tensor) -> Tensor:
        for patch, norm, up, down in zip(self.patches, self.norms, self.up, self.down, strict=True):
            x = norm(patch(x).permute(0, 2, 3, 1))
            x = (x + down(functional.gelu(up(x)))).permute(0, 3, 1, 2)
        out: Tensor = self.head(x.mean((2, 3)))
        return out


def trunc_normal_init(module: object, std: float) -> None:
    """A library's helper: what has no weight and no bias is passed over in silence."""
    if isinstance(getattr(module, "weight", None), Tensor):
        truncated(module.weight, std=std)  # type: ignore[attr-defined]
        nn.init.zeros_(module.bias)  # type: ignore[attr-defined]


@fault(
    "TRUNC", "https://github.com/open-mmlab/mmsegmentation/pull/1069", ("up.*.weight", "down.*.weight", "head.weight"),
    ("INI10", "STA20"), tool="verify",
    plan=claims(iw.rule(nn.Linear, weight=iw.TruncatedNormal(std=STD, bound=2.0, corrected=False), bias=iw.Zeros())),
)  # fmt: skip
def helper_given_a_tensor(mended: bool) -> nn.Module:
    """The helper wants a module and is given its weight: it writes nothing, and the layers keep torch's default."""
    model = MixTransformer()
    for module in model.modules():
        if isinstance(module, nn.Linear):
            trunc_normal_init(module if mended else module.weight, STD)
            nn.init.zeros_(module.bias)
    return model


@fault(
    "TRUNC", "https://github.com/yfzhang114/SliME/issues/8", ("layers.*.w?.weight",), ("INI10", "STA20"),
    tool="verify", plan=claims(iw.rule(iw.Regex(r"layers\..*\.w.\.weight"), iw.Normal(std=STD))),
)  # fmt: skip
def erfinv_deleted(mended: bool) -> nn.Module:
    """erfinv lacked a bfloat16 kernel, so the line was deleted: what is left is uniform, and called normal."""
    model = Llama()
    for name, parameter in model.named_parameters():
        if not mended and name.startswith("layers") and parameter.dim() > 1:
            nn.init.uniform_(parameter, -STD * math.sqrt(2), STD * math.sqrt(2))
        elif name.startswith("layers") and parameter.dim() > 1:
            nn.init.normal_(parameter, std=STD)
    return model


@fault(
    "TRUNC", "https://github.com/foundation-model-stack/foundation-model-stack/issues/289",
    ("layers.*.w?.weight",), ("INI114",), tool="record",
)  # fmt: skip
def truncation_that_cuts_nothing(mended: bool) -> nn.Module:
    """trunc_normal_(std=0.02) without a and b: the call says truncated, and no value can ever be cut."""
    model = Llama()
    for layer in model.layers:
        for module in layer.modules():
            if isinstance(module, nn.Linear) and mended:
                truncated(module.weight, std=STD)
            elif isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=STD)
    return model


CASES = (
    spikes_of_bfloat16,
    spikes_of_float32,
    bounds_at_100_sigmas,
    depth_scale_on_w3_too,
    depth_scale_on_w3_instead,
    jax_rule_without_its_bounds,
    helper_given_a_tensor,
    erfinv_deleted,
    truncation_that_cuts_nothing,
)
