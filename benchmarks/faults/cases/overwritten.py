"""Faults: what was right is written over by a later pass."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

import initwise as iw
from benchmarks.faults.control import classes, noise, tokens, zeroed
from benchmarks.faults.fault import claims, fault, normal, put, scale
from benchmarks.faults.nets.convolutional import ResNet
from benchmarks.faults.nets.gpt import WORDS, Attention, Gpt
from benchmarks.faults.nets.vit import ViT


def tiny_bert() -> nn.Module:
    """transformers' BERT with a head for masked words, two layers."""
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(
        vocab_size=WORDS, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model: nn.Module = BertForMaskedLM(config)
    return model


@fault(
    "OVERWRITTEN", "https://github.com/huggingface/transformers/issues/143", ("*LayerNorm.*",),
    ("INI11", "STA20", "SIG50"),
)  # fmt: skip
def bert_norms_drawn(mended: bool) -> nn.Module:
    """A pass over all of BERT's modules draws the layer norms' gamma and beta from N(0, 0.02 ** 2) like weights."""
    model = tiny_bert()
    for module in model.modules():
        if isinstance(module, nn.LayerNorm) and not mended:
            nn.init.normal_(module.weight, std=0.02)
            nn.init.normal_(module.bias, std=0.02)
    return model


class VisionLanguage(nn.Module):
    """A vision tower, a connector, gated cross attention's gates at zero, a language model."""

    def __init__(self) -> None:
        super().__init__()
        self.vision = ViT(width=64, depth=1)
        self.vision.head = nn.Linear(64, 64)
        self.connector = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64))
        self.language_model = Gpt(width=64, depth=2)
        self.gate = nn.Linear(64, 64)
        for name, parameter in self.connector.named_parameters():
            nn.init.zeros_(parameter) if name.endswith("bias") else nn.init.xavier_uniform_(parameter)
        zeroed(self.gate)

    def forward(self, images: Tensor, words: Tensor) -> Tensor:
        seen = self.gate(self.connector(self.vision(images)))
        logits: Tensor = self.language_model(words) + seen.mean(-1)[:, None, None]
        return logits


@fault(
    "OVERWRITTEN", "https://github.com/huggingface/transformers/pull/35913", ("connector.*.weight", "gate.weight"),
    ("INI10", "STA20"), tool="verify",
    plan=claims(iw.rule("connector.*.weight", iw.XavierUniform()), iw.rule("gate.*", iw.Zeros())),
)  # fmt: skip
def inner_model_initializes_the_outer(mended: bool) -> nn.Module:
    """The language model's own pass also reaches the layers that the composite model had just initialized."""
    model = VisionLanguage()
    if not mended:
        normal(model.connector, 0.02)
        normal(model.gate, 0.02)
    return model


@fault(
    "OVERWRITTEN", "https://github.com/huggingface/transformers/pull/38987", ("h.*.c_proj.weight",),
    ("INI10", "STA20"), tool="verify",
    plan=claims(iw.rule("h.*.c_proj.weight", iw.Normal(std=0.02 / math.sqrt(8)))),
)  # fmt: skip
def scaled_at_every_level(mended: bool) -> nn.Module:
    """The depth scale is multiplied in by a pass that runs at each level of the module tree: four times, not once."""
    model = Gpt()
    for name, parameter in model.named_parameters():
        if not mended and name.endswith("c_proj.weight"):
            for _ in range(3):
                scale(parameter, 1 / math.sqrt(8))
    return model


