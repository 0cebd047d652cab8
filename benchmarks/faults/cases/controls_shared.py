"""Controls: weights that are one tensor, or equal tensors, because they are meant to be."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.case import Case
from benchmarks.faults.control import both, classes, control, first, frozen, noise, squares

WIDTH = 48


def network(*sizes: int) -> nn.Sequential:
    """Linear layers with ReLU between."""
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Averaged(nn.Module):
    """A network and the frozen average of its past, which starts as its copy."""

    def __init__(self, online: nn.Module, *, used: bool = True) -> None:
        super().__init__()
        self.online, self.average = online, frozen(copy.deepcopy(online))
        self.used = used

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.online(x)
        return out + 0.1 * self.average(x).detach() if self.used else out


class SelfDistilled(nn.Module):
    """BYOL: a predictor on the online network, the target network is its frozen copy."""

    def __init__(self) -> None:
        super().__init__()
        self.online = network(32, WIDTH, 16)
        self.target = frozen(copy.deepcopy(self.online))
        self.predictor = network(16, WIDTH, 16)

    def forward(self, x: Tensor) -> Tensor:
        guess = functional.normalize(self.predictor(self.online(x)), dim=-1)
        return 2 - 2 * (guess * functional.normalize(self.target(x), dim=-1).detach()).sum(dim=-1)


class Momentum(nn.Module):
    """MoCo: a key encoder that is a copy, a queue of unit vectors in a buffer."""

    queue: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.query = network(32, WIDTH, 16)
        self.key = frozen(copy.deepcopy(self.query))
        self.register_buffer("queue", functional.normalize(torch.randn(16, 256), dim=0))

    def forward(self, x: Tensor) -> Tensor:
        q = functional.normalize(self.query(x), dim=-1)
        k = functional.normalize(self.key(x), dim=-1)
        return torch.cat([(q * k).sum(dim=-1, keepdim=True), q @ self.queue], dim=-1) / 0.2


class SoftCritic(nn.Module):
    """Soft actor critic: two critics, drawn apart, and a frozen copy of each; a temperature whose logarithm is zero."""

    def __init__(self) -> None:
        super().__init__()
        self.q1, self.q2 = network(8, WIDTH, WIDTH, 1), network(8, WIDTH, WIDTH, 1)
        self.target1, self.target2 = (frozen(copy.deepcopy(q)) for q in (self.q1, self.q2))
        self.log_alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        wanted = torch.minimum(self.target1(x), self.target2(x)).detach()
        errors = (self.q1(x) - 1 - 0.99 * wanted) ** 2 + (self.q2(x) - 1 - 0.99 * wanted) ** 2
        out: Tensor = errors - self.log_alpha
        return out


class Siamese(nn.Module):
    """One encoder for both inputs, under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.left = network(32, WIDTH, 16)
        self.right = self.left
        self.head = nn.Linear(16, 2)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        out: Tensor = self.head((self.left(a) - self.right(b)).abs())
        return out


class Autoencoder(nn.Module):
    """The decoder uses the encoder's weight, transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(32, 16)
        self.bias = nn.Parameter(torch.zeros(32))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(torch.tanh(self.encode(x)), self.encode.weight.T, self.bias)


class Pyramid(nn.Module):
    """One head for all levels of a pyramid, and the same module in two lists."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.ModuleList(nn.Conv2d(3, 16, 3, stride, 1) for stride in (1, 2, 4))
        head = nn.Conv2d(16, 10, 3, padding=1)
        self.heads = nn.ModuleList([head] * 3)

    def forward(self, x: Tensor) -> Tensor:
        pairs = zip(self.levels, self.heads, strict=True)
        return torch.stack([head(torch.relu(level(x))).mean(dim=(2, 3)) for level, head in pairs]).mean(dim=0)


class Codebook(nn.Module):
    """VQ-VAE with moving averages: codes, their sums (a copy of the codes) and counts in buffers."""

    codes: Tensor
    counts: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = network(32, WIDTH, 8), network(8, WIDTH, 32)
        codes = torch.randn(64, 8)
        self.register_buffer("codes", codes)
        self.register_buffer("sums", codes.clone())
        self.register_buffer("counts", torch.zeros(64))

    def forward(self, x: Tensor) -> Tensor:
        z = self.encoder(x)
        near = self.codes[torch.cdist(z.detach(), self.codes).argmin(dim=-1)]
        out: Tensor = self.decoder(z + (near - z).detach())
        return out


