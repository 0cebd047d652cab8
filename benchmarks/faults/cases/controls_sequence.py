"""Controls: recurrent networks, state-space models and what they set by hand."""

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


class Tagger(nn.Module):
    """Embedding, a recurrent network, a head for each position."""

    def __init__(self, recurrent: nn.RNNBase, words: int = 100, padding: int | None = 0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, recurrent.input_size, padding_idx=padding)
        self.rnn = recurrent
        self.head = nn.Linear(recurrent.hidden_size * (2 if recurrent.bidirectional else 1), 12)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(self.rnn(self.embedding(ids))[0])
        return out


def blocks(parameter: Tensor, count: int) -> tuple[Tensor, ...]:
    """The gates of a recurrent layer's parameter, detached."""
    return parameter.detach().chunk(count)


def keras_lstm() -> nn.Module:
    """Keras' LSTM: Glorot into the gates, orthogonal recurrent weights, a forget bias of one."""
    lstm = nn.LSTM(WIDTH, WIDTH, 2, batch_first=True)
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight_hh"):
            for block in blocks(parameter, 4):
                nn.init.orthogonal_(block)
        elif name.startswith("weight_ih"):
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
            nn.init.constant_(blocks(parameter, 4)[1], 1.0 if "_ih_" in name else 0.0)
    return Tagger(lstm)


def chrono_lstm() -> nn.Module:
    """Chrono initialization: forget biases are logs of uniform times, input biases their negatives."""
    lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
    bias = lstm.get_parameter("bias_ih_l0")
    for part in (bias, lstm.get_parameter("bias_hh_l0")):
        nn.init.zeros_(part)
    forget = torch.log(torch.rand(WIDTH) * 98 + 1)
    blocks(bias, 4)[1].copy_(forget)
    blocks(bias, 4)[0].copy_(-forget)
    return Tagger(lstm)


def identity_rnn() -> nn.Module:
    """IRNN: recurrent weights are the identity, inputs are drawn with std 0.001, biases are zero."""
    rnn = nn.RNN(WIDTH, WIDTH, nonlinearity="relu", batch_first=True)
    nn.init.eye_(rnn.get_parameter("weight_hh_l0"))
    nn.init.normal_(rnn.get_parameter("weight_ih_l0"), std=0.001)
    for bias in (rnn.get_parameter("bias_ih_l0"), rnn.get_parameter("bias_hh_l0")):
        nn.init.zeros_(bias)
    return Tagger(rnn)


def closed_gru() -> nn.Module:
    """A GRU whose update gate starts nearly shut."""
    gru = nn.GRU(WIDTH, WIDTH, batch_first=True, bidirectional=True)
    for bias in (gru.get_parameter("bias_ih_l0"), gru.get_parameter("bias_ih_l0_reverse")):
        nn.init.constant_(blocks(bias, 3)[1], -2.0)
    return Tagger(gru)


class Highway(nn.Module):
    """y = t h(x) + (1 - t) x; the bias of t starts at -2, as in the paper."""

    def __init__(self) -> None:
        super().__init__()
        self.transform, self.gate = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        nn.init.constant_(self.gate.bias, -2.0)

    def forward(self, x: Tensor) -> Tensor:
        t = torch.sigmoid(self.gate(x))
        out: Tensor = t * torch.relu(self.transform(x)) + (1 - t) * x
        return out


