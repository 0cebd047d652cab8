"""Controls: residual branches, gates and heads that start at zero by design."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.case import Case
from benchmarks.faults.control import both, classes, control, frozen, noise, squares, tokens, zeroed

WIDTH = 64


class Residual(nn.Module):
    """x + scale * branch(x), the scale a parameter or None."""

    def __init__(self, branch: nn.Module, scale: Tensor | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.scale = None if scale is None else nn.Parameter(scale)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.branch(x)
        return x + (out if self.scale is None else out * self.scale)


def perceptron(width: int = WIDTH) -> nn.Sequential:
    """A pre-norm feed-forward branch."""
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))


def tower(block: Callable[[], nn.Module], depth: int = 4) -> nn.Module:
    """Blocks between a stem and a head for ten classes."""
    blocks = [block() for _ in range(depth)]
    return nn.Sequential(nn.Linear(32, WIDTH), *blocks, nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10))


def convolutions(*last: nn.Module, norm: bool = True) -> nn.Sequential:
    """Two convolutions with ReLU between, and what stands at the end."""
    norms: list[nn.Module] = [nn.BatchNorm2d(32)] if norm else []
    first = nn.Conv2d(32, 32, 3, padding=1, bias=False)
    second = nn.Conv2d(32, 32, 3, padding=1, bias=False)
    for layer in (first, second):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(first, *norms, nn.ReLU(), second, *last)


def images(block: Callable[[], nn.Module], depth: int = 3, *, norm: bool = True) -> nn.Sequential:
    """A small residual network for 16 x 16 pixels."""
    norms: list[nn.Module] = [nn.BatchNorm2d(32)] if norm else []
    stem = nn.Conv2d(3, 32, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    body = [part for _ in range(depth) for part in (block(), nn.ReLU())]
    return nn.Sequential(stem, *norms, nn.ReLU(), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


def zero_gamma() -> nn.Module:
    """ResNet whose last norm of each branch is zero."""
    return images(lambda: Residual(convolutions(zero_norm())))


def zero_norm() -> nn.Module:
    """A batch norm with weight zero."""
    norm = nn.BatchNorm2d(32)
    nn.init.zeros_(norm.weight)
    return norm


def fixup() -> nn.Module:
    """Fixup: first layers of branches scaled by L ** (-1/2), last ones zero, the classifier zero, scalar biases."""

    def block() -> nn.Module:
        branch = convolutions(norm=False)
        branch[0].get_parameter("weight").detach().mul_(3 ** (-0.5))
        zeroed(branch[2])
        return Residual(nn.Sequential(Shift(), branch, Shift()), torch.ones(1))

    model = images(block, norm=False)
    zeroed(model[-1])
    return model


class Shift(nn.Module):
    """A scalar bias, zero at first."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


class LowRank(nn.Module):
    """A frozen linear layer with a LoRA update: A drawn, B zero."""

    def __init__(self, inner: int, outer: int, rank: int = 8) -> None:
        super().__init__()
        self.base = frozen(nn.Linear(inner, outer))
        self.lora_A = nn.Parameter(torch.empty(rank, inner))
        self.lora_B = nn.Parameter(torch.zeros(outer, rank))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        update = functional.linear(functional.linear(x, self.lora_A), self.lora_B)
        out: Tensor = self.base(x) + 2.0 * update
        return out


def lora() -> nn.Module:
    """Two LoRA layers in a frozen network."""
    return nn.Sequential(LowRank(32, WIDTH), nn.ReLU(), LowRank(WIDTH, 10))


class DiTBlock(nn.Module):
    """A block of DiT: shifts, scales and gates from the condition, by a layer that is zero."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.attn = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), zeroed(nn.Linear(width, 6 * width)))

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adaLN_modulation(c)[:, None].chunk(6, dim=-1)
        h = self.norm1(x) * (1 + scale1) + shift1
        x = x + gate1 * self.attn(h, h, h, need_weights=False)[0]
        out: Tensor = x + gate2 * self.mlp(self.norm2(x) * (1 + scale2) + shift2)
        return out


class DiT(nn.Module):
    """DiT: adaLN-Zero blocks and a final layer that is zero as well; the output is exactly zero."""

    def __init__(self, width: int = WIDTH, depth: int = 3) -> None:
        super().__init__()
        self.embed = nn.Linear(16, width)
        self.time = nn.Sequential(nn.Linear(32, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(DiTBlock(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), zeroed(nn.Linear(width, 2 * width)))
        self.final = zeroed(nn.Linear(width, 16))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        x, c = self.embed(x), self.time(time)
        for block in self.blocks:
            x = block(x, c)
        shift, scale = self.adaLN_modulation(c)[:, None].chunk(2, dim=-1)
        out: Tensor = self.final(self.norm(x) * (1 + scale) + shift)
        return out


class ControlNet(nn.Module):
    """A frozen network and a trainable copy of its blocks, joined by convolutions that are zero."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.stem = frozen(nn.Conv2d(4, width, 3, padding=1))
        self.blocks = frozen(nn.ModuleList(self._block(width) for _ in range(2)))
        self.head = frozen(nn.Conv2d(width, 4, 3, padding=1))
        self.copies = nn.ModuleList(self._block(width) for _ in range(2))
        self.copies.load_state_dict(self.blocks.state_dict())
        self.hint = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.SiLU(), zeroed(nn.Conv2d(16, width, 1)))
        self.zero_convs = nn.ModuleList(zeroed(nn.Conv2d(width, width, 1)) for _ in range(2))

    def forward(self, x: Tensor, hint: Tensor) -> Tensor:
        x = self.stem(x)
        y = x + self.hint(hint)
        for block, copy, join in zip(self.blocks, self.copies, self.zero_convs, strict=True):
            y = copy(y)
            x = block(x) + join(y)
        out: Tensor = self.head(x)
        return out

    @staticmethod
    def _block(width: int) -> nn.Module:
        return Residual(nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)))


