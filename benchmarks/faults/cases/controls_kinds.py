"""Controls: kinds of numbers other than float32, buffers, parameters without elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.case import Case
from benchmarks.faults.control import classes, control, noise, squares, tokens

WIDTH = 64


class Complex(nn.Module):
    """Complex weights of variance 1 / fan_in, the modulus taken at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.randn(WIDTH, 32, dtype=torch.cfloat) / math.sqrt(32))
        self.b = nn.Parameter(torch.randn(10, WIDTH, dtype=torch.cfloat) / math.sqrt(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.fft.fft(x, norm="ortho") @ self.a.T
        return (torch.view_as_complex(torch.view_as_real(h).tanh()) @ self.b.T).abs()


class Spectral(nn.Module):
    """An FNO layer: complex weights, uniform and positive, scaled by 1 / width^2."""

    def __init__(self, width: int = 32, modes: int = 8) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(width, width, modes, dtype=torch.cfloat) / width**2)
        self.skip = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(x)
        mixed = torch.einsum("bix,iox->box", spectrum[..., : self.weight.shape[-1]], self.weight)
        y = torch.fft.irfft(functional.pad(mixed, (0, spectrum.shape[-1] - mixed.shape[-1])), n=x.shape[-1])
        return functional.gelu(y + self.skip(x))


class Buffers(nn.Module):
    """A causal mask of -inf, integers, quantized weights with scales, empty parameters, counters."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, WIDTH)
        self.register_buffer("mask", torch.full((24, 24), -torch.inf).triu(1))
        self.register_buffer("int_weight", torch.randint(-127, 128, (WIDTH, WIDTH), dtype=torch.int8))
        self.register_buffer("scale", torch.full((WIDTH, 1), 1 / 600))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("position_ids", torch.arange(24)[None])
        self.none = nn.Parameter(torch.empty(0, WIDTH))
        self.head = nn.Linear(WIDTH, 100)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        scores = (x @ x.transpose(1, 2) / math.sqrt(WIDTH) + self.get_buffer("mask")).softmax(dim=-1)
        weight = self.get_buffer("int_weight") * self.get_buffer("scale")
        out: Tensor = self.head(torch.tanh(scores @ functional.linear(x, weight)))
        return out


def bf16() -> nn.Module:
    """An untrained model in bfloat16: few values, each of them often."""
    layers = [
        nn.Linear(32, WIDTH),
        nn.LayerNorm(WIDTH),
        nn.GELU(),
        nn.Linear(WIDTH, WIDTH),
        nn.GELU(),
        nn.Linear(WIDTH, 10),
    ]
    return nn.Sequential(*layers).to(torch.bfloat16)


def double() -> nn.Module:
    """A model in float64, with an output layer scaled down."""
    head = nn.Linear(WIDTH, 10)
    head.weight.detach().mul_(0.1)
    return nn.Sequential(nn.Linear(32, WIDTH), nn.Tanh(), head).double()


def _row(
    name: str,
    build: Callable[[], nn.Module],
    source: str,
    about: str,
    inputs: Callable[[], tuple[Tensor, ...]],
    loss: Callable[[Any], Tensor] = classes,
) -> Case:
    return control(name, build, source=source, about=about, inputs=inputs, loss=loss)


def _cast(dtype: torch.dtype, *shape: int) -> Callable[[], tuple[Tensor]]:
    return lambda: (noise(*shape)()[0].to(dtype),)


IDS = tokens(100)

CASES: tuple[Case, ...] = (
    _row("complex", Complex, "https://arxiv.org/abs/1705.09792", "Parameters are complex.", noise(32, 32)),
    _row("fourier-operator", lambda: nn.Sequential(nn.Conv1d(1, 32, 1), Spectral(), Spectral(), nn.Conv1d(32, 1, 1)),
         "https://arxiv.org/abs/2010.08895", "Complex weights below 1 / 1024, all positive.", noise(8, 1, 64), squares),
    _row("buffers", Buffers, "https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_buffer",
         "-inf in a mask, integers, a parameter without elements.", IDS),
    _row("bfloat16", bf16, "https://pytorch.org/docs/stable/amp.html", "Few different values.",
         _cast(torch.bfloat16, 32, 32)),
    _row("float64", double, "https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.double",
         "A head a tenth as large as the default.", _cast(torch.float64, 32, 32)),
)  # fmt: skip
