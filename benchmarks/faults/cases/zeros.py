"""Faults: zeros that never move, zeros that hide the input, padding that is not zero."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.control import both, classes, noise, squares, tokens, zeroed
from benchmarks.faults.fault import calm, fault, he
from benchmarks.faults.nets.convolutional import LeNet
from benchmarks.faults.nets.gpt import Gpt

WORDS = 200
STUCK = ("ZER", "GRD6")


class Seq2Seq(nn.Module):
    """Source and target embeddings from one helper, nn.Transformer, a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(WORDS, 48), nn.Embedding(WORDS, 48)
        self.body = nn.Transformer(48, 4, 1, 1, 96, 0.0, batch_first=True)
        self.head = nn.Linear(48, WORDS)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(self.source(source), self.target(target)))
        return out


@fault(
    "ZERO", "https://github.com/facebookresearch/fairseq/issues/4076", ("source.weight", "target.weight"),
    ("ZER", "SYM302", "SIG50"), inputs=both(tokens(WORDS), tokens(WORDS)), loss=classes,
)  # fmt: skip
def embedding_without_padding(mended: bool) -> nn.Module:
    """weight[padding_idx] = 0 with padding_idx None indexes everything: the whole embedding is zero."""
    model = Seq2Seq()
    for embedding in (model.source, model.target):
        nn.init.normal_(embedding.weight, std=48**-0.5)
        if not mended or embedding.padding_idx is not None:
            nn.init.zeros_(embedding.weight[embedding.padding_idx])
    return model


class Aggregated(nn.Module):
    """Deep cross attention: each layer reads a learned, input-dependent mix of all layers before it."""

    def __init__(self, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU()) for _ in range(depth)
        )
        self.biases = nn.ParameterList(torch.eye(n + 1)[-1] for n in range(depth))
        self.to_aggregate = nn.ModuleList(
            nn.Sequential(nn.RMSNorm(width), nn.Linear(width, n + 1, bias=False), nn.ReLU()) for n in range(depth)
        )
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        past = [x]
        for layer, bias, mix in zip(self.layers, self.biases, self.to_aggregate, strict=True):
            weights = mix(past[-1]) + bias
            past.append(past[-1] + layer((torch.stack(past, dim=-1) * weights[..., None, :]).sum(-1)))
        logits: Tensor = self.head(past[-1])
        return logits


@fault(
    "ZERO", "https://github.com/lucidrains/deep-cross-attention/issues/2", ("to_aggregate.*.1.weight",), STUCK,
    inputs=noise(16, 64), loss=classes,
)  # fmt: skip
def zeros_before_relu(mended: bool) -> nn.Module:
    """A linear layer of zeros without bias goes into ReLU, whose slope at zero is zero: no gradient, ever."""
    model = Aggregated()
    for i in range(3):
        weight = model.get_parameter(f"to_aggregate.{i}.1.weight")
        nn.init.normal_(weight, std=0.02) if mended else nn.init.zeros_(weight)
    return model


class Fusion(nn.Module):
    """Pixels attend to words; a gate decides how much of that enters."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.pixels = nn.Sequential(nn.Conv2d(3, width, 4, 4), nn.GELU())
        self.attend = nn.MultiheadAttention(width, 4, kdim=32, vdim=32, batch_first=True)
        self.res_gate = nn.Sequential(
            nn.Linear(width, width, bias=False), nn.ReLU(), nn.Linear(width, width, bias=False), nn.Tanh()
        )
        self.head = nn.Linear(width, 2)

    def forward(self, images: Tensor, words: Tensor) -> Tensor:
        x = self.pixels(images).flatten(2).transpose(1, 2)
        read = self.attend(x, words, words)[0]
        mask: Tensor = self.head(x + self.res_gate(read) * read)
        return mask


@fault(
    "ZERO", "https://github.com/yz93/LAVT-RIS/issues/25", ("res_gate.0.weight", "res_gate.2.weight"), STUCK,
    inputs=both(noise(4, 3, 16, 16), noise(4, 6, 32)), loss=classes,
)  # fmt: skip
def two_zero_layers_in_series(mended: bool) -> nn.Module:
    """Both linear layers of a gate are zeroed: each one's gradient is a product with the other, so neither moves."""
    model = Fusion()
    zeroed(model.res_gate[2])
    if not mended:
        zeroed(model.res_gate[0])
    return model


class LowRank(nn.Module):
    """A frozen layer, its low-rank change as two bare matrices."""

    def __init__(self, inside: int, outside: int, rank: int = 4, *, start: float) -> None:
        super().__init__()
        self.layer = nn.Linear(inside, outside).requires_grad_(requires_grad=False)
        self.lora_A = nn.Parameter(start * torch.randn(inside, rank))
        self.lora_B = nn.Parameter(torch.zeros(rank, outside))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x) + x @ self.lora_A @ self.lora_B
        return out


@fault(
    "ZERO", "https://github.com/circle-hit/SAPT/issues/11", ("*.lora_A", "*.lora_B"), STUCK,
    inputs=noise(16, 64), loss=squares,
)  # fmt: skip
def lora_of_two_zero_matrices(mended: bool) -> nn.Module:
    """lora_A and lora_B are both torch.zeros: the adapter's gradients stay zero."""
    start = 0.5 if mended else 0.0
    return nn.Sequential(LowRank(64, 128, start=start), nn.GELU(), LowRank(128, 64, start=start))


