"""Recipes of generators: adversarial networks, diffusion models and upsampling, on the papers' architectures."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from initwise.errors import PlanError
from tests.recipes.draws import disagreements


def _noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def _dcgan(width: int = 32) -> tuple[nn.Module, nn.Module]:
    """Radford, Metz, Chintala 2015, figure 1: strided and transposed convolutions, norms but for the ends."""
    generator = nn.Sequential(
        nn.ConvTranspose2d(16, 2 * width, 4, 1, 0, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    critic = nn.Sequential(
        nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 1, 4, 1, 0, bias=False),
    )  # fmt: skip
    return generator, critic


@pytest.mark.parametrize("which", [0, 1])
def test_dcgan_has_small_weights_and_norms_around_one(which: int) -> None:
    model = _dcgan()[which]
    torch.manual_seed(0)
    for module in model.modules():  # section 3 of the paper; norms as its authors' code draws them
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    assert disagreements(model, iw.plan(model, "dcgan")) == []


class _Mlp(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out


class _Attention(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        out: Tensor = self.proj(functional.scaled_dot_product_attention(q, k, v))
        return out


def _modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return x * (1 + scale[:, None]) + shift[:, None]


class _DiTBlock(nn.Module):
    """Peebles, Xie 2022, figure 3: a block with adaLN-Zero."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, elementwise_affine=False)
        self.attn = _Attention(dim)
        self.norm2 = nn.LayerNorm(dim, elementwise_affine=False)
        self.mlp = _Mlp(dim)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.adaLN_modulation(c).chunk(6, dim=1)
        x = x + gate_a[:, None] * self.attn(_modulate(self.norm1(x), shift_a, scale_a))
        out: Tensor = x + gate_m[:, None] * self.mlp(_modulate(self.norm2(x), shift_m, scale_m))
        return out


class _DiT(nn.Module):
    def __init__(self, dim: int = 48, depth: int = 2) -> None:
        super().__init__()
        self.x_embedder = nn.ModuleDict({"proj": nn.Conv2d(4, dim, 2, stride=2)})
        self.t_embedder = nn.ModuleDict({"mlp": nn.Sequential(nn.Linear(32, dim), nn.SiLU(), nn.Linear(dim, dim))})
        self.y_embedder = nn.ModuleDict({"embedding_table": nn.Embedding(11, dim)})
        self.pos_embed = nn.Parameter(torch.zeros(1, 16, dim), requires_grad=False)
        self.blocks = nn.ModuleList(_DiTBlock(dim) for _ in range(depth))
        self.final_layer = nn.ModuleDict(
            {
                "norm_final": nn.LayerNorm(dim, elementwise_affine=False),
                "linear": nn.Linear(dim, 32),
                "adaLN_modulation": nn.Sequential(nn.SiLU(), nn.Linear(dim, 2 * dim)),
            }
        )

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        tokens = self.x_embedder["proj"](x).flatten(2).mT + self.pos_embed
        c = self.t_embedder["mlp"](t) + self.y_embedder["embedding_table"](y)
        for block in self.blocks:
            tokens = block(tokens, c)
        shift, scale = self.final_layer["adaLN_modulation"](c).chunk(2, dim=1)
        out: Tensor = self.final_layer["linear"](_modulate(self.final_layer["norm_final"](tokens), shift, scale))
        return out


def test_every_block_of_a_dit_is_the_identity_and_its_output_zero() -> None:
    model = _DiT()
    iw.initialize(model, "dit", seed=0)
    x, c = _noise(2, 16, 48), _noise(2, 48)
    assert all(torch.equal(block(x, c), x) for block in model.blocks)
    assert model(_noise(2, 4, 8, 8), _noise(2, 32), torch.tensor([1, 2])).count_nonzero() == 0


def test_a_dit_has_the_laws_of_its_authors_code() -> None:
    plan = iw.plan(_DiT(), "dit")
    std = {row.name: row.law.std for row in plan if row.law is not None and row.law.std}
    xavier = {"attn.qkv": 96, "attn.proj": 96, "mlp.fc1": 240, "mlp.fc2": 240}
    assert std == {
        "x_embedder.proj.weight": pytest.approx(math.sqrt(2 / (4 * 4 + 48))),
        "t_embedder.mlp.0.weight": 0.02,
        "t_embedder.mlp.2.weight": 0.02,
        "y_embedder.embedding_table.weight": 0.02,
    } | {
        f"blocks.{block}.{name}.weight": pytest.approx(math.sqrt(2 / fans))
        for block in (0, 1)
        for name, fans in xavier.items()
    }


