"""Faults: the right kind of numbers at the wrong scale; signals or the loss show it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.control import both, classes, noise, squares, tokens
from benchmarks.faults.fault import calm, fault, he, normal, put
from benchmarks.faults.nets.llama import WORDS, Llama

OFF = ("STA20", "SIG50")


class Dlrm(nn.Module):
    """Dense features and three embeddings, their products, a tower of ReLU layers to one number of clicks."""

    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.ModuleList(nn.EmbeddingBag(50, 16, mode="sum") for _ in range(3))
        self.bot = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 16), nn.ReLU())
        self.top = nn.Sequential(nn.Linear(22, 64), nn.ReLU(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 1), nn.ReLU())
        for table in self.emb.parameters():
            nn.init.uniform_(table, -(50**-0.5), 50**-0.5)
        for layer in (*self.bot, *self.top):
            if isinstance(layer, nn.Linear):
                nn.init.xavier_normal_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, dense: Tensor, sparse: Tensor) -> Tensor:
        x = self.bot(dense)
        parts = torch.stack([x, *(table(sparse[:, i : i + 1]) for i, table in enumerate(self.emb))], dim=1)
        left, right = torch.tril_indices(4, 4, -1)
        crossed = (parts @ parts.transpose(1, 2))[:, left, right]
        clicks: Tensor = self.top(torch.cat((x, crossed), dim=1))
        return clicks


@fault(
    "SCALE", "https://github.com/facebookresearch/dlrm/pull/358", ("top.4.bias", "top.4.weight"),
    ("SIG501", "GRD6", "ZER"), inputs=both(noise(64, 13), tokens(50, 64, 3)), loss=squares,
)  # fmt: skip
def bias_kills_relu(mended: bool) -> nn.Module:
    """A bias has std sqrt(1 / outputs), so one for the single output; drawn far below zero it shuts the last ReLU."""
    model = Dlrm()
    if not mended:
        put(model.get_parameter("top.4.bias"), torch.tensor([-2.6]))
    return model


@fault(
    "SCALE", "https://github.com/pytorch/torchtitan/pull/2342", ("tok_embeddings.weight",),
    (*OFF, "TIE"), inputs=tokens(WORDS), loss=classes,
)  # fmt: skip
def tied_head_of_unit_scale(mended: bool) -> nn.Module:
    """With tied weights the output keeps the embedding's N(0, 1): logits of std 16, a loss far above 100."""
    model = Llama(width=256, depth=2, tied=True)
    if not mended:
        nn.init.normal_(model.tok_embeddings.weight)
    return model


class T5(nn.Module):
    """Relative-position-free encoder with an untied head, embeddings of unit scale."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        self.shared = nn.Embedding(WORDS, width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(3))
        self.wi, self.wo = nn.Linear(width, 512, bias=False), nn.Linear(512, width, bias=False)
        self.lm_head = nn.Linear(width, WORDS, bias=False)
        nn.init.normal_(self.q.weight, std=(width * width / 4) ** -0.5)
        for layer in (self.k, self.v, self.o, self.wi, self.wo):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)

    def forward(self, words: Tensor) -> Tensor:
        x = self.shared(words)
        y = self.norms[0](x)
        q, k, v = (layer(y).unflatten(-1, (4, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        mixed = functional.scaled_dot_product_attention(q, k, v, scale=1.0)
        x = x + self.o(mixed.transpose(1, 2).flatten(2))
        x = x + self.wo(self.wi(self.norms[1](x)).relu())
        logits: Tensor = self.lm_head(self.norms[2](x))
        return logits


@fault(
    "SCALE", "https://github.com/huggingface/transformers/pull/26441", ("lm_head.weight",), OFF,
    inputs=tokens(WORDS), loss=classes,
)  # fmt: skip
def head_of_unit_variance(mended: bool) -> nn.Module:
    """T5's head is drawn from N(0, 1), not N(0, 1 / width): the first loss is ten times too high."""
    model = T5()
    nn.init.normal_(model.lm_head.weight, std=256**-0.5 if mended else 1.0)
    return model


class LstmModel(nn.Module):
    """Embedding, LSTM, a head tied to the embedding."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        self.encoder = nn.Embedding(WORDS, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.scale = nn.LayerNorm(width)
        self.decoder = nn.Linear(width, WORDS)
        self.decoder.weight = self.encoder.weight
        nn.init.zeros_(self.decoder.bias)

    def forward(self, words: Tensor) -> Tensor:
        logits: Tensor = self.decoder(self.scale(self.lstm(self.encoder(words))[0]))
        return logits


@fault(
    "SCALE", "https://github.com/pytorch/pytorch/issues/3121", ("encoder.weight",), (*OFF, "TIE"),
    inputs=tokens(WORDS), loss=classes,
)  # fmt: skip
def default_embedding_in_a_tied_head(mended: bool) -> nn.Module:
    """nn.Embedding's default of N(0, 1) is fine to read and far too large as the head that it also is."""
    model = LstmModel()
    nn.init.normal_(model.encoder.weight, std=0.05 if mended else 1.0)
    return model