class Wrapped(nn.Module):
    """A frozen linear layer and a low-rank change of it, as linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.base = nn.Linear(width, width).requires_grad_(requires_grad=False)
        self.lora_A, self.lora_B = nn.Linear(width, 8, bias=False), zeroed(nn.Linear(8, width, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return functional.gelu(self.base(x) + self.lora_B(self.lora_A(x)))


class Looped(nn.Module):
    """Runs three wrapped layers one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.h = nn.ModuleList(Wrapped(64) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for part in self.h:
            x = part(x)
        return x


@fault("ZERO", "https://github.com/Guitaricet/relora/issues/18", ("h.*.lora_A.weight", "h.*.lora_B.weight"), STUCK)
def relora_keeps_the_original(mended: bool) -> nn.Module:
    """To keep a wrapped model's function both factors are zeroed, where one would do."""
    model = Looped()
    for module in model.modules():
        if isinstance(module, Wrapped) and not mended:
            zeroed(module.lora_A)
    return model


class Gated(nn.Module):
    """A pre-norm branch behind tanh(gate), as adapters for frozen models have it."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 128), nn.Linear(128, width)
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + torch.tanh(self.gate) * self.down(functional.gelu(self.up(self.norm(x))))
        return out


@fault(
    "ZERO", "https://github.com/yz93/LAVT-RIS/issues/25", ("*.gate", "*.down.*"), STUCK, inputs=noise(16, 64),
    loss=classes,
)  # fmt: skip
def zero_gate_on_a_zero_branch(mended: bool) -> nn.Module:
    """Two ways to start a branch at zero are used at once, a gate of zero and a last layer of zeros: it stays there."""
    model = nn.Sequential(*(Gated() for _ in range(3)), nn.LayerNorm(64), nn.Linear(64, 10))
    for module in model.modules():
        if isinstance(module, Gated) and not mended:
            zeroed(module.down)
    return model


class Classifier(nn.Module):
    """Words and their positions, padded with 0; a transformer layer; the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, 64, padding_idx=0)
        self.layer = nn.TransformerEncoderLayer(64, 4, 128, 0.0, batch_first=True)
        self.head = nn.Linear(64, 4)

    def forward(self, words: Tensor) -> Tensor:
        out: Tensor = self.head(self.layer(self.embed(words)).mean(1))
        return out


@fault(
    "ZERO", "https://github.com/pytorch/pytorch/issues/6495", ("embed.weight",), ("INI10",), inputs=tokens(WORDS),
    loss=classes,
)  # fmt: skip
def padding_row_drawn(mended: bool) -> nn.Module:
    """The embedding is drawn again after it was made: the row for padding is random, and never trained."""
    model = Classifier()
    nn.init.normal_(model.embed.weight, std=0.1)
    if mended:
        nn.init.zeros_(model.embed.weight[0])
    return model


class GraphTransformer(nn.Module):
    """Atoms and degrees as embeddings with padding, a layer of attention between them."""

    def __init__(self) -> None:
        super().__init__()
        self.atom_encoder = nn.Embedding(WORDS, 48, padding_idx=0)
        self.in_degree_encoder = nn.Embedding(24, 48, padding_idx=0)
        self.attention = nn.MultiheadAttention(48, 4, batch_first=True)
        self.head = nn.Linear(48, 1)

    def forward(self, atoms: Tensor) -> Tensor:
        x = self.atom_encoder(atoms) + self.in_degree_encoder(atoms % 24)
        out: Tensor = self.head((x + self.attention(x, x, x)[0]).mean(1))
        return out


@fault(
    "ZERO", "https://github.com/microsoft/Graphormer/issues/41", ("atom_encoder.weight", "in_degree_encoder.weight"),
    ("INI10",),
)  # fmt: skip
def padding_rows_of_a_graph(mended: bool) -> nn.Module:
    """init_params() draws every embedding from N(0, 0.02 ** 2), the rows of padding nodes too."""
    model = GraphTransformer()
    for embedding in (model.atom_encoder, model.in_degree_encoder):
        nn.init.normal_(embedding.weight, std=0.02)
        if mended:
            nn.init.zeros_(embedding.weight[0])
    return model


@fault(
    "ZERO", "https://github.com/neuralint/neuralint", ("*.weight",), ("SYM302", "ZER", "GRD6", "SIG50"),
    inputs=noise(8, 1, 28, 28), loss=classes,
)  # fmt: skip
def lenet_of_zeros(mended: bool) -> nn.Module:
    """All weights of LeNet are zero: behind ReLU nothing but the last bias can learn."""
    model = LeNet()
    return model if mended else zeroed(model)


class ConvBert(nn.Module):
    """Word vectors of a pretrained model, a convolution that is new, classes."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Gpt(width=64, depth=2)
        self.trunk.lm_head = nn.Linear(64, 64, bias=False)
        nn.init.normal_(self.trunk.lm_head.weight, std=0.1)
        self.conv = nn.Conv1d(64, 64, 5, padding=2)
        self.head = nn.Linear(64, 6)
        he(self.conv)
        calm(self.head)

    def forward(self, words: Tensor) -> Tensor:
        x = self.conv(self.trunk(words).transpose(1, 2)).relu()
        out: Tensor = self.head(x.amax(-1))
        return out


@fault(
    "ZERO", "https://github.com/huggingface/transformers/issues/28298", ("conv.weight",),
    ("ZER", "SYM302", "GRD6", "SIG50", "INI108"), inputs=tokens(500), loss=classes,
)  # fmt: skip
def new_convolution_left_at_zero(mended: bool) -> nn.Module:
    """from_pretrained() skips initialization and then knows no rule for Conv1d: the new layer is zero before a ReLU."""
    model = ConvBert()
    if not mended:
        zeroed(model.conv)
    return model


CASES = (
    embedding_without_padding,
    zeros_before_relu,
    two_zero_layers_in_series,
    lora_of_two_zero_matrices,
    relora_keeps_the_original,
    zero_gate_on_a_zero_branch,
    padding_row_drawn,
    padding_rows_of_a_graph,
    lenet_of_zeros,
    new_convolution_left_at_zero,
)