class MambaBlock(nn.Module):
    """A selective state-space layer: A_log = log(1..N) in each channel, D = 1, the bias of dt the inverse softplus."""

    def __init__(self, width: int = WIDTH, state: int = 8, rank: int = 4) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.in_proj = nn.Linear(width, 2 * width, bias=False)
        self.conv1d = nn.Conv1d(width, width, 4, groups=width, padding=3)
        self.x_proj = nn.Linear(width, rank + 2 * state, bias=False)
        self.dt_proj = nn.Linear(rank, width)
        nn.init.uniform_(self.dt_proj.weight, -(rank**-0.5), rank**-0.5)
        dt = torch.exp(torch.rand(width) * (math.log(0.1) - math.log(0.001)) + math.log(0.001))
        self.dt_proj.bias.detach().copy_(dt + torch.log(-torch.expm1(-dt)))
        self.A_log = nn.Parameter(torch.log(torch.arange(1.0, state + 1)).repeat(width, 1))
        self.D = nn.Parameter(torch.ones(width))
        self.out_proj = nn.Linear(width, width, bias=False)
        self.sizes = (rank, state, state)

    def forward(self, u: Tensor) -> Tensor:
        x, z = self.in_proj(self.norm(u)).chunk(2, dim=-1)
        x = functional.silu(self.conv1d(x.transpose(1, 2))[..., : u.shape[1]].transpose(1, 2))
        rank, b, c = self.x_proj(x).split(self.sizes, dim=-1)
        dt = functional.softplus(self.dt_proj(rank))
        decay = torch.exp(-torch.exp(self.A_log) * dt[..., None])
        drive = dt[..., None] * b[:, :, None] * x[..., None]
        state, ys = drive[:, 0], []
        for step in range(x.shape[1]):
            state = decay[:, step] * state + drive[:, step]
            ys.append((state * c[:, step, None]).sum(dim=-1))
        out: Tensor = u + self.out_proj((torch.stack(ys, dim=1) + self.D * x) * functional.silu(z))
        return out


class DiagonalState(nn.Module):
    """S4D-Lin: complex poles -1/2 + i pi n, the same ones in each channel; C complex normal."""

    def __init__(self, width: int = 32, state: int = 16) -> None:
        super().__init__()
        self.log_a_real = nn.Parameter(torch.log(0.5 * torch.ones(width, state)))
        self.a_imag = nn.Parameter(math.pi * torch.arange(state).repeat(width, 1))
        self.c = nn.Parameter(torch.randn(width, state, dtype=torch.cfloat))
        self.log_dt = nn.Parameter(torch.rand(width) * (math.log(0.1) - math.log(0.001)) + math.log(0.001))
        self.d = nn.Parameter(torch.randn(width))
        self.mix = nn.Linear(width, width)

    def forward(self, u: Tensor) -> Tensor:
        length = u.shape[1]
        a = -torch.exp(self.log_a_real) + 1j * self.a_imag
        step = a * torch.exp(self.log_dt)[:, None]
        powers = torch.exp(step[..., None] * torch.arange(length))
        kernel = 2 * torch.einsum("hn,hnl->hl", self.c * (torch.exp(step) - 1) / a, powers).real
        spectrum = torch.fft.rfft(u.transpose(1, 2), n=2 * length) * torch.fft.rfft(kernel, n=2 * length)
        y = torch.fft.irfft(spectrum, n=2 * length)[..., :length].transpose(1, 2)
        out: Tensor = u + self.mix(functional.gelu(y + self.d * u))
        return out


class LinearRecurrence(nn.Module):
    """LRU: eigenvalues drawn from a ring close to the unit circle, gains that undo it."""

    def __init__(self, width: int = 32, state: int = 32, low: float = 0.9, high: float = 0.999) -> None:
        super().__init__()
        radius = 0.5 * torch.log(torch.rand(state) * (high**2 - low**2) + low**2)
        self.nu_log = nn.Parameter(torch.log(-radius))
        self.theta_log = nn.Parameter(torch.log(2 * math.pi * torch.rand(state)))
        self.gamma_log = nn.Parameter(torch.log(torch.sqrt(1 - torch.exp(2 * radius))))
        self.b = nn.Parameter(torch.randn(state, width, dtype=torch.cfloat) / math.sqrt(width))
        self.c = nn.Parameter(torch.randn(width, state, dtype=torch.cfloat) / math.sqrt(state))
        self.d = nn.Parameter(torch.randn(width))

    def forward(self, u: Tensor) -> Tensor:
        pole = torch.exp(-torch.exp(self.nu_log) + 1j * torch.exp(self.theta_log))
        drive = (u.to(torch.cfloat) @ self.b.T) * torch.exp(self.gamma_log)
        state, ys = drive[:, 0], []
        for step in range(u.shape[1]):
            state = pole * state + drive[:, step]
            ys.append(state)
        out: Tensor = (torch.stack(ys, dim=1) @ self.c.T).real + self.d * u
        return out


