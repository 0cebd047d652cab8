"""Faults: layers, units or whole weights that start as copies of each other."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from benchmarks.faults.control import both, classes, noise, tokens
from benchmarks.faults.fault import calm, fault, he, put
from benchmarks.faults.nets.convolutional import BasicBlock, LeNet, ResNet
from benchmarks.faults.nets.gpt import Gpt

WORDS, WIDTH = 200, 64


class Tagger(nn.Module):
    """Embedding, nn.TransformerEncoder, a class for each token."""

    def __init__(self, layer: nn.TransformerEncoderLayer) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, WIDTH)
        self.encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 12)

    def forward(self, words: Tensor) -> Tensor:
        out: Tensor = self.head(self.encoder(self.embed(words)))
        return out


def encoder_layer() -> nn.TransformerEncoderLayer:
    """A post-norm layer with ReLU."""
    return nn.TransformerEncoderLayer(WIDTH, 4, 128, dropout=0.0, batch_first=True)


STACK = ("*.in_proj_weight", "*.out_proj.weight", "*.linear1.*", "*.linear2.*")


@fault("CLONE", "https://github.com/pytorch/pytorch/issues/72253", STACK, ("SYM",), inputs=tokens(WORDS), loss=classes)
def encoder_copies_one_layer(mended: bool) -> nn.Module:
    """nn.TransformerEncoder deep-copies the layer that it is given: all layers start with the same random numbers."""
    model = Tagger(encoder_layer())
    if mended:
        model.encoder.layers = nn.ModuleList(encoder_layer() for _ in range(4))
    return model


class Captioner(nn.Module):
    """nn.TransformerDecoder over features of an image."""

    def __init__(self, layer: nn.TransformerDecoderLayer) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, 48)
        self.decoder = nn.TransformerDecoder(layer, 3, nn.LayerNorm(48))
        self.out = nn.Linear(48, WORDS)

    def forward(self, features: Tensor, words: Tensor) -> Tensor:
        out: Tensor = self.out(self.decoder(self.embed(words), features))
        return out


def decoder_layer() -> nn.TransformerDecoderLayer:
    """A pre-norm layer with GELU."""
    return nn.TransformerDecoderLayer(48, 4, 96, 0.0, "gelu", batch_first=True, norm_first=True)


@fault(
    "CLONE", "https://github.com/pytorch/pytorch/issues/86274", STACK, ("SYM",),
    inputs=both(noise(8, 9, 48), tokens(WORDS)), loss=classes,
)  # fmt: skip
def decoder_copies_one_layer(mended: bool) -> nn.Module:
    """nn.TransformerDecoder deep-copies its layer just as the encoder does."""
    model = Captioner(decoder_layer())
    if mended:
        model.decoder.layers = nn.ModuleList(decoder_layer() for _ in range(3))
    return model


@fault("CLONE", "https://github.com/pytorch/pytorch/issues/120396", ("h.*.c_*.weight",), ("SYM",))
def blocks_by_deepcopy(mended: bool) -> nn.Module:
    """A hand-written GPT stacks deep copies of one block and draws nothing anew afterwards."""
    model = Gpt()
    first = model.h[0]
    if not mended:
        model.h = nn.ModuleList(copy.deepcopy(first) for _ in range(4))
    return model


@fault(
    "CLONE", "https://github.com/harvardnlp/annotated-transformer/issues/9", ("blocks.*.conv*.weight",), ("SYM",),
    inputs=noise(4, 3, 16, 16), loss=classes,
)  # fmt: skip
def residual_blocks_by_clones(mended: bool) -> nn.Module:
    """`clones(module, N)` is fine where everything is drawn later; here a residual network keeps the copies."""
    model = ResNet()
    if not mended:
        model.blocks = nn.Sequential(*(copy.deepcopy(model.blocks[0]) for _ in range(3)))
    return model


class SequenceNet(nn.Module):
    """Convolutions over time, then stacked LSTM layers of one size."""

    def __init__(self, seed: int | None) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(32, 32, 3, padding=1) for _ in range(3))
        self.lstms = nn.ModuleList(nn.LSTM(32, 32, batch_first=True) for _ in range(2))
        self.head = nn.Linear(32, 5)
        for layer in self.children():
            for parameter in layer.parameters():
                generator = torch.Generator().manual_seed(seed) if seed is not None else None
                nn.init.uniform_(parameter, -(32**-0.5), 32**-0.5, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = x + conv(x.transpose(1, 2)).relu().transpose(1, 2)
        for lstm in self.lstms:
            x = lstm(x)[0]
        out: Tensor = self.head(x[:, -1])
        return out


@fault(
    "CLONE", "https://github.com/nntile/nntile/issues/21", ("convs.*.weight", "lstms.*.weight*"), ("SYM",),
    inputs=noise(8, 12, 32), loss=classes,
)  # fmt: skip
def one_seed_for_every_weight(mended: bool) -> nn.Module:
    """A generator is made anew from the same seed for each weight, so that weights of one shape are one draw."""
    return SequenceNet(None if mended else 7)


@fault(
    "CLONE", "https://github.com/soumith/net2net.torch/issues/3", ("2.weight", "2.bias", "4.weight"), ("SYM",),
    inputs=noise(16, 24), loss=classes,
)  # fmt: skip
def widened_without_noise(mended: bool) -> nn.Module:
    """Net2Net widens a layer by copying units and halving what leaves them, and forgets the noise that parts them."""
    small, model = perceptron(32), perceptron(64)
    with torch.no_grad():
        for wide, narrow in zip(model.parameters(), small.parameters(), strict=True):
            if wide.shape == narrow.shape:
                wide.copy_(narrow)
        if not mended:
            model.get_parameter("2.weight").copy_(small.get_parameter("2.weight").repeat(2, 1))
            model.get_parameter("2.bias").copy_(small.get_parameter("2.bias").repeat(2))
            model.get_parameter("4.weight").copy_(small.get_parameter("4.weight").repeat(1, 2) / 2)
    return model


def perceptron(width: int) -> nn.Sequential:
    """Three hidden layers, the second one of this width, a batch norm behind the third; by He's rule."""
    model = nn.Sequential(nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, width), nn.ReLU(), nn.Linear(width, 24))
    model += nn.Sequential(nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 4))
    he(model)
    calm(model.get_submodule("7"))
    return model