class Experts(nn.Module):
    """A router and eight experts stacked in 3-D weights, (expert, in, out); all run, the best two count."""

    def __init__(self, width: int = 64, hidden: int = 128, count: int = 8) -> None:
        super().__init__()
        self.router = nn.Linear(width, count, bias=False)
        self.up = nn.Parameter(torch.empty(count, width, hidden))
        self.down = nn.Parameter(torch.empty(count, hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        gates = self.router(x).softmax(-1)
        best = gates.topk(2, dim=-1)
        gates = torch.zeros_like(gates).scatter(-1, best.indices, best.values)
        hidden = torch.einsum("bd,edh->beh", x, self.up).relu()
        return torch.einsum("beh,ehd,be->bd", hidden, self.down, gates)


class Sparse(nn.Module):
    """Layers of experts one after the other, a norm before each."""

    def __init__(self, depth: int = 3) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(64) for _ in range(depth))
        self.experts = nn.ModuleList(Experts() for _ in range(depth))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        for norm, experts in zip(self.norms, self.experts, strict=True):
            x = x + experts(norm(x))
        logits: Tensor = self.head(x)
        return logits


@fault(
    "SCALE", "https://github.com/huggingface/transformers/pull/42306", ("experts.*.up", "experts.*.down"),
    OFF, inputs=noise(64, 64), loss=classes,
)  # fmt: skip
def stacked_experts_by_torchs_fans(mended: bool) -> nn.Module:
    """kaiming_normal_ takes a stack of experts for a convolution, with a fan larger by one whole axis."""
    model = Sparse()
    for weight in model.parameters():
        if weight.dim() == 3 and mended:
            nn.init.normal_(weight, std=math.sqrt(2 / weight.shape[1]))
        elif weight.dim() == 3:
            nn.init.kaiming_normal_(weight, nonlinearity="relu")
    return model


class Separable(nn.Module):
    """Depthwise and pointwise convolutions without norms between."""

    def __init__(self, width: int = 64, depth: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.dw = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, groups=width) for _ in range(depth))
        self.pw = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(depth))
        self.head = nn.Linear(width, 10)
        he(self)
        calm(self.head)
        for weight in self.filters():  # no activation follows
            nn.init.kaiming_normal_(weight, nonlinearity="linear")

    def filters(self) -> list[Tensor]:
        """The weights of the depthwise convolutions."""
        return [parameter for parameter in self.dw.parameters() if parameter.dim() > 1]

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        for deep, point in zip(self.dw, self.pw, strict=True):
            x = point(deep(x)).relu()
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


@fault(
    "SCALE", "https://github.com/huggingface/pytorch-image-models/issues/84", ("dw.*.weight",),
    (*OFF, "GRD6"), inputs=noise(8, 3, 16, 16), loss=classes,
)  # fmt: skip
def depthwise_fan_out_of_all_channels(mended: bool) -> nn.Module:
    """fan_out counts every channel, a depthwise filter has one: weights are six times too small, and signals die."""
    model = Separable()
    for weight in model.filters():
        if not mended:
            nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
    return model


def deep(width: int, depth: int, activation: type[nn.Module], outputs: int = 10) -> nn.Sequential:
    """Hidden layers of one width between an input of 32 and a head."""
    layers: list[nn.Module] = [nn.Linear(32, width), activation()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


@fault(
    "SCALE", "https://github.com/pytorch/pytorch/issues/18182", ("*.weight",), ("SIG50", "GRD6", "STA20"),
    inputs=noise(64, 32), loss=classes,
)  # fmt: skip
def deep_relu_by_torchs_default(mended: bool) -> nn.Module:
    """Twenty-four ReLU layers by torch's default: each keeps a sixth of the second moment, the input is gone."""
    model = deep(128, 24, nn.ReLU)
    if mended:
        he(model)
        calm(list(model.children())[-1])
    return model


@fault(
    "SCALE", "https://github.com/thedeepchecker/thedeepchecker", ("*.weight",), ("SIG50", "GRD6", "STA20"),
    inputs=noise(64, 32), loss=classes,
)  # fmt: skip
def tanh_saturated_by_unit_normal(mended: bool) -> nn.Module:
    """Weights from N(0, 1) drive every tanh to its ends: the slopes, and the gradients, are almost zero."""
    model = deep(128, 5, nn.Tanh)
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5 if mended else 1.0)
            nn.init.zeros_(layer.bias)
    return model


@fault(
    "SCALE", "https://github.com/thedeepchecker/thedeepchecker", ("?.weight",), ("STA20", "SIG50"),
    inputs=noise(64, 784), loss=classes,
)  # fmt: skip
def digits_by_a_quarter(mended: bool) -> nn.Module:
    """Every weight of a classifier of digits is drawn with std 0.25, two to five times the rule for ReLU."""
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    he(model)
    calm(list(model.children())[-1])
    if not mended:
        normal(model, 0.25)
    return model


CASES = (
    bias_kills_relu,
    tied_head_of_unit_scale,
    head_of_unit_variance,
    default_embedding_in_a_tied_head,
    stacked_experts_by_torchs_fans,
    depthwise_fan_out_of_all_channels,
    deep_relu_by_torchs_default,
    tanh_saturated_by_unit_normal,
    digits_by_a_quarter,
)