def test_of_a_deep_modulation_only_the_last_layer_is_zero() -> None:
    class AdaLayerNormZero(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(8, 48)

    deep = nn.Sequential(nn.Linear(8, 16), nn.SiLU(), nn.Linear(16, 48))
    model = nn.ModuleDict({"adaLN_modulation": deep, "norm1": AdaLayerNormZero(), "proj_out_2": nn.Linear(8, 4)})
    plan = iw.plan(model, "dit")
    zero = {row.name for row in plan if row.name.endswith("weight") and row.initializer == iw.Zeros()}
    assert zero == {"adaLN_modulation.2.weight", "norm1.linear.weight", "proj_out_2.weight"}


def test_positions_of_a_dit_are_left_as_they_are() -> None:
    model = _DiT()
    model.pos_embed.requires_grad_(True)
    assert iw.plan(model, "dit")["pos_embed"].initializer == iw.Keep()


def test_a_transformer_without_modulation_is_no_dit() -> None:
    with pytest.raises(PlanError, match="no adaLN modulation is found"):
        iw.plan(nn.Sequential(nn.Linear(4, 4)), "dit")


class ResBlock(nn.Module):
    """Ho, Jain, Abbeel 2020, appendix B, as Dhariwal and Nichol 2021 have it."""

    def __init__(self, inputs: int, outputs: int, emb: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(nn.GroupNorm(4, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb, outputs))
        self.out_layers = nn.Sequential(nn.GroupNorm(4, outputs), nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip_connection = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        hidden = self.in_layers(x) + self.emb_layers(emb)[..., None, None]
        out: Tensor = self.skip_connection(x) + self.out_layers(hidden)
        return out


class AttentionBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.qkv = nn.GroupNorm(4, channels), nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        q, k, v = self.qkv(self.norm(flat)).mT.chunk(3, dim=-1)
        out: Tensor = flat + self.proj_out(functional.scaled_dot_product_attention(q, k, v).mT)
        return out.reshape(x.shape)


class _UNet(nn.Module):
    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.time_embed = nn.Sequential(nn.Linear(8, 32), nn.SiLU(), nn.Linear(32, 32))
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.down = ResBlock(channels, 2 * channels, 32)
        self.middle = ResBlock(2 * channels, 2 * channels, 32)
        self.attention = AttentionBlock(2 * channels)
        self.up = ResBlock(3 * channels, channels, 32)
        self.out = nn.Sequential(nn.GroupNorm(4, channels), nn.SiLU(), nn.Conv2d(channels, 3, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        emb, first = self.time_embed(t), self.stem(x)
        hidden = self.attention(self.middle(self.down(first, emb), emb))
        out: Tensor = self.out(self.up(torch.cat([hidden, first], dim=1), emb))
        return out


def test_every_block_of_a_diffusion_unet_is_its_shortcut_and_the_output_zero() -> None:
    model = _UNet()
    iw.initialize(model, "unet-zero", seed=0)
    emb = _noise(2, 32)
    for block, channels in ((model.down, 16), (model.middle, 32), (model.up, 48)):
        x = _noise(2, channels, 8, 8)
        assert torch.equal(block(x, emb), block.skip_connection(x))
    assert torch.equal(model.attention(_noise(2, 32, 8, 8)), _noise(2, 32, 8, 8))
    assert model(_noise(2, 3, 8, 8), _noise(2, 8)).count_nonzero() == 0


def test_only_what_ends_a_branch_of_a_diffusion_unet_is_zero() -> None:
    model = _UNet()
    plan = iw.plan(model, "unet-zero")
    zero = {
        row.name.removesuffix(".weight")
        for row in plan
        if row.name.endswith("weight") and row.initializer == iw.Zeros()
    }
    ends = {"down.out_layers.2", "middle.out_layers.2", "up.out_layers.2", "attention.proj_out", "out.2"}
    assert zero == ends
    rest = iw.plan(model, "torch-default")
    assert all(row.law == rest[row.name].law for row in plan if row.name.rpartition(".")[0] not in ends)
    assert plan.notes == ()


def test_shortcuts_and_time_layers_of_other_unets_are_no_branches() -> None:
    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.proj, self.norm = nn.Conv2d(inputs, outputs, 3), nn.GroupNorm(1, outputs)

    class ResnetBlock(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(8, 6))
            self.block1, self.block2, self.res_conv = Block(4, 6), Block(6, 6), nn.Conv2d(4, 6, 1)

    plan = iw.plan(nn.ModuleDict({"down": ResnetBlock(), "final_conv": nn.Conv2d(6, 3, 1)}), "unet-zero")
    zero = {row.name for row in plan if row.name.endswith("weight") and row.initializer == iw.Zeros()}
    assert zero == {"down.block2.proj.weight", "final_conv.weight"}


def test_an_attention_without_a_known_output_projection_is_named() -> None:
    class QuietAttention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wrap_up = nn.Conv1d(4, 4, 1)

    model = _UNet()
    model.add_module("attention", QuietAttention())
    (note,) = iw.plan(model, "unet-zero").notes
    assert note == "no output projection is found in attention; add rules that set it to zero"


def test_a_unet_without_a_known_output_is_refused() -> None:
    model = nn.ModuleDict({"block": ResBlock(8, 8, 8), "stem": nn.Conv2d(3, 8, 1)})
    with pytest.raises(PlanError, match="the layer that makes the output is not found"):
        iw.plan(model, "unet-zero")


class _Super(nn.Module):
    """A small ESPCN: two shuffles, an activation and a norm between a convolution and its shuffle."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.up = nn.Sequential(nn.Conv2d(16, 36, 3, padding=1), nn.PixelShuffle(3), nn.ReLU())
        self.last = nn.Sequential(nn.Conv2d(4, 12, 3, padding=1), nn.BatchNorm2d(12), nn.PReLU(), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.up(self.first(x)))
        return out


def test_each_pixel_shuffle_starts_as_nearest_neighbour_enlargement() -> None:
    model = _Super().eval()
    iw.initialize(model, "icnr", seed=0)
    for shuffled, conv, x, scale in (
        (model.up[:2], model.up[0], _noise(1, 16, 5, 5), 3),
        (model.last, model.last[0], _noise(1, 4, 5, 5), 2),
    ):
        out = shuffled(x)
        small = out[..., ::scale, ::scale]
        assert torch.allclose(out, functional.interpolate(small, scale_factor=scale, mode="nearest"), atol=1e-6)
        assert small.unique().numel() > 50
        assert isinstance(conv, nn.Conv2d)
    std = {row.name: row.law.std for row in iw.plan(model, "icnr") if row.law is not None and row.law.std}
    assert std == {
        "first.weight": pytest.approx(math.sqrt(2 / 27)),
        "up.0.weight": pytest.approx(math.sqrt(2 / 144)),
        "last.0.weight": pytest.approx(math.sqrt(2 / 36)),
    }


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Conv2d(3, 4, 1), "the model has no nn.PixelShuffle"),
        (nn.Sequential(nn.PixelShuffle(2), nn.Conv2d(3, 4, 1)), "before the pixel shuffle '0' stands no layer"),
        (nn.Sequential(nn.Linear(3, 4), nn.PixelShuffle(2)), "stands '0', a Linear; a Conv2d with a multiple of 2²"),
        (nn.Sequential(nn.Conv2d(3, 6, 1), nn.PixelShuffle(2)), "stands '0', a Conv2d; a Conv2d with a multiple of 2²"),
    ],
)
def test_a_model_whose_shuffles_cannot_be_told_is_refused(model: nn.Module, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        iw.plan(model, "icnr")


def _fcn() -> Any:
    """Long, Shelhamer, Darrell 2015: scores, enlarged by transposed convolutions."""
    return nn.ModuleDict(
        {
            "body": nn.Conv2d(3, 8, 3),
            "score": nn.Conv2d(8, 5, 1),
            "up2": nn.ConvTranspose2d(5, 5, 4, stride=2, bias=False),
            "up8": nn.ConvTranspose2d(5, 5, 16, stride=8, groups=5),
            "mix": nn.ConvTranspose2d(5, 3, 4, stride=2),
        }
    )


def test_transposed_convolutions_start_as_bilinear_interpolation() -> None:
    model = _fcn()
    iw.initialize(model, "bilinear-upsampling", seed=0)
    x = _noise(1, 5, 9, 9)
    for layer, factor in ((model["up2"], 2), (model["up8"], 8)):
        padding = factor // 2
        out = layer(x)[..., padding:-padding, padding:-padding]
        expected = functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
        inside = slice(factor, -factor)
        assert torch.allclose(out[..., inside, inside], expected[..., inside, inside], atol=1e-6)
    plan = iw.plan(model, "bilinear-upsampling")
    assert plan["mix.weight"].initializer == iw.KaimingNormal()
    assert plan.notes == ("these transposed convolutions cannot interpolate and get He's law: mix",)


def test_a_model_without_a_layer_that_can_interpolate_is_refused() -> None:
    with pytest.raises(PlanError, match="no transposed convolution has as many inputs as outputs"):
        iw.plan(nn.ConvTranspose2d(3, 3, 2, stride=2), "bilinear-upsampling")