class DiffusionUNet(nn.Module):
    """Residual blocks whose last convolution is zeroed when it is built."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.ins = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(3))
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for _ in range(3))
        self.outs = nn.ModuleList(zeroed(nn.Conv2d(width, width, 3, padding=1)) for _ in range(3))
        self.head = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for first, norm, last in zip(self.ins, self.norms, self.outs, strict=True):
            x = x + last(functional.silu(norm(first(x))))
        image: Tensor = self.head(x)
        return image


@fault(
    "OVERWRITTEN", "https://github.com/Janspiry/Palette-Image-to-Image-Diffusion-Models/issues/71", ("outs.*.weight",),
    ("INI10", "STA20"), tool="verify", plan=claims(iw.rule("outs.*", iw.Zeros())),
)  # fmt: skip
def zero_module_then_kaiming(mended: bool) -> nn.Module:
    """zero_module() zeroes the last convolution of each block, then a Kaiming pass over the network draws it again."""
    model = DiffusionUNet()
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and not (mended and module in set(model.outs)):
            nn.init.kaiming_normal_(module.weight)
    return model


class Lora(nn.Module):
    """A frozen linear layer and a low-rank change of it."""

    def __init__(self, base: nn.Module, rank: int = 8) -> None:
        super().__init__()
        self.base = base.requires_grad_(requires_grad=False)
        outside, inside = base.get_parameter("weight").shape
        self.lora_A = nn.Linear(inside, rank, bias=False)
        self.lora_B = nn.Linear(rank, outside, bias=False)
        zeroed(self.lora_B)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.base(x) + 2 * self.lora_B(self.lora_A(x))
        return out


@fault(
    "OVERWRITTEN", "https://github.com/nvidia-cosmos/cosmos-predict2.5/pull/15", ("*lora_A*", "*lora_B*"),
    ("ZER", "GRD6", "SYM302"), inputs=tokens(WORDS), loss=classes,
)  # fmt: skip
def lora_before_the_models_init(mended: bool) -> nn.Module:
    """Adapters were added before the model's own pass, which zeroes what it does not know: A is zero, and so is B."""
    model = Gpt(width=64, depth=2)
    for attention in [module for module in model.modules() if isinstance(module, Attention)]:
        for name in ("c_attn", "c_proj"):
            adapted = Lora(attention.get_submodule(name))
            setattr(attention, name, adapted)
            if not mended:
                zeroed(adapted.lora_A)
    return model


@fault("OVERWRITTEN", "https://github.com/huggingface/picotron/issues/32", ("*.weight",), ("INI113",), tool="record")
def checkpoint_overwritten(mended: bool) -> nn.Module:
    """load_state_dict(), then the routine that initializes parameters: training resumes from random weights."""
    trained = {name: value.clone() for name, value in Gpt(width=64, depth=2).state_dict().items()}
    model = Gpt(width=64, depth=2)
    if mended:
        model.start()
        model.load_state_dict(trained)
    else:
        model.load_state_dict(trained)
        model.start()
    return model


@fault(
    "OVERWRITTEN", "https://github.com/espnet/espnet/issues/4555", ("*bn?.weight", "stem.1.weight"),
    ("ZER", "INI11", "SIG50", "GRD6", "SYM302"), inputs=noise(4, 3, 16, 16), loss=classes,
)  # fmt: skip
def one_dimensional_means_bias(mended: bool) -> nn.Module:
    """Every parameter with one dimension is taken for a bias and zeroed, the batch norms' gammas with them."""
    model = ResNet()
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1 and (not mended or name.endswith("bias")):
            nn.init.zeros_(parameter)
    return model


class TimeStep(nn.Module):
    """Mamba's step size: softplus of a projection whose bias spreads it over 0.001 to 0.1."""

    def __init__(self, width: int = 512, rank: int = 8) -> None:
        super().__init__()
        self.dt_proj = nn.Linear(rank, width)
        step = torch.exp(torch.rand(width) * (math.log(0.1) - math.log(0.001)) + math.log(0.001))
        put(self.dt_proj.bias, step + torch.log(-torch.expm1(-step)))

    def forward(self, x: Tensor) -> Tensor:
        return functional.softplus(self.dt_proj(x))


@fault(
    "OVERWRITTEN", "https://github.com/zymissy/CCViM/issues/6", ("1.dt_proj.bias", "3.dt_proj.bias"),
    ("INI10", "STA20"), tool="verify", plan=claims(iw.rule("*.dt_proj.bias", iw.TimeStepBias())),
)  # fmt: skip
def time_step_bias_zeroed(mended: bool) -> nn.Module:
    """The mark that protects the bias of the step size is commented out, and the common pass zeroes it."""
    model = nn.Sequential(nn.Linear(16, 8), TimeStep(), nn.Linear(512, 8), TimeStep())
    for module in model.modules():
        if isinstance(module, TimeStep) and not mended:
            nn.init.zeros_(module.dt_proj.bias)
    return model


