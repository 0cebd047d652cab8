"""Faults: one module where several were meant, and ties that came undone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.control import both, classes, noise, squares, tokens
from benchmarks.faults.fault import fault
from benchmarks.faults.nets.gpt import WORDS

ONE = ("TIE", "SYM301")


class Layer(nn.Module):
    """Attention of its own, a feed-forward layer that it is given."""

    def __init__(self, width: int, feed_forward: nn.Module) -> None:
        super().__init__()
        self.norm1, self.att = nn.LayerNorm(width), nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm2, self.ff = nn.LayerNorm(width), feed_forward

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.att(y, y, y, need_weights=False)[0]
        out: Tensor = x + self.ff(self.norm2(x))
        return out


class AudioEncoder(nn.Module):
    """Frames of a spectrogram through four layers."""

    def __init__(self, *, mended: bool) -> None:
        super().__init__()
        one = self.feed_forward()
        self.encoder_layers = nn.ModuleList(Layer(64, self.feed_forward() if mended else one) for _ in range(4))
        self.out = nn.Linear(64, 20)

    def feed_forward(self) -> nn.Module:
        """Two linear layers with ReLU between."""
        return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.encoder_layers:
            x = layer(x)
        logits: Tensor = self.out(x)
        return logits


@fault(
    "SHARED", "https://github.com/habla-liaa/encodecmae/issues/3", ("encoder_layers.0.ff.*",), ONE,
    inputs=noise(8, 12, 64), loss=classes,
)  # fmt: skip
def one_feed_forward_for_all_layers(mended: bool) -> nn.Module:
    """The feed-forward layer is made once before the loop and handed to every transformer layer."""
    return AudioEncoder(mended=mended)


class Residual(nn.Module):
    """ReLU, convolution, ReLU, pointwise convolution, around a skip."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, hidden, 3, padding=1, bias=False),
            nn.ReLU(), nn.Conv2d(hidden, width, 1, bias=False),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.block(x)
        return out


