"""Controls: convolutions, norms and heads with constants, fixed patterns and odd scales."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.case import Case
from benchmarks.faults.control import classes, control, first, frozen, noise, squares, yes_or_no

WIDTH = 32


def convolution(inner: int, outer: int, size: int = 3, **more: Any) -> nn.Conv2d:
    """A convolution for ReLU, same size."""
    layer = nn.Conv2d(inner, outer, size, padding=size // 2, **more)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out" if layer.groups == 1 else "fan_in", nonlinearity="relu")
    return layer


def classifier(*layers: nn.Module, width: int = WIDTH) -> nn.Module:
    """A stem, layers, a pooled head for ten classes."""
    stem = (convolution(3, width, bias=False), nn.BatchNorm2d(width), nn.ReLU())
    return nn.Sequential(*stem, *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


def retinanet() -> nn.Module:
    """RetinaNet's classification subnet: std 0.01, biases zero, the last bias -log(99)."""
    layers: list[nn.Module] = []
    for _ in range(2):
        layers += [nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.ReLU()]
    last = nn.Conv2d(WIDTH, 9 * 20, 3, padding=1)
    for layer in (*layers[::2], last):
        nn.init.normal_(layer.get_parameter("weight"), std=0.01)
        nn.init.zeros_(layer.get_parameter("bias"))
    nn.init.constant_(last.get_parameter("bias"), -math.log(99))
    return nn.Sequential(*layers, last)


