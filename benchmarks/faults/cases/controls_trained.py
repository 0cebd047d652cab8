"""Controls: weights that were trained, pruned, rounded or taken over; none of them follows an initial law."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.case import Case
from benchmarks.faults.control import control, frozen
from benchmarks.faults.training import Task, digits, distance, passages, regression, trained


def mlp(*sizes: int, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Linear layers and activations between them."""
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), activation()]
    return nn.Sequential(*layers[:-1])


def digit_net() -> nn.Module:
    """A convolutional network for 8 x 8 pixels."""
    first, second = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
    body = [first, nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), second, nn.BatchNorm2d(32), nn.ReLU()]
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, 10))


class Letters(nn.Module):
    """A language model of characters: an LSTM, or a transformer."""

    def __init__(self, body: nn.Module, width: int = 48) -> None:
        super().__init__()
        self.embedding, self.positions = nn.Embedding(128, width), nn.Embedding(32, width)
        self.body, self.head = body, nn.Linear(width, 128)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids) + self.positions.weight[: ids.shape[1]]
        if isinstance(self.body, nn.LSTM):
            x = self.body(x)[0]
        else:
            mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
            x = self.body(x, mask, is_causal=True)
        out: Tensor = self.head(x)
        return out


def transformer(width: int = 48) -> nn.Module:
    """Two pre-norm layers."""
    layers = (nn.TransformerEncoderLayer(width, 4, 128, 0.0, batch_first=True, norm_first=True) for _ in range(2))
    return _Stack(*layers)


