"""Unseen faults: recurrent models, words, attention between two sequences."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import initwise as iw
from benchmarks.faults.case import Case
from benchmarks.faults.control import classes, tokens
from benchmarks.faults.fault import claims, fault, normal, put

WORDS, WIDTH = 120, 48


class Additive(nn.Module):
    """Scores v tanh(W q + U k)."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, 40, bias=False)
        self.key = nn.Linear(2 * WIDTH, 40, bias=False)
        self.score = nn.Linear(40, 1, bias=False)

    def forward(self, query: Tensor, memory: Tensor) -> Tensor:
        scores = self.score(torch.tanh(self.query(query)[:, None] + self.key(memory)))
        context: Tensor = (scores.softmax(1) * memory).sum(1)
        return context


class Translator(nn.Module):
    """Bidirectional GRU, additive attention, GRU cell."""

    def __init__(self) -> None:
        super().__init__()
        self.source = nn.Embedding(WORDS, 32)
        self.target = nn.Embedding(90, 32)
        self.encoder = nn.GRU(32, WIDTH, batch_first=True, bidirectional=True)
        self.attention = Additive()
        self.cell = nn.GRUCell(32 + 2 * WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, 90)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, _ = self.encoder(self.source(source))
        state, steps = memory.new_zeros(len(source), WIDTH), []
        for word in self.target(target).unbind(1):
            state = self.cell(torch.cat([word, self.attention(state, memory)], 1), state)
            steps.append(self.out(state))
        return torch.stack(steps, 1)


def sentences() -> tuple[Tensor, ...]:
    return (*tokens(WORDS, 6, 11)(), *tokens(90, 6, 7)())


@fault(
    "ZERO", "https://github.com/yz93/LAVT-RIS/issues/25", ("attention.*",), ("ZER", "GRD", "SYM302"),
    inputs=sentences, loss=classes,
)  # fmt: skip
def additive_attention_of_zeros(mended: bool) -> nn.Module:
    """Query, key and score of additive attention are zero: each gradient has another zero as its factor, for ever."""
    model = Translator()
    if not mended:
        for parameter in model.attention.parameters():
            nn.init.zeros_(parameter)
    return model


@fault("UNINIT", "https://github.com/gordicaleksa/pytorch-GAT/issues/11", ("attention.score.weight",), ("INI1", "ZER"))
def score_vector_of_old_memory(mended: bool) -> nn.Module:
    """The vector of attention scores is torch.empty, where integers lay before: as floats they are next to zero."""
    model = Translator()
    if not mended:
        put(model.attention.score.weight, torch.arange(3, 43, dtype=torch.int32).view(torch.float32)[None])
    return model


class Tagger(nn.Module):
    """Embedding, two layers of GRU in both directions, a tag for each word."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(200, 64, padding_idx=0)
        self.gru = nn.GRU(64, 96, 2, batch_first=True, bidirectional=True)
        self.tags = nn.Linear(192, 17)

    def forward(self, words: Tensor) -> Tensor:
        tags: Tensor = self.tags(self.gru(self.words(words))[0])
        return tags


@fault(
    "SCALE", "https://github.com/pytorch/pytorch/issues/750", ("gru.weight*",), ("SIG", "STA206", "GRD603"),
    inputs=tokens(200, 16, 20), loss=classes,
)  # fmt: skip
def gru_of_unit_normal(mended: bool) -> nn.Module:
    """All weights of the recurrent layers are N(0, 1): gates and candidates sit at their bounds."""
    model = Tagger()
    if not mended:
        for name, parameter in model.gru.named_parameters():
            if "weight" in name:
                nn.init.normal_(parameter)
    return model


@fault(
    "FAN", "https://github.com/pytorch/pytorch/issues/20102", ("gru.weight_hh*",), ("INI104", "INI105", "STA"),
    tool="verify", plan=claims(iw.rule(nn.GRU, weight_hh=iw.PerBlock(rest=iw.Orthogonal()))),
)  # fmt: skip
def orthogonal_over_packed_gates(mended: bool) -> nn.Module:
    """orthogonal_ is called on three gates packed as (3H, H): no gate is orthogonal, each is shrunk by sqrt(3)."""
    model = Tagger()
    for name, parameter in model.gru.named_parameters():
        if "weight_hh" in name:
            for block in parameter.data.chunk(3) if mended else [parameter.data]:
                nn.init.orthogonal_(block)
    return model


@fault("OVERWRITTEN", "https://github.com/huggingface/transformers/issues/46620", ("words.weight",), ("INI113",),
       tool="record")  # fmt: skip
def word_vectors_drawn_over(mended: bool) -> nn.Module:
    """Word vectors are copied into the embedding, and then a pass over the model draws every embedding."""
    vectors = torch.randn(200, 64) * 0.4
    model = Tagger()
    for late in (False, True) if mended else (True, False):
        if late:
            put(model.words.weight, vectors)
        else:
            nn.init.uniform_(model.words.weight, -0.05, 0.05)
    return model


class Speaker(nn.Module):
    """A language model of one LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.target = nn.Embedding(300, 40)
        self.lstm = nn.LSTM(40, 64, batch_first=True)
        self.back = nn.Linear(64, 40)
        self.out = nn.Linear(40, 300)

    def forward(self, words: Tensor) -> Tensor:
        logits: Tensor = self.out(self.back(self.lstm(self.target(words))[0]))
        return logits


@fault("DISTRIBUTED", "https://github.com/pytorch/torchtitan/issues/3106", ("lstm.weight*",), ("SYM303", "STA202"))
def gates_of_ranks_with_one_seed(mended: bool) -> nn.Module:
    """Each of four gates is split over two ranks that drew with one seed: gathered, each gate is a half twice."""
    model = Speaker()
    for parameter in model.lstm.parameters():
        if not mended and parameter.dim() == 2:
            first = torch.empty(4, 32, parameter.shape[1]).uniform_(-0.125, 0.125)
            put(parameter, torch.cat([first, first], 1).flatten(0, 1))
    return model


class SkipGram(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.center = nn.Embedding(400, 150)
        self.context = nn.Linear(150, 400, bias=False)

    def forward(self, words: Tensor) -> Tensor:
        logits: Tensor = self.context(self.center(words))
        return logits


@fault(
    "SCALE", "https://github.com/pytorch/pytorch/issues/3121", ("c*.weight",), ("SIG505", "STA206", "SIG503"),
    inputs=tokens(400, 64, 2), loss=classes,
)  # fmt: skip
def skip_gram_of_unit_normal(mended: bool) -> nn.Module:
    """Both tables of a skip-gram model are N(0, 1): logits have a std of 12, the loss is 60 where ln V is 6."""
    model = SkipGram()
    normal(model, 0.05 if mended else 1.0)
    return model


@fault("SHARED", "https://github.com/Modalities/modalities/pull/456", ("*t.weight",), ("TIE", "SYM301"))
def output_tied_by_a_clone(mended: bool) -> nn.Module:
    """The output layer is given a clone of the embedding's weight: equal at the start, and two weights from then on."""
    model = Speaker()
    nn.init.normal_(model.target.weight, std=0.1)
    model.out.weight = model.target.weight if mended else nn.Parameter(model.target.weight.detach().clone())
    return model


CASES = tuple(case for case in list(globals().values()) if isinstance(case, Case))