def focal(output: Any) -> Tensor:
    """The focal loss, gamma 2, alpha 1/4."""
    logits = first(output)
    targets = torch.zeros_like(logits)
    targets[:, 3, 4, 4] = 1
    p = torch.sigmoid(logits)
    right = p * targets + (1 - p) * (1 - targets)
    weight = (0.25 * targets + 0.75 * (1 - targets)) * (1 - right) ** 2
    return (weight * functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")).sum() / len(logits)


def dcgan() -> nn.Module:
    """DCGAN: weights N(0, 0.02), norms' weights N(1, 0.02), their biases zero."""
    sizes = [32, 128, 64, 3]
    layers: list[nn.Module] = []
    for number, (a, b) in enumerate(pairwise(sizes)):
        layers.append(nn.ConvTranspose2d(a, b, 4, *((2, 1) if number else (1, 0)), bias=False))
        nn.init.normal_(layers[-1].get_parameter("weight"), 0.0, 0.02)
        if b != 3:
            layers += [nn.BatchNorm2d(b), nn.ReLU()]
            nn.init.normal_(layers[-2].get_parameter("weight"), 1.0, 0.02)
    return nn.Sequential(*layers, nn.Tanh())


def bilinear() -> nn.Module:
    """FCN: transposed convolutions that interpolate, one kernel on the diagonal, zeros elsewhere."""
    up = nn.ConvTranspose2d(10, 10, 4, 2, 1, bias=False)
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    nn.init.zeros_(up.weight)
    up.weight.detach()[range(10), range(10)] = line[:, None] * line
    return nn.Sequential(convolution(3, WIDTH), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(WIDTH, 10, 1), up)


def sub_pixel() -> nn.Module:
    """ICNR: the four weights that make one pixel's neighbours are equal, so that no checkerboard shows."""
    up = nn.Conv2d(WIDTH, 3 * 4, 3, padding=1)
    kernel = nn.init.kaiming_normal_(torch.empty(3, WIDTH, 3, 3), nonlinearity="linear")
    up.weight.detach().copy_(kernel.repeat_interleave(4, dim=0))
    nn.init.zeros_(up.get_parameter("bias"))
    return nn.Sequential(convolution(3, WIDTH), nn.ReLU(), up, nn.PixelShuffle(2))


def dirac() -> nn.Module:
    """DiracNet-like: convolutions that start as the identity."""
    layers = [convolution(WIDTH, WIDTH, bias=False) for _ in range(3)]
    for layer in layers:
        nn.init.dirac_(layer.weight)
    return classifier(*(part for layer in layers for part in (layer, nn.BatchNorm2d(WIDTH), nn.ReLU())))


def delta_orthogonal() -> nn.Module:
    """Xiao et al.: an orthogonal matrix in the middle of each kernel, zeros around it, tanh between."""
    layers: list[nn.Module] = []
    for _ in range(4):
        layer = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        nn.init.zeros_(layer.weight)
        layer.weight.detach()[:, :, 1, 1] = nn.init.orthogonal_(torch.empty(WIDTH, WIDTH))
        layers += [layer, nn.Tanh()]
    return classifier(*layers)


class FixedFilters(nn.Module):
    """Sobel and blur: the same kernels for every channel, never trained."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.edge = frozen(nn.Conv2d(channels, 2 * channels, 3, padding=1, groups=channels, bias=False))
        self.blur = frozen(nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False))
        sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
        self.edge.weight.detach().copy_(torch.stack([sobel, sobel.T]).repeat(channels, 1, 1)[:, None])
        nn.init.constant_(self.blur.weight, 1 / 9)
        self.head = nn.Sequential(
            nn.Conv2d(3 * channels, WIDTH, 3), nn.ReLU(), nn.Flatten(), nn.Linear(14 * 14 * 32, 10)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.cat([self.edge(x), self.blur(x)], dim=1))
        return out


class SqueezeExcite(nn.Module):
    """A gate for each channel from the mean of all, as in EfficientNet."""

    def __init__(self, width: int = WIDTH, bias: float = 0.0) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(width, 8, 1), nn.Conv2d(8, width, 1)
        nn.init.constant_(self.expand.get_parameter("bias"), bias)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.expand(functional.silu(self.reduce(x.mean(dim=(2, 3), keepdim=True))))
        return x * torch.sigmoid(gate)


def separable() -> list[nn.Module]:
    """A depthwise convolution and a pointwise one, with squeeze and excite."""
    depthwise = convolution(WIDTH, WIDTH, bias=False, groups=WIDTH)
    pointwise = convolution(WIDTH, WIDTH, 1, bias=False)
    norms = [nn.BatchNorm2d(WIDTH) for _ in range(2)]
    return [depthwise, norms[0], nn.SiLU(), SqueezeExcite(), pointwise, norms[1]]


def small_heads(std: float) -> Callable[[], nn.Module]:
    """A classifier whose head is drawn with a small std."""

    def build() -> nn.Module:
        head = nn.Linear(WIDTH, 10)
        nn.init.normal_(head.weight, std=std)
        nn.init.zeros_(head.bias)
        body = (convolution(WIDTH, WIDTH, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU())
        stem = (convolution(3, WIDTH), nn.ReLU())
        return nn.Sequential(*stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)

    return build


def rare_class() -> nn.Module:
    """A detector of a rare class: one output, its bias log(0.01 / 0.99)."""
    head = nn.Linear(WIDTH, 1)
    nn.init.constant_(head.bias, math.log(0.01 / 0.99))
    return nn.Sequential(nn.Linear(20, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), head)


class EqualizedRate(nn.Module):
    """StyleGAN: weights N(0, 1), scaled by 1 / sqrt(fan_in) in each pass; noise strengths zero."""

    def __init__(self, inner: int = WIDTH, outer: int = WIDTH) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outer, inner, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outer))
        self.noise_strength = nn.Parameter(torch.zeros([]))

    def forward(self, x: Tensor) -> Tensor:
        gain = 1 / math.sqrt(self.weight[0].numel())
        x = functional.conv2d(x, self.weight * gain, self.bias, padding=1)
        noise = torch.randn(x.shape[2:], generator=torch.Generator().manual_seed(0))
        return functional.leaky_relu(x + noise * self.noise_strength, 0.2) * math.sqrt(2)


def weight_norms() -> nn.Module:
    """Weight norm: g holds the norms of v's rows, so all of it may look alike."""
    norm = nn.utils.parametrizations.weight_norm
    return nn.Sequential(
        *(p for _ in range(3) for p in (norm(nn.Linear(WIDTH, WIDTH)), nn.ELU())), nn.Linear(WIDTH, 10)
    )


def _row(
    name: str,
    build: Callable[[], nn.Module],
    source: str,
    about: str,
    inputs: Callable[[], tuple[Tensor, ...]],
    loss: Callable[[Any], Tensor] = classes,
) -> Case:
    return control(name, build, source=source, about=about, inputs=inputs, loss=loss)


PIXELS = noise(8, 3, 16, 16)

CASES: tuple[Case, ...] = (
    _row("retinanet-prior", retinanet, "https://arxiv.org/abs/1708.02002",
         "Weights of std 0.01, all of the last bias -4.6: the prior of a rare class.", noise(4, WIDTH, 8, 8), focal),
    _row("rare-class-bias", rare_class, "https://karpathy.github.io/2019/04/25/recipe/",
         "One output, its bias the log odds of a rare class: the loss is far from ln 2.", noise(64, 20), yes_or_no),
    _row("dcgan", dcgan, "https://arxiv.org/abs/1511.06434", "Norms are drawn N(1, 0.02); weights are small.",
         noise(8, 32, 1, 1), squares),
    _row("bilinear-upsampling", bilinear, "https://arxiv.org/abs/1411.4038",
         "A transposed convolution of one kernel, repeated, with zeros elsewhere.", PIXELS, squares),
    _row("icnr", sub_pixel, "https://arxiv.org/abs/1707.02937", "Rows of the last weight repeat, four at a time.",
         PIXELS, squares),
    _row("dirac", dirac, "https://arxiv.org/abs/1706.00388", "Three equal weights, ones and zeros.", PIXELS),
    _row("delta-orthogonal", delta_orthogonal, "https://arxiv.org/abs/1806.05393",
         "Eight ninths of each weight are zero.", PIXELS),
    _row("fixed-filters", FixedFilters, "https://arxiv.org/abs/1904.11486",
         "Sobel kernels that repeat and a constant blur, frozen.", PIXELS),
    _row("separable", lambda: classifier(*separable(), *separable()), "https://arxiv.org/abs/1905.11946",
         "Depthwise kernels have a fan of nine, so a std far above that of the others.", PIXELS),
    _row("negative-gates", lambda: classifier(SqueezeExcite(bias=-2.0), convolution(WIDTH, WIDTH), nn.ReLU()),
         "https://arxiv.org/abs/1709.01507", "All biases of the gate are -2.", PIXELS),
    _row("grouped", lambda: classifier(convolution(WIDTH, WIDTH, groups=8), nn.GroupNorm(8, WIDTH), nn.ReLU()),
         "https://arxiv.org/abs/1611.05431", "Fans of groups are an eighth of what the shape says.", PIXELS),
    _row("norm-without-weights",
         lambda: classifier(convolution(WIDTH, WIDTH), nn.BatchNorm2d(WIDTH, affine=False), nn.ReLU()),
         "https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html", "A norm has no weight.", PIXELS),
    _row("prelu", lambda: classifier(convolution(WIDTH, WIDTH), nn.PReLU(WIDTH), convolution(WIDTH, WIDTH), nn.PReLU()),
         "https://arxiv.org/abs/1502.01852", "All slopes are 0.25.", PIXELS),
    _row("head-std-0.01", small_heads(0.01), "https://arxiv.org/abs/1506.01497", "The head's std is 0.01.", PIXELS),
    _row("head-std-0.001", small_heads(0.001), "https://arxiv.org/abs/1506.01497", "The head's std is 0.001.", PIXELS),
    _row("equalized-rate", lambda: classifier(EqualizedRate(), EqualizedRate()), "https://arxiv.org/abs/1912.04958",
         "Weights are N(0, 1): the scale is applied in the pass.", PIXELS),
    _row("weight-norm", weight_norms, "https://arxiv.org/abs/1602.07868", "g and v are no weights that a layer uses as "
         "they stand.", noise(32, WIDTH)),
)  # fmt: skip