class LanguageTransformer(nn.Module):
    """The word language model of PyTorch's examples: embedding, one layer, decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Embedding(WORDS, 64)
        self.layer = nn.TransformerEncoderLayer(64, 4, 128, 0.0, batch_first=True)
        self.decoder = nn.Linear(64, WORDS)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)

    def forward(self, words: Tensor) -> Tensor:
        logits: Tensor = self.decoder(self.layer(8 * self.encoder(words)))
        return logits


@fault(
    "OVERWRITTEN", "https://github.com/pytorch/examples/pull/909", ("decoder.bias",), ("INI10", "STA20"),
    tool="verify", plan=claims(iw.rule("decoder", weight=iw.Uniform(-0.1, 0.1), bias=iw.Zeros())),
)  # fmt: skip
def decoder_zeroed_and_drawn(mended: bool) -> nn.Module:
    """init_weights() zeroes the decoder's weight, then draws it; the bias, which was meant, keeps torch's default."""
    model = LanguageTransformer()
    nn.init.zeros_(model.decoder.bias if mended else model.decoder.weight)
    nn.init.uniform_(model.decoder.weight, -0.1, 0.1)
    return model


class Vocoder(nn.Module):
    """Dilated convolutions over time under weight norm."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(48, 48, 3, padding=d, dilation=d) for d in (1, 3, 9))
        self.post = nn.Conv1d(48, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = x + conv(functional.leaky_relu(x, 0.1))
        wave: Tensor = self.post(x).tanh()
        return wave


@fault(
    "OVERWRITTEN", "https://github.com/jik876/hifi-gan/issues/145", ("convs.*.weight", "post.weight"),
    ("INI10", "STA20"), tool="verify", plan=claims(iw.rule(nn.Conv1d, weight=iw.Normal(std=0.01), bias=iw.Keep())),
)  # fmt: skip
def drawn_behind_weight_norm(mended: bool) -> nn.Module:
    """init_weights() writes into what weight_norm computes anew at each access: no weight changes."""
    model = Vocoder()
    for layer in (*model.convs, model.post):
        if not mended:
            weight_norm(layer)
        nn.init.normal_(layer.weight, 0.0, 0.01)
        if mended:
            weight_norm(layer)
    return model


class Hydrology(nn.Module):
    """A stacked LSTM that is to remember: its forget bias is three."""

    def __init__(self, layers: range) -> None:
        super().__init__()
        self.lstm = nn.LSTM(12, 32, num_layers=3, batch_first=True)
        self.head = nn.Linear(32, 1)
        for name, bias in self.lstm.named_parameters():
            if name.startswith("bias_hh") and int(name[-1]) in layers:
                put(bias[32:64], torch.tensor(3.0))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.lstm(x)[0][:, -1])
        return out


@fault(
    "OVERWRITTEN", "https://github.com/google-research/flood-forecasting/pull/289",
    ("lstm.bias_hh_l1", "lstm.bias_hh_l2"), ("INI10", "STA20"), tool="verify",
    plan=claims(
        iw.rule(nn.LSTM, bias_hh=iw.PerBlock(f=iw.Constant(3.0), rest=iw.Keep()), bias_ih=iw.Keep(), weight=iw.Keep())
    ),
)  # fmt: skip
def forget_bias_of_the_first_layer(mended: bool) -> nn.Module:
    """The forget bias is set for bias_hh_l0 by name; the other layers of the stack keep torch's default."""
    return Hydrology(range(3) if mended else range(1))


CASES = (
    bert_norms_drawn,
    inner_model_initializes_the_outer,
    scaled_at_every_level,
    zero_module_then_kaiming,
    lora_before_the_models_init,
    checkpoint_overwritten,
    one_dimensional_means_bias,
    time_step_bias_zeroed,
    decoder_zeroed_and_drawn,
    drawn_behind_weight_norm,
    forget_bias_of_the_first_layer,
)
