"""Unseen faults: graphs, recommenders, retrieval, agents."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from benchmarks.faults.case import Case
from benchmarks.faults.control import classes, noise, squares
from benchmarks.faults.fault import calm, claims, fault, normal, put


class Relations(nn.Module):
    """RGCN by bases: the matrix of a relation is a sum of bases."""

    def __init__(self, *, written: bool = True) -> None:
        super().__init__()
        self.bases = nn.Parameter(torch.empty(4, 48, 64))
        self.comp = nn.Parameter(torch.empty(11, 4))
        self.root = nn.Linear(48, 64)
        nn.init.normal_(self.bases, std=48**-0.5)
        if written:
            nn.init.xavier_uniform_(self.comp)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:  # edges: (relations, nodes, nodes)
        weight = torch.einsum("rb,bio->rio", self.comp, self.bases)
        y: Tensor = self.root(x) + torch.einsum("rnm,mi,rio->no", edges, x, weight)
        return y


@fault("UNINIT", "https://github.com/pyg-team/pytorch_geometric/issues/6561", ("comp",), ("INI112",), tool="record")
def coefficients_of_relations_never_written(mended: bool) -> nn.Module:
    """reset_parameters knows the bases of relations, and forgets the coefficients, which stay torch.empty."""
    return Relations(written=mended)


@fault(
    "FAN", "https://github.com/huggingface/transformers/pull/42306", ("bases",), ("INI104", "STA"),
    tool="verify", plan=claims(iw.rule("bases", iw.Normal(std=48**-0.5))),
)  # fmt: skip
def bases_by_torchs_fans(mended: bool) -> nn.Module:
    """xavier_normal_ sees (4, 48, 64) as a convolution of 64 places: bases are a tenth of what they should be."""
    model = Relations()
    if not mended:
        nn.init.xavier_normal_(model.bases)
    return model


class Cross(nn.Module):
    """DCN: three cross layers over the input."""

    def __init__(self, *, lists: bool) -> None:
        super().__init__()
        self.kernels = nn.ParameterList(nn.Parameter(torch.empty(60, 60)) for _ in range(3))
        self.out = nn.Linear(60, 1)
        for module in self.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if name.startswith("weight") or (lists and parameter.dim() == 2):
                    nn.init.xavier_normal_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for kernel in self.kernels:
            y = x * (y @ kernel) + y
        z: Tensor = self.out(y)
        return z


@fault("UNINIT", "https://github.com/tail-unica/hopwise/issues/271", ("kernels.*",), ("INI112",), tool="record")
def cross_kernels_without_the_name(mended: bool) -> nn.Module:
    """The rule looks for names that begin with weight; those in a ParameterList are numbers, and stay torch.empty."""
    return Cross(lists=mended)


class Grown(nn.Module):
    """A vocabulary of 200 that took over the first 168 rows of another."""

    def __init__(self, old: nn.Embedding, *, all_rows: bool) -> None:
        super().__init__()
        weight = torch.empty(200, old.embedding_dim)
        weight[:168] = old.weight.detach()
        if all_rows:
            weight[168:].normal_(std=0.02)
        self.words = nn.Embedding(200, old.embedding_dim, _weight=weight)
        self.out = nn.Linear(old.embedding_dim, 5)

    def forward(self, words: Tensor) -> Tensor:
        y: Tensor = self.out(self.words(words).mean(1))
        return y


@fault("UNINIT", "https://github.com/hiyouga/LlamaFactory/pull/10547", ("words.weight",), ("INI112",), tool="record")
def new_rows_never_written(mended: bool) -> nn.Module:
    """The table grows from 168 to 200 rows in new memory; old rows are copied, new ones left as they are."""
    return Grown(nn.Embedding(168, 24), all_rows=mended)


@fault("DISTRIBUTED", "https://github.com/pytorch/torchtitan/issues/166", ("words.weight",), ("SYM303", "STA202"))
def vocabulary_in_uneven_shards_of_one_seed(mended: bool) -> nn.Module:
    """Three ranks hold 67, 67 and 66 rows of a table, and all drew them with one seed."""
    model = Grown(nn.Embedding(168, 24), all_rows=True)
    if not mended:
        put(model.words.weight, model.words.weight.detach()[:67].repeat(3, 1)[:200])
    return model


class Citations(nn.Module):
    """Kinds of links by name, one linear layer for each."""

    KINDS = ("cites", "writes", "affiliated", "covers")

    def __init__(self, layers: dict[str, nn.Module]) -> None:
        super().__init__()
        self.lift, self.links, self.out = nn.Linear(30, 36), nn.ModuleDict(layers), nn.Linear(36, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.lift(x).relu()
        mixed = [link(y.roll(1 + i, 0)) for i, link in enumerate(self.links.values())]
        z: Tensor = self.out(torch.stack(mixed).sum(0).relu())
        return z


@fault("SHARED", "https://github.com/habla-liaa/encodecmae/issues/3", ("links.*",), ("TIE702",))
def links_from_one_key(mended: bool) -> nn.Module:
    """dict.fromkeys(kinds, Linear()) makes one layer: all kinds of links have the same weights."""
    if mended:
        return Citations({kind: nn.Linear(36, 36) for kind in Citations.KINDS})
    return Citations(dict.fromkeys(Citations.KINDS, nn.Linear(36, 36)))


class Deep(nn.Module):
    """Ten graph convolutions on a ring of nodes, without norms."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [25] + [64] * 10
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.out = nn.Linear(64, 6)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.tanh(layer(0.8 * x + 0.2 * x.roll(1, 0)))
        y: Tensor = self.out(x)
        return y