class Retention(nn.Module):
    """RetNet: heads with fixed decays 1 - 2^(-5-i), a group norm without weights, a gate."""

    def __init__(self, width: int = WIDTH, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.qkvg = nn.Linear(width, 4 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width // heads, elementwise_affine=False)
        self.register_buffer("decay", torch.log(1 - 2.0 ** (-5 - torch.arange(heads))))
        for layer in (self.qkvg, self.out):
            nn.init.xavier_uniform_(layer.weight, gain=2**-2.5)

    def forward(self, x: Tensor) -> Tensor:
        shape = (*x.shape[:2], self.heads, -1)
        q, k, v, g = self.qkvg(x).chunk(4, dim=-1)
        q, k, v = (part.view(shape).transpose(1, 2) for part in (q, k, v))
        position = torch.arange(x.shape[1])
        gap = (position[:, None] - position).clamp(min=0)
        decay = self.get_buffer("decay")
        mask = torch.exp(decay[:, None, None] * gap).tril()
        y = self.norm((q @ k.transpose(-1, -2)) * mask @ v).transpose(1, 2).flatten(2)
        out: Tensor = x + self.out(functional.silu(g) * y)
        return out


def waves(*layers: nn.Module, width: int = WIDTH) -> nn.Module:
    """Layers between a projection of eight features and a head for ten classes."""
    return nn.Sequential(nn.Linear(8, width), *layers, nn.LayerNorm(width), nn.Linear(width, 10))


def _row(
    name: str,
    build: Callable[[], nn.Module],
    source: str,
    about: str,
    inputs: Callable[[], tuple[Tensor, ...]],
    loss: Callable[[Any], Tensor] = classes,
) -> Case:
    return control(name, build, source=source, about=about, inputs=inputs, loss=loss)


IDS, SERIES = tokens(100), noise(8, 24, 8)

CASES: tuple[Case, ...] = (
    _row("keras-lstm", keras_lstm, "https://keras.io/api/layers/recurrent_layers/lstm/",
         "A quarter of the bias is 1, the rest 0; recurrent blocks are orthogonal; a padding row is zero.", IDS),
    _row("chrono-lstm", chrono_lstm, "https://arxiv.org/abs/1804.11188",
         "Biases up to 4.6 and down to -4.6, the ones of the forget gate minus those of the input gate.", IDS),
    _row("irnn", identity_rnn, "https://arxiv.org/abs/1504.00941",
         "An identity matrix, and inputs' weights with a std of 0.001.", IDS),
    _row("gru-closed", closed_gru, "https://arxiv.org/abs/1406.1078",
         "A third of a bias is -2: the gate starts nearly shut.", IDS),
    _row("highway", lambda: waves(*(Highway() for _ in range(4))), "https://arxiv.org/abs/1505.00387",
         "All gate biases are -2.", noise(16, 8)),
    _row("mamba", lambda: waves(MambaBlock(), MambaBlock()), "https://arxiv.org/abs/2312.00752",
         "All rows of A_log are equal, D is one, the bias of dt lies between -6.9 and -2.3.", SERIES),
    _row("s4d-lin", lambda: waves(DiagonalState(), DiagonalState(), width=32), "https://arxiv.org/abs/2206.11893",
         "Poles repeat in every channel and grow up to 47; C is complex.", SERIES, squares),
    _row("linear-recurrent-unit", lambda: waves(LinearRecurrence(), width=32), "https://arxiv.org/abs/2303.06349",
         "Logarithms of logarithms of radii and phases, complex weights.", SERIES),
    _row("retention", lambda: waves(Retention(), Retention()), "https://arxiv.org/abs/2307.08621",
         "Weights with gain 2^(-2.5), a norm without weights, decays in a buffer.", SERIES),
)  # fmt: skip
