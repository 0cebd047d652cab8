"""Faults: a rule with the wrong fan, gain or name; only what the code claims can tell."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from benchmarks.faults.fault import claims, fault
from benchmarks.faults.nets.convolutional import Generator
from benchmarks.faults.nets.gpt import Gpt
from benchmarks.faults.nets.vit import ViT

LAW = ("INI10", "STA20")


class KanLinear(nn.Module):
    """A linear layer and splines on a grid, whose weights are scaled by scale_base and scale_spline."""

    centres: Tensor

    def __init__(self, inside: int, outside: int, scale_base: float, *, mended: bool) -> None:
        super().__init__()
        self.base_weight = nn.Parameter(torch.empty(outside, inside))
        self.spline_weight = nn.Parameter(0.1 / inside * torch.randn(outside, inside, 8))
        self.register_buffer("centres", torch.linspace(-1.5, 1.5, 8))
        if mended:
            bound = scale_base / math.sqrt(inside)
            nn.init.uniform_(self.base_weight, -bound, bound)
        else:
            nn.init.kaiming_uniform_(self.base_weight, a=math.sqrt(5) * scale_base)

    def forward(self, x: Tensor) -> Tensor:
        bumps = torch.exp(-2 * (x[..., None] - self.centres) ** 2)
        base = functional.linear(functional.silu(x), self.base_weight)
        return base + torch.einsum("big,oig->bo", bumps, self.spline_weight)


@fault(
    "FAN", "https://github.com/Blealtan/efficient-kan/issues/72", ("*.base_weight",), LAW, tool="verify",
    plan=claims(
        iw.rule("0.base_weight", iw.Uniform(-3 / 8, 3 / 8)),
        iw.rule("1.base_weight", iw.Uniform(-3 / math.sqrt(128), 3 / math.sqrt(128))),
    ),
)  # fmt: skip
def kan_scale_as_a_slope(mended: bool) -> nn.Module:
    """scale_base is multiplied into `a`, the slope of a leaky ReLU: a larger scale gives smaller weights."""
    return nn.Sequential(KanLinear(64, 128, 3.0, mended=mended), KanLinear(128, 32, 3.0, mended=mended))


@fault(
    "FAN", "https://github.com/huggingface/transformers/issues/19305", ("cls_token", "pos_embed", "blocks.*.weight"),
    LAW, tool="verify",
    plan=claims(
        iw.rule("cls_token", iw.TruncatedNormal(std=0.02, corrected=False)),
        iw.rule("pos_embed", iw.TruncatedNormal(std=0.02, corrected=False)),
        iw.rule(nn.Linear, weight=iw.TruncatedNormal(std=0.02, corrected=False), bias=iw.Zeros()),
    ),
)  # fmt: skip
def vit_tokens_of_unit_scale(mended: bool) -> nn.Module:
    """A port of the vision transformer draws its positions and class token from N(0, 1), its layers without a cut."""
    model = ViT()
    if not mended:
        for parameter in (model.cls_token, model.pos_embed):
            nn.init.normal_(parameter)
        for module in model.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
    return model


class Actor(nn.Module):
    """DDPG's policy: two hidden layers, a tanh for each joint."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(33, 256), nn.Linear(256, 128), nn.Linear(128, 4)
        nn.init.uniform_(self.fc3.weight, -3e-3, 3e-3)

    def forward(self, state: Tensor) -> Tensor:
        out: Tensor = self.fc3(self.fc2(self.fc1(state).relu()).relu()).tanh()
        return out


@fault(
    "FAN", "https://github.com/udacity/deep-reinforcement-learning/issues/14", ("fc1.weight", "fc2.weight"), LAW,
    tool="verify",
    plan=claims(
        iw.rule("fc1.weight", iw.Uniform(-(33**-0.5), 33**-0.5)), iw.rule("fc2.weight", iw.Uniform(-1 / 16, 1 / 16))
    ),
)  # fmt: skip
def fan_in_from_the_first_axis(mended: bool) -> nn.Module:
    """hidden_init() takes weight.size()[0] for the fan-in, which in PyTorch is the fan-out."""
    model = Actor()
    for layer in (model.fc1, model.fc2):
        bound = layer.weight.shape[1 if mended else 0] ** -0.5
        nn.init.uniform_(layer.weight, -bound, bound)
    return model


class Packed(nn.Module):
    """Self-attention with one matrix for queries, keys and values, declared as three blocks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.norm(x + self.attention(x, x, x, need_weights=False)[0]).mean(1))
        return out


@fault(
    "FAN", "https://github.com/facebookresearch/xformers/pull/303", ("attention.in_proj_weight",), LAW, tool="verify",
    plan=claims(iw.rule("attention.in_proj_weight", iw.XavierUniform())),
)  # fmt: skip
def xavier_on_packed_projections(mended: bool) -> nn.Module:
    """Xavier's rule on the packed (3 width, width) matrix counts the outputs of all three: too small by sqrt(2)."""
    model = Packed(96)
    for block in model.attention.in_proj_weight.chunk(3) if mended else ():
        nn.init.xavier_uniform_(block)
    return model


