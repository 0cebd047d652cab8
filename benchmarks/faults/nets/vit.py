"""A small vision transformer, with LayerScale if asked for."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE, PATCH, CLASSES = 16, 4, 10


class LayerScale(nn.Module):
    """One factor a channel, small at the start."""

    def __init__(self, width: int, value: float) -> None:
        super().__init__()
        self.value = value
        self.gamma = nn.Parameter(value * torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Attention(nn.Module):
    """Self-attention from one packed projection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        out: Tensor = self.proj(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """Attention and feed-forward, each behind a layer norm and before a LayerScale, if there is one."""

    def __init__(self, width: int, heads: int, scale: float | None) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width), Attention(width, heads)
        self.ls1 = nn.Identity() if scale is None else LayerScale(width, scale)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.ls2 = nn.Identity() if scale is None else LayerScale(width, scale)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        out: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return out


class ViT(nn.Module):
    """Images of 16 x 16 pixels to ten logits."""

    def __init__(self, width: int = 96, depth: int = 3, heads: int = 4, scale: float | None = None) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, width, PATCH, PATCH)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, (SIZE // PATCH) ** 2 + 1, width))
        self.blocks = nn.ModuleList(Block(width, heads, scale) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, CLASSES)
        self.start()

    def start(self) -> None:
        """Truncated normal of std 0.02 within two sigmas, biases zero; the patches' convolution as torch makes it."""
        truncated(self.cls_token, self.pos_embed)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                truncated(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x)[:, 0])
        return logits


def truncated(*parameters: Tensor, std: float = 0.02, sigmas: float = 2.0) -> None:
    """Normal of this std before it is cut at so many sigmas."""
    for parameter in parameters:
        nn.init.trunc_normal_(parameter, std=std, a=-sigmas * std, b=sigmas * std)
