"""Controls: transformers, their embeddings, positions, ties and what is added to them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.case import Case
from benchmarks.faults.control import both, classes, control, frozen, noise, squares, tokens

WORDS, WIDTH = 128, 64


class RMSNorm1p(nn.Module):
    """Gemma's norm: (1 + weight) x / rms(x), weight zero at first."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, x.shape[-1:]) * (1 + self.weight)


class Block(nn.Module):
    """Pre-norm attention and feed-forward; projections into the stream have a std of their own."""

    def __init__(self, norm: Callable[[], nn.Module], *, std: float = 0.02, last: float | None = None) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(), norm()
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        for layer in (self.qkv, self.proj, self.up, self.down):
            nn.init.normal_(layer.weight, std=std)
            nn.init.zeros_(layer.bias)
        for layer in (self.proj, self.down):
            nn.init.normal_(layer.weight, std=std if last is None else last)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        q, k, v = (part.unflatten(-1, (4, -1)).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, dim=-1))
        mixed = functional.scaled_dot_product_attention(q, k, v, bias, is_causal=bias is None)
        x = x + self.proj(mixed.transpose(1, 2).flatten(2))
        out: Tensor = x + self.down(functional.gelu(self.up(self.norm2(x))))
        return out


class GPT(nn.Module):
    """A language model of such blocks, the head tied to the embedding or not."""

    def __init__(
        self, norm: Callable[[], nn.Module], *, std: float = 0.02, scale: float = 1.0, tied: bool = True, depth: int = 4
    ) -> None:
        super().__init__()
        self.scale = scale
        self.wte = nn.Embedding(WORDS, WIDTH, padding_idx=0)
        self.wpe = nn.Embedding(32, WIDTH)
        self.blocks = nn.ModuleList(Block(norm, last=0.02 / math.sqrt(2 * depth)) for _ in range(depth))
        self.norm = norm()
        self.head = nn.Linear(WIDTH, WORDS, bias=False)
        nn.init.normal_(self.wte.weight.detach()[1:], std=std)
        nn.init.normal_(self.wpe.weight, std=std)
        nn.init.normal_(self.head.weight, std=0.02)
        if tied:
            self.head.weight = self.wte.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.wte(ids) * self.scale + self.wpe.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(self.norm(x))
        return out


class Patches(nn.Module):
    """A vision transformer: class token and positions start at zero, a mask token waits to be used."""

    def __init__(self, *, table: bool = False) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, WIDTH, 4, 4)
        nn.init.trunc_normal_(self.embed.weight, std=0.02)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, 17, WIDTH))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.table = nn.Parameter(torch.zeros(4, 17, 17)) if table else None
        self.blocks = nn.ModuleList(Block(lambda: nn.LayerNorm(WIDTH)) for _ in range(3))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        if hidden is not None:
            x = torch.where(hidden[..., None], self.mask_token, x)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1) + self.pos_embed
        none = x.new_zeros(1, 1)
        for block in self.blocks:
            x = block(x, none if self.table is None else self.table)
        out: Tensor = self.head(self.norm(x)[:, 0])
        return out


class Detector(nn.Module):
    """DETR's decoder: queries N(0, 1), their content zero; aligned heads for classes."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Embedding(20, WIDTH)
        self.decoder = nn.ModuleList(nn.TransformerDecoderLayer(WIDTH, 4, 128, 0.0, batch_first=True) for _ in range(2))
        for parameter in self.decoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, memory: Tensor) -> Tensor:
        positions = self.queries.weight.expand(len(memory), -1, -1)
        x = torch.zeros_like(positions)
        for layer in self.decoder:
            x = layer(x + positions, memory)
        out: Tensor = self.head(x)
        return out


class Experts(nn.Module):
    """A mixture of stacked experts: a router of std 0.006 chooses two of four."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(WIDTH, 4, bias=False)
        nn.init.normal_(self.router.weight, std=0.006)
        self.up = nn.Parameter(torch.randn(4, WIDTH, 128) / math.sqrt(WIDTH))
        self.down = nn.Parameter(torch.randn(4, 128, WIDTH) / math.sqrt(128))

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = self.router(x).softmax(dim=-1).topk(2, dim=-1)
        gates = torch.zeros(*x.shape[:-1], 4).scatter(-1, chosen, weights)
        hidden = torch.relu(torch.einsum("bd,edh->beh", x, self.up))
        return x + torch.einsum("beh,ehd,be->bd", hidden, self.down, gates)