@fault(
    "CLONE", "https://github.com/thedeepchecker/thedeepchecker", ("*.weight",), ("SYM", "GRD6", "SIG5"),
    inputs=noise(8, 1, 28, 28), loss=classes,
)  # fmt: skip
def lenet_of_a_constant(mended: bool) -> nn.Module:
    """Every weight of LeNet is 0.01: all units of a layer compute and learn the same."""
    model = LeNet()
    for name, parameter in model.named_parameters():
        if not mended and name.endswith("weight"):
            nn.init.constant_(parameter, 0.01)
    return model


@fault(
    "CLONE", "https://github.com/dlfaults/dnn-auto-fl-empirical-assesment", ("0.weight",), ("SYM", "SIG503", "STA20"),
    inputs=noise(16, 400), loss=classes,
)  # fmt: skip
def first_layer_of_ones(mended: bool) -> nn.Module:
    """The first layer of a classifier of news is all ones (mutant R6): 128 equal units with huge sums."""
    model = nn.Sequential(nn.Linear(400, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 46))
    if not mended:
        nn.init.ones_(model.get_parameter("0.weight"))
    return model


class Towers(nn.Module):
    """Features of three resolutions, a tower of blocks for each, summed."""

    def __init__(self) -> None:
        super().__init__()
        self.towers = nn.ModuleList(nn.Sequential(BasicBlock(16), nn.Conv2d(16, 8, 1)) for _ in range(3))

    def forward(self, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return torch.stack([tower(x).mean((2, 3)) for tower, x in zip(self.towers, (a, b, c), strict=True)]).sum(0)


@fault(
    "CLONE", "https://github.com/pytorch/pytorch/issues/120396", ("towers.*.conv*.weight", "towers.*.1.*"), ("SYM",),
    inputs=both(noise(4, 16, 16, 16), noise(4, 16, 8, 8), noise(4, 16, 4, 4)), loss=classes,
)  # fmt: skip
def towers_from_one_state(mended: bool) -> nn.Module:
    """Each tower loads the first one's state "for a fair start", and is then called random."""
    model = Towers()
    if not mended:
        for tower in model.towers[1:]:
            for mine, first in zip(tower.parameters(), model.towers[0].parameters(), strict=True):
                put(mine, first)
    return model


CASES = (
    encoder_copies_one_layer,
    decoder_copies_one_layer,
    blocks_by_deepcopy,
    residual_blocks_by_clones,
    one_seed_for_every_weight,
    widened_without_noise,
    lenet_of_a_constant,
    first_layer_of_ones,
    towers_from_one_state,
)