@fault(
    "SCALE", "https://github.com/pytorch/pytorch/issues/55741", ("layers.*.weight",), ("SIG504", "STA206", "GRD603"),
    inputs=noise(64, 25), loss=classes,
)  # fmt: skip
def graph_of_small_weights(mended: bool) -> nn.Module:
    """Ten graph convolutions with tanh are N(0, 0.02): each keeps a seventh of the signal, and nothing comes out."""
    model = Deep()
    normal(model, 0.14 if mended else 0.02)
    calm(model.out)
    return model


class Factors(nn.Module):
    """Users and items: factors and biases."""

    def __init__(self) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(90, 16), nn.Embedding(70, 16)
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        result: Tensor = (self.users(users) * self.items(items)).sum(-1) + self.offset
        return result


def ratings() -> tuple[Tensor, Tensor]:
    return torch.arange(64) % 90, torch.arange(64) * 7 % 70


@fault(
    "ZERO", "https://github.com/yz93/LAVT-RIS/issues/25", ("*s.weight",), ("ZER", "GRD"), inputs=ratings, loss=squares
)
def factors_of_zero_times_zero(mended: bool) -> nn.Module:
    """Factors of users and of items are zero: each is the other's gradient, and only the offset ever learns."""
    model = Factors()
    nn.init.normal_(model.users.weight, std=0.1)
    nn.init.normal_(model.items.weight, std=0.1)
    if not mended:
        nn.init.zeros_(model.users.weight)
        nn.init.zeros_(model.items.weight)
    return model


class Padded(nn.Module):
    """Histories of items, padded with number 0, read by a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.Embedding(250, 20, padding_idx=0)
        self.conv, self.out = nn.Conv1d(20, 32, 3), nn.Linear(32, 10)

    def forward(self, items: Tensor) -> Tensor:
        y: Tensor = self.out(self.conv(self.items(items).mT).relu().amax(2))
        return y


@fault("ZERO", "https://github.com/pytorch/pytorch/issues/6495", ("items.weight",), ("INI107", "INI1"))
def padding_of_histories_drawn(mended: bool) -> nn.Module:
    """xavier_normal_ over the table also draws the row of padding: empty places are an item that never trains."""
    model = Padded()
    nn.init.xavier_normal_(model.items.weight)
    if mended:
        put(model.items.weight[0], torch.zeros(20))
    return model


class Towers(nn.Module):
    """Queries and documents, and a temperature that is learned as a logarithm."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Sequential(nn.Linear(35, 64), nn.ReLU(), nn.Linear(64, 24))
        self.document = nn.Sequential(nn.Linear(50, 64), nn.ReLU(), nn.Linear(64, 24))
        self.log_scale = nn.Parameter(torch.tensor(2.659))

    def forward(self, query: Tensor, document: Tensor) -> Tensor:
        a, b = (functional.normalize(v, dim=1) for v in (self.query(query), self.document(document)))
        return self.log_scale.exp() * a @ b.T


def pairs(output: Tensor) -> Tensor:
    return functional.cross_entropy(output, torch.arange(len(output)))


@fault(
    "SCALE", "https://github.com/openai/CLIP/issues/15", ("log_scale",), ("SIG", "GRD", "STA", "INI"),
    inputs=lambda: (*noise(20, 35)(), *noise(20, 50)()), loss=pairs,
)  # fmt: skip
def scale_given_for_its_logarithm(mended: bool) -> nn.Module:
    """The logarithm of the temperature starts at 14.3, the temperature itself: logits are millions."""
    model = Towers()
    nn.init.constant_(model.log_scale, 2.659 if mended else 14.3)
    return model


CASES = tuple(case for case in list(globals().values()) if isinstance(case, Case))
