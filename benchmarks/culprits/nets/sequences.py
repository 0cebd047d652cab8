"""Nets over sequences: recurrent, dilated, transformers written by hand."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn


class LstmModel(nn.Module):
    """A language model: a lookup, two LSTMs, a head."""

    def __init__(self, vocabulary: int = 2000, width: int = 256) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.first = nn.LSTM(width, width, batch_first=True)
        self.second = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids: Tensor) -> Tensor:
        x, _ = self.first(self.embedding(ids))
        x, _ = self.second(x)
        out: Tensor = self.head(x)
        return out


class Translator(nn.Module):
    """A GRU reads, another one writes from its last state (Cho et al. 2014)."""

    def __init__(self, vocabulary: int = 2000, width: int = 256) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(vocabulary, width), nn.Embedding(vocabulary, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        _, state = self.encoder(self.source(source))
        x, _ = self.decoder(self.target(target), state)
        out: Tensor = self.head(x)
        return out


class ReluRnn(nn.Module):
    """A recurrent layer with ReLU over rows of pixels (Le et al. 2015)."""

    def __init__(self, features: int = 28, width: int = 128) -> None:
        super().__init__()
        self.rnn = nn.RNN(features, width, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.rnn(x)
        out: Tensor = self.head(x[:, -1])
        return out


class Gated(nn.Module):
    """WaveNet's block (van den Oord et al. 2016): a dilated gated convolution, one 1 x 1 back, one to the skip."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.pad = dilation
        self.filter = nn.Conv1d(width, width, 2, dilation=dilation)
        self.gate = nn.Conv1d(width, width, 2, dilation=dilation)
        self.back = nn.Conv1d(width, width, 1)
        self.skip = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        padded = F.pad(x, (self.pad, 0))
        y = torch.tanh(self.filter(padded)) * torch.sigmoid(self.gate(padded))
        return x + self.back(y), self.skip(y)


class WaveNet(nn.Module):
    """Dilated gated convolutions over a wave; the sum of all skips becomes the classes."""

    def __init__(self, width: int = 64, depth: int = 8) -> None:
        super().__init__()
        self.start = nn.Conv1d(1, width, 1)
        self.blocks = nn.ModuleList(Gated(width, 2 ** (number % 6)) for number in range(depth))
        self.end = nn.Conv1d(width, 128, 1)
        self.classes = nn.Conv1d(128, 256, 1)

    def forward(self, wave: Tensor) -> Tensor:
        x = self.start(wave)
        total = torch.zeros_like(x)
        for block in self.blocks:
            x, skip = block(x)
            total = total + skip
        out: Tensor = self.classes(torch.relu(self.end(torch.relu(total))))
        return out


def text_cnn(width: int = 128, depth: int = 6, kernel: int = 5) -> nn.Sequential:
    """Convolutions over time without norms, the mean over time, classes."""
    layers: list[nn.Module] = []
    for number in range(depth):
        layers += [nn.Conv1d(width if number else 64, width, kernel, padding=kernel // 2), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(width, 20))


class Layer(nn.Module):
    """A transformer's block as nanoGPT writes it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.attn_out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.mlp_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, t, c = x.shape
        q, k, v = (
            part.view(n, t, self.heads, c // self.heads).transpose(1, 2)
            for part in self.c_attn(self.ln_1(x)).split(c, dim=2)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_out(y.transpose(1, 2).reshape(n, t, c))
        out: Tensor = x + self.mlp_out(F.gelu(self.c_fc(self.ln_2(x))))
        return out


class NanoGpt(nn.Module):
    """A small language model; its head is the table of its words."""

    def __init__(self, vocabulary: int = 2000, width: int = 256, heads: int = 4, depth: int = 6) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(128, width)
        self.h = nn.ModuleList(Layer(width, heads) for _ in range(depth))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1], device=ids.device))
        for layer in self.h:
            x = layer(x)
        out: Tensor = self.lm_head(self.ln_f(x))
        return out


class Series(nn.Module):
    """A transformer over patches of a time series: what comes next (Nie et al. 2023)."""

    def __init__(self, patch: int = 8, width: int = 256, depth: int = 6) -> None:
        super().__init__()
        self.patches = nn.Linear(patch, width)
        self.places = nn.Parameter(torch.zeros(1, 64, width))
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, F.gelu, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, nn.LayerNorm(width), enable_nested_tensor=False)
        self.next = nn.Linear(width, patch)

    def forward(self, series: Tensor) -> Tensor:
        x = self.patches(series) + self.places[:, : series.shape[1]]
        out: Tensor = self.next(self.encoder(x).mean(dim=1))
        return out
