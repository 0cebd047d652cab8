"""Unseen faults: mixers and windows of attention."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from benchmarks.faults.case import Case
from benchmarks.faults.control import classes, noise
from benchmarks.faults.fault import claims, fault, put

WIDTH = 56


class Mixer(nn.Module):
    """One block of MLP-Mixer: 20 tokens, then channels."""

    def __init__(self, tokens: int = 20) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.tokens = nn.Sequential(nn.Linear(tokens, 40), nn.GELU(), nn.Linear(40, tokens))
        self.channels = nn.Sequential(nn.Linear(WIDTH, 112), nn.GELU(), nn.Linear(112, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(self.norm1(x).mT).mT
        y: Tensor = x + self.channels(self.norm2(x))
        return y


def mixer(*blocks: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(27, WIDTH), *blocks, nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 12))


@fault("CLONE", "https://github.com/pytorch/pytorch/issues/86274", ("[1-5].*.weight",), ("SYM301",))
def mixer_blocks_of_one_template(mended: bool) -> nn.Module:
    """Five blocks of a mixer are deep copies of the one that was handed over as a template."""
    template = Mixer()
    return mixer(*(Mixer() if mended else copy.deepcopy(template) for _ in range(5)))


@fault("DISTRIBUTED", "https://github.com/allenai/OLMo-core/pull/319", ("*.0.weight",), ("INI109",),
       tool="verify", plan=lambda model: iw.plan(model, "torch-default", seed=3))  # fmt: skip
def shards_gathered_in_reverse(mended: bool) -> nn.Module:
    """Row shards of four ranks are put together in the reverse order: the right numbers at the wrong places."""
    model = mixer(Mixer(), Mixer())
    iw.apply(model, iw.plan(model, "torch-default", seed=3))
    for name, parameter in model.named_parameters():
        if name.endswith(".0.weight") and not mended:
            put(parameter, torch.cat(parameter.detach().chunk(4)[::-1]))
    return model


@fault(
    "META", "https://github.com/NVIDIA-BioNeMo/bionemo-recipes/pull/1368", ("*.channels.2.weight",), ("INI10", "STA"),
    tool="verify", plan=claims(iw.rule("*.channels.2.weight", iw.Normal(std=0.02 / 12**0.5))),
)  # fmt: skip
def depth_scale_lost_on_meta(mended: bool) -> nn.Module:
    """The model is made on meta, and reset_parameters gives every layer torch's law, last layers of branches too."""
    with torch.device("meta"):
        model = mixer(*(Mixer() for _ in range(6)))
    model.to_empty(device="cpu")
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.LayerNorm):
            module.reset_parameters()
        if mended and name.endswith("channels.2"):
            nn.init.normal_(module.get_parameter("weight"), std=0.02 / 12**0.5)
    return model


class Windows(nn.Module):
    """Attention in a window of 3 x 3 with relative positions, and an MLP."""

    def __init__(self, heads: int = 4, side: int = 3) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, 168), nn.Linear(168, WIDTH)
        self.relative_position_bias_table = nn.Parameter(torch.randn((2 * side - 1) ** 2, heads) * 0.02)
        grid = torch.cartesian_prod(torch.arange(side), torch.arange(side))
        apart = grid[:, None] - grid + side - 1
        self.register_buffer("relative_position_index", apart[..., 0] * (2 * side - 1) + apart[..., 1])

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        index = self.get_buffer("relative_position_index")
        bias = self.relative_position_bias_table[index.flatten()].unflatten(0, index.shape).permute(2, 0, 1)
        y = functional.scaled_dot_product_attention(q, k, v, bias[None]).transpose(1, 2).flatten(2)
        x = x + self.proj(y)
        z: Tensor = x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))
        return z


def swin(depth: int = 2) -> nn.Sequential:
    blocks = [Windows() for _ in range(depth)]
    return nn.Sequential(nn.Linear(48, WIDTH), *blocks, nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 11))


@fault(
    "META", "https://github.com/huggingface/transformers/pull/42309", ("*.relative_position*",),
    ("INI1", "GRD", "ZER", "SYM", "SIG"), inputs=noise(8, 9, 48), loss=classes,
)  # fmt: skip
def window_index_of_zeros(mended: bool) -> nn.Module:
    """to_empty left the index of relative positions zero: all pairs share one bias, 24 of 25 rows are never read."""
    model = swin()
    for name, buffer in model.named_buffers():
        if not mended and name.endswith("index"):
            buffer.zero_()
    return model


@fault("TRUNC", "https://github.com/huggingface/pytorch-image-models/issues/1286", ("*.fc*.weight",),
       ("STA", "SIG", "INI"))  # fmt: skip
def std_given_as_the_mean(mended: bool) -> nn.Module:
    """trunc_normal_(weight, 0.02): the second argument is the mean, the std stays 1, nine times what fans allow."""
    model = swin(3)
    for name, parameter in model.named_parameters():
        if name.endswith(("fc1.weight", "fc2.weight")):
            nn.init.trunc_normal_(parameter, std=0.02) if mended else nn.init.trunc_normal_(parameter, 0.02)
    return model


@fault("CLONE", "https://github.com/pytorch/pytorch/issues/120396", ("*.qkv.weight",), ("SYM303", "STA202"))
def heads_of_one_draw(mended: bool) -> nn.Module:
    """Queries, keys and values were drawn for one head, and repeated for four."""
    model = swin(3)
    for name, parameter in model.named_parameters():
        if name.endswith("qkv.weight") and not mended:
            head = torch.randn(3, 1, WIDTH // 4, WIDTH) * WIDTH**-0.5
            put(parameter, head.repeat(1, 4, 1, 1).flatten(0, 2))
    return model


CASES = tuple(case for case in list(globals().values()) if isinstance(case, Case))