class _Stack(nn.ModuleList):
    """Encoder layers in a row, each drawn on its own."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(layers)

    def forward(self, x: Tensor, mask: Tensor, *, is_causal: bool) -> Tensor:
        for layer in self:
            x = layer(x, mask, is_causal=is_causal)
        return x


def new_head() -> nn.Module:
    """A trained body, frozen, and a new head for other classes."""
    model = trained(digit_net(), digits)
    frozen(model)
    model.register_module("9", nn.Linear(128, 4))
    return model


def pruned() -> nn.Module:
    """Nine tenths of each weight are zero, so whole rows are; then it was trained on."""
    model = trained(mlp(64, 128, 64, 10), flat_digits)
    for layer in model.children():
        if isinstance(layer, nn.Linear):
            weight = layer.weight.detach()
            weight[weight.abs() < weight.abs().quantile(0.9)] = 0.0
    return model


def rounded() -> nn.Module:
    """Weights rounded to 4 bits: fifteen values, each many times."""
    model = trained(mlp(64, 128, 64, 10), flat_digits)
    for layer in model.children():
        if isinstance(layer, nn.Linear):
            step = layer.weight.detach().abs().max() / 7
            layer.weight.detach().div_(step).round_().mul_(step)
    return model


class Words(nn.Module):
    """Skip-gram: word vectors with std 1 / dim, context vectors that start at zero, as in word2vec.c."""

    def __init__(self, words: int = 128, width: int = 32) -> None:
        super().__init__()
        self.syn0, self.syn1 = nn.Embedding(words, width), nn.Embedding(words, width)
        nn.init.uniform_(self.syn0.weight, -0.5 / width, 0.5 / width)
        nn.init.zeros_(self.syn1.weight)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.syn0(ids) @ self.syn1.weight.T
        return out


def principal() -> nn.Module:
    """The first layer holds principal components of the data, the rest is drawn."""
    x, _ = flat_digits(512, torch.Generator().manual_seed(4))
    first = nn.Linear(64, 24)
    first.weight.detach().copy_(torch.linalg.svd(x - x.mean(dim=0), full_matrices=False)[2][:24])
    first.bias.detach().copy_(-first.weight.detach() @ x.mean(dim=0))
    return nn.Sequential(first, nn.Tanh(), mlp(24, 48, 10, activation=nn.Tanh))


class Radial(nn.Module):
    """Radial basis functions around examples of the data, one width for all."""

    def __init__(self) -> None:
        super().__init__()
        x, _ = regression(40, torch.Generator().manual_seed(5))
        self.centres, self.log_width = nn.Parameter(x), nn.Parameter(torch.zeros(40))
        self.head = nn.Linear(40, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.exp(-(torch.cdist(x, self.centres) ** 2) / self.log_width.exp()))
        return out


class Merged(nn.Module):
    """A trained body with a second one, untrained, beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.old = frozen(trained(mlp(10, 64, 64, 1), regression))
        self.new = mlp(10, 64, 64, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.old(x) + self.new(x)
        return out


def flat_digits(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Digits as rows of 64 pixels."""
    x, y = digits(count, generator)
    return x.flatten(1), y


def halved(model: nn.Module) -> nn.Module:
    """A trained model in bfloat16."""
    return model.to(torch.bfloat16)


def _trained(name: str, build: Callable[[], nn.Module], task: Task, about: str, source: str = "", **more: Any) -> Case:
    def inputs() -> tuple[Tensor]:
        return (task(32, torch.Generator().manual_seed(6))[0],)

    def loss(output: Any) -> Tensor:
        return distance(output, task(32, torch.Generator().manual_seed(6))[1])

    return control(name, build, source=source or ADAM, about=about, **{"inputs": inputs, "loss": loss, **more})


def _four(output: Any) -> Tensor:
    return functional.cross_entropy(output, torch.arange(32) % 4)


ADAM = "https://arxiv.org/abs/1711.05101"

CASES: tuple[Case, ...] = (
    _trained("trained-mlp", lambda: trained(mlp(10, 64, 64, 1), regression), regression,
             "Biases and weights have left their laws; some units may be dead."),
    _trained("trained-mlp-tanh", lambda: trained(mlp(64, 96, 96, 10, activation=nn.Tanh), flat_digits, steps=400),
             flat_digits,
             "The loss is far below ln 10."),
    _trained("trained-cnn", lambda: trained(digit_net(), digits), digits, "Norms are no longer one, nor biases zero."),
    _trained("trained-lstm", lambda: trained(Letters(nn.LSTM(48, 48, batch_first=True)), passages, rate=1e-2,
             steps=120, batch=16), passages, "Embeddings of letters that never came stay as drawn, the others moved."),
    _trained("trained-transformer", lambda: trained(Letters(transformer()), passages, steps=150, batch=16), passages,
             "Norms, biases, outliers: nothing follows its law."),
    _trained("new-head", new_head, digits, "A frozen, trained body and a new head.", loss=_four),
    _trained("frozen-and-new", Merged, regression, "Half of the network is trained and frozen, half is new."),
    _trained("pruned", pruned, flat_digits, "Nine weights in ten are zero, rows of zeros repeat.",
             "https://arxiv.org/abs/1803.03635"),
    _trained("rounded-to-4-bits", rounded, flat_digits, "Fifteen values, each of them many times.",
             "https://arxiv.org/abs/1712.05877"),
    _trained("skip-gram", lambda: trained(Words(), passages, steps=150, batch=32), passages,
             "Context vectors of letters that never came are still zero rows.", "https://arxiv.org/abs/1310.4546"),
    _trained("skip-gram-at-first", Words, passages, "Context vectors are all zero, words uniform in 1 / 64.",
             "https://arxiv.org/abs/1310.4546"),
    _trained("principal-components", principal, flat_digits, "Rows are orthonormal and follow the data's spectrum.",
             "https://arxiv.org/abs/1511.06856"),
    _trained("radial-basis", Radial, regression, "Centres are examples of the data, widths are one.",
             "https://doi.org/10.1162/neco.1989.1.2.281"),
    _trained("trained-bfloat16", lambda: halved(trained(mlp(64, 96, 96, 10), flat_digits)), flat_digits,
             "A trained model, rounded to eight bits of precision.",
             inputs=lambda: (flat_digits(32, torch.Generator().manual_seed(6))[0].bfloat16(),)),
)  # fmt: skip