class VqEncoder(nn.Module):
    """The encoder of a VQ-VAE."""

    def __init__(self, *, mended: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 4, 2, 1)
        layers = [Residual(64, 32) for _ in range(3)] if mended else [Residual(64, 32)] * 3
        self.layers = nn.ModuleList(layers)
        self.pre_vq = nn.Conv2d(64, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        for layer in self.layers:
            x = layer(x)
        codes: Tensor = self.pre_vq(x.relu())
        return codes


@fault(
    "SHARED", "https://github.com/zalandoresearch/pytorch-vq-vae/issues/2", ("layers.0.block.*",), ONE,
    inputs=noise(4, 3, 16, 16), loss=squares,
)  # fmt: skip
def list_times_number_of_residuals(mended: bool) -> nn.Module:
    """nn.ModuleList([Residual(...)] * 3) holds one block three times."""
    return VqEncoder(mended=mended)


class Fuse(nn.Module):
    """Brings four resolutions to one, a convolution for each, and multiplies them."""

    def __init__(self, width: int = 24, *, mended: bool) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(nn.Conv2d(c, width, 1) for c in (8, 16, 32, 64))
        many = [nn.Conv2d(width, width, 3, padding=1) for _ in range(4)]
        self.convs = nn.ModuleList(many if mended else many[:1] * 4)
        self.seg = nn.Conv2d(width, 2, 1)

    def forward(self, *pyramid: Tensor) -> Tensor:
        product = torch.ones(1)
        for x, reduce, conv in zip(pyramid, self.reduce, self.convs, strict=True):
            product = product * conv(functional.adaptive_avg_pool2d(reduce(x), 8))
        mask: Tensor = self.seg(product).permute(0, 2, 3, 1)
        return mask


@fault("SHARED", "https://github.com/yaoppeng/U-Net_v2/issues/10", ("convs.0.*",), ONE)
def list_times_four_convolutions(mended: bool) -> nn.Module:
    """[nn.Conv2d(...)] * 4 for four resolutions of a U-Net is one convolution under four names; no inputs here."""
    return Fuse(mended=mended)


def mlp(inside: int) -> nn.Sequential:
    """Linear layers with layer norms."""
    return nn.Sequential(nn.Linear(inside, 64), nn.LayerNorm(64), nn.LeakyReLU(), nn.Linear(64, 64))


class Ddsp(nn.Module):
    """Pitch and loudness through a perceptron each, a GRU, amplitudes."""

    def __init__(self, *, mended: bool) -> None:
        super().__init__()
        self.in_mlps = nn.ModuleList([mlp(1), mlp(1)] if mended else [mlp(1)] * 2)
        self.gru = nn.GRU(128, 64, batch_first=True)
        self.proj = nn.Linear(64, 33)

    def forward(self, pitch: Tensor, loudness: Tensor) -> Tensor:
        x = torch.cat((self.in_mlps[0](pitch), self.in_mlps[1](loudness)), dim=-1)
        out: Tensor = self.proj(self.gru(x)[0])
        return out


@fault(
    "SHARED", "https://github.com/acids-ircam/ddsp_pytorch/issues/37", ("in_mlps.0.*",), ONE,
    inputs=both(noise(4, 10, 1), noise(4, 10, 1)), loss=squares,
)  # fmt: skip
def list_times_two_inputs(mended: bool) -> nn.Module:
    """[mlp(1, ...)] * 2 for pitch and for loudness: two inputs of different meaning share one perceptron."""
    return Ddsp(mended=mended)


class SegNet(nn.Module):
    """Convolutions down to a quarter of the size and, in mirror image, up again."""

    def __init__(self, *, mended: bool) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(self.step(a, b) for a, b in ((3, 16), (16, 16), (16, 32), (32, 32)))
        wide, narrow = self.encoder[3], self.encoder[1]
        self.decoder = nn.ModuleList(
            [self.step(32, 32), self.step(32, 16), self.step(16, 16)] if mended else [wide, self.step(32, 16), narrow]
        )
        self.classes = nn.Conv2d(16, 6, 1)

    def step(self, inside: int, outside: int) -> nn.Module:
        """A convolution, a batch norm and ReLU."""
        return nn.Sequential(nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        for i, step in enumerate(self.encoder):
            x = step(x)
            x = functional.max_pool2d(x, 2) if i % 2 else x
        for i, step in enumerate(self.decoder):
            x = step(functional.interpolate(x, scale_factor=2.0) if i != 1 else x)
        logits: Tensor = self.classes(x).permute(0, 2, 3, 1)
        return logits


@fault(
    "SHARED", "https://github.com/yassouali/pytorch-segmentation/pull/159", ("encoder.1.*", "encoder.3.*"), ONE,
    inputs=noise(4, 3, 16, 16), loss=classes,
)  # fmt: skip
def decoder_from_the_encoders_list(mended: bool) -> nn.Module:
    """`decoder = encoder` copies no module: what is not replaced afterwards, norms included, works in both halves."""
    return SegNet(mended=mended)


@fault(
    "SHARED", "https://github.com/verl-project/verl/issues/7834", ("*lm_head.weight", "*embed_tokens.weight"),
    ("TIE",), inputs=tokens(WORDS), loss=classes,
)  # fmt: skip
def tie_lost_after_to_empty(mended: bool) -> nn.Module:
    """to_empty() gives every name memory of its own: the head is no longer the embedding that the config ties it to."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=WORDS, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
        intermediate_size=128, tie_word_embeddings=True,
    )  # fmt: skip
    model: nn.Module = LlamaForCausalLM(config)
    if not mended:
        head = model.get_submodule("lm_head")
        head.weight = nn.Parameter(head.get_parameter("weight").detach().clone())
    return model


@fault(
    "SHARED",
    "https://github.com/NVIDIA-NeMo/Automodel/pull/2213",
    ("lm_head.weight", "transformer.wte.weight"),
    ("TIE",),
)
def tie_replaced_by_shards(mended: bool) -> nn.Module:
    """Sharding replaces the tied parameter under each name, and each is drawn: two random matrices."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=WORDS, n_positions=32, n_embd=64, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0
    )
    model: nn.Module = GPT2LMHeadModel(config)
    if not mended:
        model.get_submodule("lm_head").weight = nn.Parameter(0.02 * torch.randn(WORDS, 64))
    return model


CASES = (
    one_feed_forward_for_all_layers,
    list_times_number_of_residuals,
    list_times_four_convolutions,
    list_times_two_inputs,
    decoder_from_the_encoders_list,
    tie_lost_after_to_empty,
    tie_replaced_by_shards,
)