class TransposedLinear(nn.Module):
    """x @ weight + bias, with the weight as (in, out)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inside, outside))
        self.bias = nn.Parameter(torch.zeros(outside))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x, self.weight)


@fault(
    "FAN", "https://github.com/pytorch/pytorch/pull/130122", ("0.weight", "2.weight"), LAW, tool="verify",
    plan=claims(iw.rule("0.weight", iw.Normal(std=1 / 8)), iw.rule("2.weight", iw.Normal(std=1 / 16))),
)  # fmt: skip
def kaiming_on_x_times_w(mended: bool) -> nn.Module:
    """kaiming_normal_ reads a weight as (out, in); for x @ w it takes the outputs for inputs: off by two each way."""
    model = nn.Sequential(TransposedLinear(64, 256), nn.Tanh(), TransposedLinear(256, 64))
    for name in ("0.weight", "2.weight"):
        weight = model.get_parameter(name)
        nn.init.kaiming_normal_(weight.T if mended else weight, nonlinearity="linear")
    return model


@fault(
    "FAN", "https://github.com/huggingface/transformers/issues/47458", ("h.*.c_proj.weight",), LAW, tool="verify",
    plan=claims(
        iw.rule("h.*.c_proj.weight", iw.Normal(std=0.02 / math.sqrt(8))),
        iw.rule("h.*.c_fc.weight", iw.Normal(std=0.02)), iw.rule("h.*.c_attn.weight", iw.Normal(std=0.02)),
    ),
)  # fmt: skip
def rule_that_never_matches(mended: bool) -> nn.Module:
    """The depth scale is for parameters called exactly "c_proj.weight"; names are longer, so none ever gets it."""
    model = Gpt()
    model.start(scaled=mended)
    return model


KERNEL = iw.KaimingNormal(nonlinearity="relu")


@fault(
    "FAN", "https://github.com/pytorch/pytorch/issues/7865", ("up2.weight", "up3.weight"), LAW, tool="verify",
    plan=claims(iw.rule("up2.weight", KERNEL), iw.rule("up3.weight", KERNEL)),
)  # fmt: skip
def kaiming_on_transposed_convolutions(mended: bool) -> nn.Module:
    """A transposed convolution's weight is (in, out, ...): kaiming_normal_ takes its outputs for inputs."""
    model = Generator()
    for layer in (model.up2, model.up3):
        if mended:
            fan = layer.in_channels * 16 / 4  # of each output pixel: a stride of two reaches a quarter of the kernel
            nn.init.normal_(layer.weight, std=math.sqrt(2 / fan))
        else:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return model


@fault(
    "FAN", "https://github.com/ikostrikov/pytorch-a2c-ppo-acktr-gail/issues/178", ("0.weight", "2.weight"), LAW,
    tool="verify",
    plan=claims(iw.rule("0.weight", iw.Orthogonal(gain=5 / 3)), iw.rule("2.weight", iw.Orthogonal(gain=5 / 3))),
)  # fmt: skip
def gain_of_relu_for_tanh(mended: bool) -> nn.Module:
    """A policy with tanh is drawn orthogonal with ReLU's gain of sqrt(2), where tanh asks for 5 / 3."""
    model = nn.Sequential(nn.Linear(48, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 6))
    for name in ("0", "2"):
        nn.init.orthogonal_(model.get_parameter(f"{name}.weight"), 5 / 3 if mended else math.sqrt(2))
        nn.init.zeros_(model.get_parameter(f"{name}.bias"))
    return model


class Features(nn.Module):
    """Three tables of features, crossed by a perceptron."""

    def __init__(self, *, mended: bool) -> None:
        super().__init__()
        tables = [nn.Embedding(rows, 32) for rows in (4000, 900, 2500)]
        self.tables = nn.ModuleList(tables)
        self.over = nn.Sequential(nn.Linear(96, 64), nn.ReLU(), nn.Linear(64, 1))
        for table in tables:
            bound = (32 if mended else table.num_embeddings) ** -0.5
            nn.init.uniform_(table.weight, -bound, bound)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.over(torch.cat([table(ids[:, i]) for i, table in enumerate(self.tables)], dim=1))
        return out


@fault(
    "FAN", "https://github.com/meta-pytorch/torchrec/issues/1824", ("tables.*.weight",), LAW, tool="verify",
    plan=claims(iw.rule("tables.*.weight", iw.Uniform(-(32**-0.5), 32**-0.5))),
)  # fmt: skip
def embedding_bound_by_its_rows(mended: bool) -> nn.Module:
    """The bound of an embedding is 1 / sqrt(rows) where 1 / sqrt(width) was meant: large tables are near zero."""
    return Features(mended=mended)


CASES = (
    kan_scale_as_a_slope,
    vit_tokens_of_unit_scale,
    fan_in_from_the_first_axis,
    xavier_on_packed_projections,
    kaiming_on_x_times_w,
    rule_that_never_matches,
    kaiming_on_transposed_convolutions,
    gain_of_relu_for_tanh,
    embedding_bound_by_its_rows,
)
