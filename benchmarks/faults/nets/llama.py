"""A small Llama: rotary positions, RMS norms, gated feed-forward layers, no biases."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

WORDS = 512


def frequencies(width: int) -> Tensor:
    """Rotary frequencies 10000 ** (-2 i / width)."""
    return 1.0 / 10000.0 ** (torch.arange(0, width, 2, dtype=torch.float32) / width)


class Rotary(nn.Module):
    """Rotates pairs of features by the position; its frequencies are a buffer that no checkpoint carries."""

    inv_freq: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("inv_freq", frequencies(width), persistent=False)

    def forward(self, x: Tensor) -> Tensor:  # (batch, heads, length, width)
        angles = torch.arange(x.shape[-2], dtype=torch.float32)[:, None] * self.inv_freq
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        left, right = x.chunk(2, dim=-1)
        return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)


class Attention(nn.Module):
    """Causal self-attention with four projections."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.wq, self.wk, self.wv, self.wo = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.rotary = Rotary(width // heads)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.wq, self.wk, self.wv))
        out = functional.scaled_dot_product_attention(self.rotary(q), self.rotary(k), v, is_causal=True)
        mixed: Tensor = self.wo(out.transpose(1, 2).flatten(2))
        return mixed


class FeedForward(nn.Module):
    """w2(silu(w1(x)) * w3(x)); w2 is the one that writes into the residual stream."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(width, hidden, bias=False)
        self.w2 = nn.Linear(hidden, width, bias=False)
        self.w3 = nn.Linear(width, hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.w2(functional.silu(self.w1(x)) * self.w3(x))
        return out


class Block(nn.Module):
    """Attention and feed-forward, each behind an RMS norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(width, eps=1e-5)
        self.attention = Attention(width, heads)
        self.ffn_norm = nn.RMSNorm(width, eps=1e-5)
        self.feed_forward = FeedForward(width, 2 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        out: Tensor = x + self.feed_forward(self.ffn_norm(x))
        return out


class Llama(nn.Module):
    """Tokens to logits."""

    def __init__(self, width: int = 128, depth: int = 3, heads: int = 4, *, tied: bool = False) -> None:
        super().__init__()
        self.tok_embeddings = nn.Embedding(WORDS, width)
        self.layers = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.output = nn.Linear(width, WORDS, bias=False)
        if tied:
            self.output.weight = self.tok_embeddings.weight
        self.start()

    def start(self, std: float = 0.02, scaled: tuple[str, ...] = ("wo", "w2")) -> None:
        """N(0, std ** 2); the weights named in `scaled` by 1 / sqrt(2 depth) less."""
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                inside = name.split(".")[-2] in scaled
                nn.init.normal_(parameter, std=std / math.sqrt(2 * len(self.layers)) if inside else std)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tok_embeddings(tokens)
        for layer in self.layers:
            x = layer(x)
        logits: Tensor = self.output(self.norm(x))
        return logits