class TwoHeads(nn.Module):
    """Two heads of one output each: nothing inside of one could be equal."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.a, self.b = network(32, WIDTH, WIDTH), nn.Linear(WIDTH, 1), nn.Linear(WIDTH, 1)
        for head in (self.a, self.b):
            nn.init.constant_(head.weight, 0.1)
            nn.init.zeros_(head.bias)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.body(x))
        out: Tensor = self.a(h) * torch.sigmoid(self.b(h))
        return out


def redrawn_clones() -> nn.Module:
    """The annotated transformer: layers are deep copies, then every matrix is drawn again."""
    layer = nn.TransformerEncoderLayer(WIDTH, 4, 96, 0.0, batch_first=True)
    model = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
    return model


def one_unit() -> nn.Module:
    """A probe of one output whose weights are all equal: one unit has no symmetry to break."""
    head = nn.Linear(WIDTH, 1)
    nn.init.constant_(head.weight, 1 / WIDTH)
    return nn.Sequential(network(32, WIDTH), nn.ReLU(), head)


class Upcycled(nn.Module):
    """A mixture whose experts all start as one trained layer; each then sees its own inputs."""

    def __init__(self) -> None:
        super().__init__()
        dense = network(32, WIDTH, 32)
        self.experts = nn.ModuleList(copy.deepcopy(dense) for _ in range(4))
        self.router = nn.Linear(32, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weight, chosen = self.router(x).softmax(dim=-1).max(dim=-1)
        all_of_them = torch.stack([expert(x) for expert in self.experts], dim=1)
        out: Tensor = all_of_them[torch.arange(len(x)), chosen] * weight[:, None]
        return out


def _row(
    name: str,
    build: Callable[[], nn.Module],
    source: str,
    about: str,
    inputs: Callable[[], tuple[Tensor, ...]],
    loss: Callable[[Any], Tensor] = squares,
) -> Case:
    return control(name, build, source=source, about=about, inputs=inputs, loss=loss)


def mean(output: Any) -> Tensor:
    """The output is the loss of each example."""
    return first(output).mean()


def contrast(output: Any) -> Tensor:
    """The first class is the right one."""
    logits = first(output)
    return functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64))


ROWS = noise(32, 32)

CASES: tuple[Case, ...] = (
    _row("average-of-weights", lambda: Averaged(network(32, WIDTH, WIDTH, 10)), "https://arxiv.org/abs/1703.01780",
         "The teacher is a frozen, bit-identical copy.", ROWS, classes),
    _row("target-network", lambda: Averaged(network(32, WIDTH, WIDTH, 4), used=False),
         "https://www.nature.com/articles/nature14236", "A frozen copy that this pass does not use.", ROWS),
    _row("byol", SelfDistilled, "https://arxiv.org/abs/2006.07733", "The target network is a frozen copy.", ROWS, mean),
    _row("moco", Momentum, "https://arxiv.org/abs/1911.05722", "The key encoder is a frozen copy.", ROWS, contrast),
    _row("soft-actor-critic", SoftCritic, "https://arxiv.org/abs/1812.05905",
         "Targets are frozen copies; the logarithm of the temperature is zero.", noise(32, 8), mean),
    _row("siamese", Siamese, "https://proceedings.neurips.cc/paper/1993/hash/288cc0ff022877bd3df94bc9360b9c5d-Abstract.html",
         "One encoder under two names.", both(ROWS, noise(32, 32)), classes),
    _row("tied-autoencoder", Autoencoder, "https://www.jmlr.org/papers/v11/vincent10a.html",
         "One weight is used twice, once transposed.", ROWS),
    _row("pyramid-heads", Pyramid, "https://arxiv.org/abs/1612.03144", "One head stands three times in a list.",
         noise(8, 3, 16, 16), classes),
    _row("codebook-averages", Codebook, "https://arxiv.org/abs/1711.00937",
         "Buffers are copies of each other; counts are zero.", ROWS),
    _row("two-heads-of-one-output", TwoHeads, "https://pytorch.org/docs/stable/generated/torch.nn.Linear.html",
         "Two heads of one output with equal weights, all 0.1.", ROWS),
    _row("annotated-transformer", redrawn_clones, "https://github.com/harvardnlp/annotated-transformer/issues/9",
         "Layers are made by deepcopy; biases and norms stay equal, matrices are drawn again.", noise(4, 20, WIDTH)),
    _row("one-unit", one_unit, "https://pytorch.org/docs/stable/generated/torch.nn.Linear.html",
         "All weights of the last layer are equal: it has one unit.", ROWS),
    _row("upcycled-experts", Upcycled, "https://arxiv.org/abs/2212.05055",
         "Experts are bit-identical on purpose; a router tells them apart.", ROWS),
)  # fmt: skip
