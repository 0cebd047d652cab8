"""What the tests of verdicts share: small models as schemes draw them, and their measured signals, judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from initwise.model import Reading, as_example, read
from initwise.planning._usage import with_usage
from initwise.signals import Signals, Verdict, judge, probe, probed


def noise(*shape: int) -> Tensor:
    """The same standard normal numbers each time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def tokens(vocabulary: int, batch: int = 4, length: int = 12) -> Tensor:
    """The same token ids each time."""
    return torch.randint(0, vocabulary, (batch, length), generator=torch.Generator().manual_seed(1))


def measured(model: nn.Module, inputs: Any) -> tuple[Signals, Reading]:
    """The signals of one real pass, and the reading with the usage of each parameter."""
    reading, problems = with_usage(read(model), inputs, needed=True)
    assert problems == []
    return probed(probe(reading, as_example(inputs, model)), reading), reading


def judged(model: nn.Module, inputs: Any) -> tuple[Verdict, ...]:
    """The verdicts on a measured model."""
    signals, reading = measured(model, inputs)
    return judge(signals, reading=reading)


def blamed(verdicts: Sequence[Verdict]) -> set[str]:
    """The parameters that any path names."""
    return {each.culprit.parameter for each in verdicts if each.culprit is not None}


def he(model: nn.Module) -> Any:
    """The model with He's law in each matrix and zeros in each bias of them."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if isinstance(module, nn.ConvTranspose2d):
            fan_in = module.in_channels * math.prod(module.kernel_size) / math.prod(module.stride)
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_in))
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)) and module.bias is not None:
            nn.init.zeros_(module.bias)
    return model


def chain(widths: Sequence[int], between: Callable[[], nn.Module] = nn.ReLU, *, normed: bool = False) -> Any:
    """Linear layers with an activation between them, and batch norms before it if asked for."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for taken, made in pairwise(widths[:-1]):
        layers += [nn.Linear(taken, made), *([nn.BatchNorm1d(made)] if normed else []), between()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


class Branch(nn.Module):
    """x + down(relu(up(norm(x))))."""

    def __init__(self, width: int, hidden: int, *, normed: bool = True) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width) if normed else nn.Identity()
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.down(self.up(self.norm(x)).relu())
        return x + branch


class Residual(nn.Module):
    """A residual stream with one kind of block."""

    def __init__(self, depth: int = 6, width: int = 64, hidden: int = 256, *, normed: bool = True) -> None:
        super().__init__()
        self.stem = nn.Linear(32, width)
        self.blocks = nn.ModuleList(Branch(width, hidden, normed=normed) for _ in range(depth))
        self.norm = nn.LayerNorm(width) if normed else nn.Identity()
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        made: Tensor = self.head(self.norm(x))
        return made


def residual(**options: Any) -> Any:
    """A residual network with He's law, the output layer as torch draws it."""
    torch.manual_seed(0)
    model: Any = he(Residual(**options))
    model.head.reset_parameters()
    return model


class Words(nn.Module):
    """Embedding, recurrent layers, output layer."""

    def __init__(self, kind: type[nn.RNNBase] = nn.LSTM, *, tied: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(300, 64)
        self.rnn = kind(64, 64, 2, batch_first=True)  # type: ignore[arg-type]
        self.head = nn.Linear(64, 300)
        if tied:
            self.head.weight = self.table.weight

    def forward(self, ids: Tensor) -> Tensor:
        made: Tensor = self.head(self.rnn(self.table(ids))[0])
        return made


class Hourglass(nn.Module):
    """A U-Net of two levels."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.inside = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.Conv2d(width, 4 * width, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(4 * width, 4 * width, 3, padding=1)
        self.up = nn.ConvTranspose2d(4 * width, width, 2, stride=2)
        self.merge = nn.Conv2d(2 * width, width, 3, padding=1)
        self.out = nn.Conv2d(width, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        above = self.inside(x).relu()
        below = self.middle(self.down(above).relu()).relu()
        joined = torch.cat([above, self.up(below).relu()], dim=1)
        made: Tensor = self.out(self.merge(joined).relu())
        return made


def hourglass() -> Any:
    """A U-Net with He's law."""
    torch.manual_seed(0)
    return he(Hourglass())


def small(name: str, **options: Any) -> Any:
    """A small model of transformers with its own initialization."""
    import transformers

    torch.manual_seed(0)
    kind = getattr(transformers, name)
    return kind(kind.config_class(**options)).eval()


def gpt2() -> Any:
    """GPT-2 of four blocks."""
    return small("GPT2LMHeadModel", n_layer=4, n_embd=128, n_head=4, vocab_size=500, n_positions=32)


def bert() -> Any:
    """BERT of four blocks."""
    return small(
        "BertForMaskedLM",
        num_hidden_layers=4,
        hidden_size=128,
        intermediate_size=512,
        num_attention_heads=4,
        vocab_size=500,
    )


def llama() -> Any:
    """Llama of four blocks."""
    return small(
        "LlamaForCausalLM",
        num_hidden_layers=4,
        hidden_size=128,
        intermediate_size=352,
        num_attention_heads=4,
        vocab_size=500,
    )


def t5() -> Any:
    """T5 of three blocks a side."""
    return small(
        "T5ForConditionalGeneration", num_layers=3, d_model=128, d_ff=512, d_kv=32, num_heads=4, vocab_size=500
    )