class Clip(nn.Module):
    """Two towers and a temperature, log(1 / 0.07)."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.text = nn.Linear(64, 32, bias=False), nn.Linear(48, 32, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        a, b = functional.normalize(self.image(image), dim=-1), functional.normalize(self.text(text), dim=-1)
        return a @ b.T * self.logit_scale.exp()


class Scaled(nn.Module):
    """(IA)3: a frozen layer whose outputs are rescaled by ones."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.base = frozen(nn.Linear(inner, outer))
        self.ia3_l = nn.Parameter(torch.ones(outer))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.base(x) * self.ia3_l
        return out


class Prompted(nn.Module):
    """Prompt tuning: a frozen model, prompts copied from rows of its vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        self.model = frozen(GPT(lambda: nn.LayerNorm(WIDTH), tied=False))
        rows = torch.randint(1, WORDS, (6,))
        self.prompt = nn.Parameter(self.model.wte.weight.detach()[rows].clone())

    def forward(self, ids: Tensor) -> Tensor:
        prompt = self.prompt.expand(len(ids), -1, -1)
        x = torch.cat([prompt, self.model.wte(ids)], dim=1)
        for block in self.model.blocks:
            x = block(x)
        out: Tensor = self.model.head(self.model.norm(x))[:, 6:]
        return out


class OneBlock(nn.Module):
    """ALBERT, the Universal Transformer: one block, called six times."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.block = nn.Embedding(WORDS, WIDTH), Block(lambda: nn.LayerNorm(WIDTH))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        for _ in range(6):
            x = self.block(x)
        out: Tensor = self.head(self.norm(x))
        return out


def _layer() -> nn.Module:
    return nn.LayerNorm(WIDTH)


def _row(
    name: str,
    build: Callable[[], nn.Module],
    source: str,
    about: str,
    inputs: Callable[[], tuple[Tensor, ...]],
    loss: Callable[[Any], Tensor] = classes,
) -> Case:
    return control(name, build, source=source, about=about, inputs=inputs, loss=loss)


IDS, PIXELS = tokens(WORDS), noise(8, 3, 16, 16)

CASES: tuple[Case, ...] = (
    _row("gpt2-tied", lambda: GPT(_layer), "https://github.com/openai/gpt-2",
         "Head and embedding are one tensor, a padding row is zero, projections are smaller by sqrt(2 L).", IDS),
    _row("gemma-norms", lambda: GPT(RMSNorm1p, scale=math.sqrt(WIDTH)),
         "https://github.com/google/gemma_pytorch", "All norms' weights are zero: they are used as 1 + weight.", IDS),
    _row("scaled-embeddings", lambda: GPT(_layer, std=WIDTH**-0.5, scale=math.sqrt(WIDTH), tied=False),
         "https://arxiv.org/abs/1706.03762", "Embeddings of std 1/8 that are multiplied by 8.", IDS),
    _row("unit-embeddings", lambda: GPT(_layer, std=1.0, tied=False, depth=2),
         "https://pytorch.org/docs/stable/generated/torch.nn.Embedding.html", "N(0, 1).", IDS),
    _row("vit-zero-tokens", Patches, "https://arxiv.org/abs/2010.11929",
         "Class token, positions and head are zero; a mask token is not used in this pass.", PIXELS),
    _row("relative-positions", lambda: Patches(table=True), "https://arxiv.org/abs/2106.08254",
         "Four tables of relative positions are zero, and equal.", PIXELS),
    _row("detr-queries", Detector, "https://arxiv.org/abs/2005.12872",
         "Queries are an embedding that no token looks up, N(0, 1); contents are zero.", noise(4, 30, WIDTH)),
    _row("experts", lambda: nn.Sequential(nn.Linear(16, WIDTH), Experts(), nn.Linear(WIDTH, 10)),
         "https://arxiv.org/abs/2101.03961", "A router with a std of 0.006.", noise(32, 16)),
    _row("clip-temperature", Clip, "https://arxiv.org/abs/2103.00020",
         "A scalar of 2.66; logits are spread on purpose.", both(noise(16, 64), noise(16, 48))),
    _row("ia3", lambda: nn.Sequential(Scaled(32, WIDTH), nn.ReLU(), Scaled(WIDTH, 10)),
         "https://arxiv.org/abs/2205.05638", "All trained weights are one.", noise(16, 32)),
    _row("prompt-tuning", Prompted, "https://arxiv.org/abs/2104.08691",
         "Prompts are bit-identical to rows of the embedding; positions have no gradient.", IDS),
    _row("albert-sharing", OneBlock, "https://arxiv.org/abs/1909.11942", "One block is called six times.", IDS),
    _row("packed-projection", lambda: nn.TransformerEncoderLayer(WIDTH, 4, 128, 0.0, batch_first=True),
         "https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html",
         "Packed projections are Xavier for (3 d, d): small for each of the three.", noise(4, 20, WIDTH), squares),
)  # fmt: skip
