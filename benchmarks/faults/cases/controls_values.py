"""Controls: unusual scales, encodings and fixed features."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.case import Case
from benchmarks.faults.control import classes, control, frozen, noise, squares, tokens, yes_or_no

WIDTH = 64


class Sine(nn.Module):
    """sin(30 (W x + b)), W uniform in sqrt(6 / fan_in) / 30, in 1 / fan_in for the first layer."""

    def __init__(self, inner: int, outer: int, *, first: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(inner, outer)
        bound = 1 / inner if first else math.sqrt(6 / inner) / 30
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(30 * self.linear(x))


def siren() -> nn.Module:
    """SIREN for images: two coordinates to three colours."""
    last = nn.Linear(WIDTH, 3)
    bound = math.sqrt(6 / WIDTH) / 30
    nn.init.uniform_(last.weight, -bound, bound)
    return nn.Sequential(Sine(2, WIDTH, first=True), Sine(WIDTH, WIDTH), Sine(WIDTH, WIDTH), last)


class Frequencies(nn.Module):
    """NeRF's encoding: sines and cosines of powers of two times pi, in a buffer."""

    def __init__(self, count: int = 10) -> None:
        super().__init__()
        self.register_buffer("bands", torch.pi * 2.0 ** torch.arange(count))

    def forward(self, x: Tensor) -> Tensor:
        angles = (x[..., None] * self.get_buffer("bands")).flatten(-2)
        return torch.cat([x, angles.sin(), angles.cos()], dim=-1)


class Fourier(nn.Module):
    """Gaussian Fourier features with a std of 10, frozen."""

    def __init__(self, inner: int = 2, outer: int = 32) -> None:
        super().__init__()
        self.B = nn.Parameter(10.0 * torch.randn(inner, outer), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        angles = 2 * torch.pi * x @ self.B
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


def colours(encoding: nn.Module, width: int) -> nn.Module:
    """An encoding and a ReLU network behind it."""
    return nn.Sequential(
        encoding, nn.Linear(width, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 3)
    )


def selu() -> nn.Module:
    """Self-normalizing: LeCun normal, biases zero."""
    layers: list[nn.Module] = []
    for inner in (32, *[WIDTH] * 7):
        layer = nn.Linear(inner, WIDTH)
        nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.SELU()]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 10))


def sparse() -> nn.Module:
    """Martens 2010: fifteen inputs for each unit, the rest zero."""
    first, second = nn.Linear(WIDTH, 128), nn.Linear(128, 10)
    for layer in (first, second):
        nn.init.zeros_(layer.bias)
        nn.init.zeros_(layer.weight)
        for row in layer.weight.detach():
            row[torch.randperm(len(row))[:15]] = 0.26 * torch.randn(15)
    return nn.Sequential(first, nn.Tanh(), second)


class Tangent(nn.Module):
    """The NTK parametrization: N(0, 1) weights, divided by sqrt(fan_in) in the pass."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(outer, inner)), nn.Parameter(torch.randn(outer))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, 0.1 * self.bias) / math.sqrt(self.weight.shape[1])


class Chain(nn.Module):
    """A CRF's scores: transitions to the start and from the end are forbidden by -10000."""

    def __init__(self, tags: int = 6) -> None:
        super().__init__()
        self.embedding, self.emit = nn.Embedding(100, 32), nn.Linear(32, tags)
        self.transitions = nn.Parameter(torch.randn(tags, tags))
        self.transitions.detach()[0] = -10000.0
        self.transitions.detach()[:, 1] = -10000.0

    def forward(self, ids: Tensor) -> Tensor:
        emissions = self.emit(self.embedding(ids))
        score = emissions[:, 0]
        for step in range(1, ids.shape[1]):
            score = torch.logsumexp(score[:, None] + self.transitions, dim=-1) + emissions[:, step]
        return torch.logsumexp(score[:, 2:], dim=-1)