class ZeroProjections(nn.Module):
    """A GPT whose projections into the stream and whose head start at zero."""

    def __init__(self, words: int = 128, width: int = WIDTH, depth: int = 3) -> None:
        super().__init__()
        self.wte = nn.Embedding(words, width)
        self.attention = nn.ModuleList(nn.MultiheadAttention(width, 4, batch_first=True) for _ in range(depth))
        self.mlp = nn.ModuleList(perceptron(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.lm_head = zeroed(nn.Linear(width, words, bias=False))
        for attention, mlp in zip(self.attention, self.mlp, strict=True):
            zeroed(attention.get_submodule("out_proj"))
            zeroed(mlp.get_submodule("3"))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.wte(ids)
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        for attention, mlp in zip(self.attention, self.mlp, strict=True):
            x = x + attention(x, x, x, attn_mask=mask, need_weights=False)[0]
            x = x + mlp(x)
        out: Tensor = self.lm_head(self.norm(x))
        return out


def scaled_branches(value: float, *, scalar: bool = False) -> Callable[[], nn.Module]:
    """Branches times a learned scale: LayerScale, ReZero (a scalar zero)."""
    size = 1 if scalar else WIDTH
    return lambda: tower(lambda: Residual(perceptron(), torch.full((size,), value)))


def _row(
    name: str, build: Callable[[], nn.Module], source: str, about: str, inputs: Callable[[], tuple[Tensor, ...]]
) -> Case:
    return control(name, build, source=source, about=about, inputs=inputs, loss=classes)


ROWS, PIXELS = noise(16, 32), noise(8, 3, 16, 16)

CASES: tuple[Case, ...] = (
    _row("resnet-zero-gamma", zero_gamma, "https://arxiv.org/abs/1706.02677",
         "The last batch norm of each branch has weight zero: the branch starts as the identity.", PIXELS),
    _row("fixup", fixup, "https://arxiv.org/abs/1901.09321",
         "Last convolutions and the classifier are zero; scalar biases are zero, scalar scales one.", PIXELS),
    _row("lora", lora, "https://arxiv.org/abs/2106.09685",
         "B is zero so that the update starts at nothing; the weights beside it are frozen.", ROWS),
    _row("layerscale-1e-5", scaled_branches(1e-5), "https://arxiv.org/abs/2103.17239",
         "All 64 scales equal 1e-5: constant, and far below one.", ROWS),
    _row("layerscale-1e-6", scaled_branches(1e-6), "https://arxiv.org/abs/2201.03545",
         "ConvNeXt's scales equal 1e-6; gradients of the branches are a million times smaller.", ROWS),
    _row("rezero", scaled_branches(0.0, scalar=True), "https://arxiv.org/abs/2003.04887",
         "A scalar zero before each addition: no weight of a branch has a gradient at the first step.", ROWS),
    _row("skipinit", lambda: images(lambda: Residual(convolutions(norm=False), torch.zeros(1)), norm=False),
         "https://arxiv.org/abs/2002.10444", "Convolutions without norms, each branch times a scalar zero.", PIXELS),
    _row("gpt-zero-projections", ZeroProjections, "https://github.com/KellerJordan/modded-nanogpt",
         "Output projections and the head are zero at once; only the head has a gradient at the first step.",
         tokens(128)),
    control("dit-adaln-zero", DiT, source="https://arxiv.org/abs/2212.09748",
            about="Gates and the final layer are zero, so at first nothing but the final layer has a gradient.",
            inputs=both(noise(4, 16, 16), noise(4, 32)), loss=squares),
    control("controlnet", ControlNet, source="https://arxiv.org/abs/2302.05543",
            about="Zero convolutions, and trainable blocks that are bit-identical to the frozen ones.",
            inputs=both(noise(4, 4, 16, 16), noise(4, 3, 16, 16)), loss=squares),
)  # fmt: skip
