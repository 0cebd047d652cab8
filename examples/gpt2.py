"""GPT-2 in plain PyTorch: the 124 M model that the demo initializes.

The architecture of Radford et al. 2019 with the parameter names of the released weights. `build()` gives the model with
whatever weights torch put there; what they should be is a plan's business, not the model's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Config:
    """The sizes of a GPT-2; the defaults are the smallest release."""

    vocabulary: int = 50257
    positions: int = 1024
    layers: int = 12
    heads: int = 12
    width: int = 768


class Attention(nn.Module):
    """Causal self-attention; `c_attn` packs query, key and value."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads = config.heads
        self.c_attn = nn.Linear(config.width, 3 * config.width)
        self.c_proj = nn.Linear(config.width, config.width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (batch, time, width) -> the same
        """Mix over time."""
        batch, time, width = x.shape
        packed = self.c_attn(x).view(batch, time, 3, self.heads, width // self.heads)
        query, key, value = packed.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        out: torch.Tensor = self.c_proj(mixed.transpose(1, 2).reshape(batch, time, width))
        return out


class MLP(nn.Module):
    """Two linear layers around GELU (the tanh form, as released)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.c_fc = nn.Linear(config.width, 4 * config.width)
        self.act = nn.GELU(approximate="tanh")
        self.c_proj = nn.Linear(4 * config.width, config.width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (batch, time, width) -> the same
        """Mix over features."""
        out: torch.Tensor = self.c_proj(self.act(self.c_fc(x)))
        return out


class Block(nn.Module):
    """One pre-norm layer: attention and MLP, each added to the residual stream."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.width)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.width)
        self.mlp = MLP(config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (batch, time, width) -> the same
        """Add both."""
        x = x + self.attn(self.ln_1(x))
        out: torch.Tensor = x + self.mlp(self.ln_2(x))
        return out


class Transformer(nn.Module):
    """Embeddings, layers, final norm."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.wte = nn.Embedding(config.vocabulary, config.width)
        self.wpe = nn.Embedding(config.positions, config.width)
        self.h = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.ln_f = nn.LayerNorm(config.width)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:  # (batch, time) -> (batch, time, width)
        """Features of each position."""
        x = self.wte(input_ids) + self.wpe(torch.arange(input_ids.shape[1], device=input_ids.device))
        for block in self.h:
            x = block(x)
        out: torch.Tensor = self.ln_f(x)
        return out


class GPT2(nn.Module):
    """The language model; its head is the token embedding."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.transformer = Transformer(config)
        self.lm_head = nn.Linear(config.width, config.vocabulary, bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:  # (batch, time) -> (batch, time, vocabulary)
        """Scores of the next token at each position."""
        out: torch.Tensor = self.lm_head(self.transformer(input_ids))
        return out


def build(layers: int = 12, heads: int = 12, width: int = 768, vocabulary: int = 50257, positions: int = 1024) -> GPT2:
    """Build a GPT-2; without arguments the 124 M release: 124,439,808 parameters."""
    return GPT2(Config(vocabulary, positions, layers, heads, width))


def main() -> None:
    """Show the model's size and one forward pass."""
    model = build()
    count = sum(parameter.numel() for parameter in model.parameters())
    scores = model(torch.arange(16)[None])
    print(f"GPT-2 with {count:,} parameters; scores of 16 tokens: {tuple(scores.shape)}.")
    print("Plan it with: initwise plan examples/gpt2.py:build --recipe gpt2")


if __name__ == "__main__":
    main()