class Recommender(nn.Module):
    """DLRM: tables uniform in 1 / sqrt(rows), dense layers N(0, sqrt(2 / (in + out)))."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = (10, 1000, 50000)
        self.tables = nn.ModuleList(nn.EmbeddingBag(rows, 16, mode="sum") for rows in self.rows)
        for table, rows in zip(self.tables, self.rows, strict=True):
            nn.init.uniform_(table.get_parameter("weight"), -1 / math.sqrt(rows), 1 / math.sqrt(rows))
        first, second = nn.Linear(48, 32), nn.Linear(32, 1)
        self.top = nn.Sequential(first, nn.ReLU(), second)
        for layer in (first, second):
            nn.init.normal_(layer.weight, std=math.sqrt(2 / sum(layer.weight.shape)))
            nn.init.normal_(layer.bias, std=math.sqrt(1 / len(layer.bias)))

    def forward(self, ids: Tensor) -> Tensor:
        pairs = zip(self.tables, self.rows, strict=True)
        out: Tensor = self.top(torch.cat([table(ids % rows) for table, rows in pairs], dim=-1))
        return out


class Sinusoids(nn.Module):
    """Positions of Vaswani et al. in a frozen embedding: columns of sines and cosines, beside drawn words."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(100, WIDTH), frozen(nn.Embedding(64, WIDTH))
        angles = torch.arange(64)[:, None] * 10000 ** (-torch.arange(0, WIDTH, 2) / WIDTH)
        self.positions.weight.detach().copy_(torch.cat([angles.sin(), angles.cos()], dim=1))
        self.head = nn.Linear(WIDTH, 100)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(self.words(ids) + self.positions.weight[: ids.shape[1]])
        return out


class Spectrogram(nn.Module):
    """A short-time Fourier transform as a frozen convolution, and a bank of triangular filters, mostly zeros."""

    def __init__(self, size: int = 64) -> None:
        super().__init__()
        angles = 2 * torch.pi * torch.arange(size // 2)[:, None] * torch.arange(size) / size
        kernels = torch.cat([angles.cos(), angles.sin()]) * torch.hann_window(size)
        self.stft = frozen(nn.Conv1d(1, size, size, size // 2, bias=False))
        self.stft.weight.detach().copy_(kernels[:, None])
        peaks = torch.linspace(1, size // 2 - 2, 10)[:, None]
        bank = (1 - (torch.arange(size // 2) - peaks).abs() / 3).clamp(min=0)
        self.bank = nn.Parameter(bank, requires_grad=False)
        self.head = nn.Linear(10, 10)

    def forward(self, x: Tensor) -> Tensor:
        real, imaginary = self.stft(x).chunk(2, dim=1)
        energy = torch.einsum("bft,mf->bmt", real**2 + imaginary**2, self.bank)
        out: Tensor = self.head(torch.log(energy + 1e-3).mean(dim=-1))
        return out


def _row(
    name: str,
    build: Callable[[], nn.Module],
    source: str,
    about: str,
    inputs: Callable[[], tuple[Tensor, ...]],
    loss: Callable[[Any], Tensor] = classes,
) -> Case:
    return control(name, build, source=source, about=about, inputs=inputs, loss=loss)


def _coordinates() -> tuple[Tensor]:
    line = torch.linspace(-1, 1, 16)
    return (torch.cartesian_prod(line, line),)


def _bags() -> tuple[Tensor]:
    return (tokens(50000, 32, 4)()[0],)


IDS = tokens(100)

CASES: tuple[Case, ...] = (
    _row("siren", siren, "https://arxiv.org/abs/2006.09661", "Weights thirty times smaller than Kaiming's.",
         _coordinates, squares),
    _row("nerf-encoding", lambda: colours(Frequencies(), 42), "https://arxiv.org/abs/2003.08934",
         "A buffer whose values grow to 1608.", _coordinates, squares),
    _row("fourier-features", lambda: colours(Fourier(), 64), "https://arxiv.org/abs/2006.10739",
         "A frozen parameter with a std of 10.", _coordinates, squares),
    _row("selu", selu, "https://arxiv.org/abs/1706.02515", "Half the variance of Kaiming's.", noise(32, 32)),
    _row("sparse", sparse, "https://www.cs.toronto.edu/~jmartens/docs/Deep_HessianFree.pdf",
         "Three quarters of the weights are zero.", noise(32, WIDTH)),
    _row("ntk", lambda: nn.Sequential(Tangent(32, 256), nn.ReLU(), Tangent(256, 10)), "https://arxiv.org/abs/1806.07572",
         "Weights and biases are N(0, 1).", noise(32, 32)),
    _row("forbidden-transitions", Chain, "https://pytorch.org/tutorials/beginner/nlp/advanced_tutorial.html",
         "Transitions hold -10000.", IDS, lambda y: y.mean()),
    _row("recommender", Recommender, "https://github.com/facebookresearch/dlrm",
         "Tables of one kind differ in scale by 70; biases are drawn.", _bags, yes_or_no),
    _row("sinusoids", Sinusoids, "https://arxiv.org/abs/1706.03762", "A frozen embedding of sines.", IDS),
    _row("fixed-spectrogram", Spectrogram, "https://arxiv.org/abs/1912.12055",
         "Frozen sines and a bank of mostly zeros.", noise(8, 1, 1024)),
)  # fmt: skip
