"""The first list: twenty models, one wrong law in each."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import initwise as iw
from benchmarks.culprits._plant import Plant, law, noise, size, std, swapped, times, whole, words
from benchmarks.culprits.nets import dense, images, libraries, sequences
from benchmarks.culprits.nets.libraries import SPECIAL, WIDE, WORDS

GPT2: dict[str, Any] = {"vocab_size": WORDS, "n_embd": 384, "n_head": 6, "n_layer": 8, **SPECIAL}


def _clicks() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    dense_ones = torch.randn(32, 13, generator=generator, device="cpu")
    return dense_ones, torch.randint(0, 50, (32, 4), generator=generator, device="cpu")


def _graph() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    edges = (torch.rand(100, 100, generator=generator, device="cpu") < 0.04).float()
    adjacency = edges / edges.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.randn(100, 512, generator=generator, device="cpu"), adjacency


def _bound_is_std(plan: iw.Plan) -> list[iw.Rule]:
    bound = size(plan, "2.weight")
    return [*law(iw.Uniform(-bound, bound), "*.weight")(plan)]


FIRST: tuple[Plant, ...] = (
    Plant(
        "MLP with GELU", "One hidden layer of eight is drawn by torch.randn.",
        partial(dense.chain, nn.GELU, (128, *[256] * 8, 10)), noise((64, 128)),
        "auto", std(1.0, "8.weight"), ("8.weight",), "smaller",
    ),
    Plant(
        "deep tanh MLP", "The right standard deviation was taken as the bound of a uniform law, by one rule for all.",
        partial(dense.chain, nn.Tanh, (256, *[256] * 20, 10)), noise((64, 256)),
        [iw.rule("*.weight", iw.XavierNormal(gain=5 / 3)), iw.rule("*.bias", iw.Zeros())],
        _bound_is_std, ("*.weight",), "larger",
    ),
    Plant(
        "VGG without norms", "The first convolution's fan_out (576) stands where fan_in (27) belongs.",
        images.vgg, noise((8, 3, 32, 32)),
        [iw.rule("*.weight", iw.KaimingNormal()), iw.rule("*.bias", iw.Zeros())],
        swapped("0.weight", 2**0.5), ("0.weight",), "larger",
    ),
    Plant(
        "ResNet-50", "The last norm of one block has weight 10.",
        partial(libraries.torchvision, "resnet50"), noise((8, 3, 64, 64)),
        "resnet", law(iw.Constant(10), "layer3.2.bn3.weight"), ("layer3.2.bn3.weight",), "smaller",
    ),
    Plant(
        "DenseNet-121", "The classifier has standard deviation 1.",
        partial(libraries.torchvision, "densenet121"), noise((8, 3, 64, 64)),
        "auto", std(1.0, "classifier.weight"), ("classifier.weight",), "smaller",
    ),
    Plant(
        "U-Net without norms", "One transposed convolution is drawn by torch.randn.",
        images.UNet, noise((4, 3, 64, 64)),
        "auto", std(1.0, "up.1.weight"), ("up.1.weight",), "smaller",
    ),
    Plant(
        "DCGAN generator",
        "The last transposed convolution's fan_in is torch's, 3 * 16 of its shape, where 64 * 4 count.",
        images.generator, noise((16, 100, 1, 1)),
        "auto", std((2 / 48) ** 0.5, "12.weight"), ("12.weight",), "smaller",
    ),
    Plant(
        "GPT-2", "The projections back into the residual stream miss their 1 / sqrt(2 * layers).",
        partial(libraries.transformers, "GPT2LMHeadModel", **GPT2), words(WORDS, use_cache=False),
        "gpt2", std(0.02, "*.c_proj.weight"), ("*.c_proj.weight",), "smaller",
    ),
    Plant(
        "nanoGPT by hand", "The table of words, which is the head too, is N(0, 1), as nn.Embedding draws it.",
        sequences.NanoGpt, whole(2000, 4, 64),
        [
            iw.rule((nn.Linear, nn.Embedding), weight=iw.Normal(std=0.02), bias=iw.Zeros()),
            iw.rule(nn.LayerNorm, weight=iw.Ones(), bias=iw.Zeros()),
            iw.rule("*_out.weight", iw.Normal(std=0.02 / 12**0.5)),
        ],
        std(1.0, "wte.weight"), ("wte.weight",), "smaller",
    ),
    Plant(
        "BERT with a classifier", "The classifier has standard deviation 1.",
        partial(libraries.transformers, "BertForSequenceClassification", num_labels=20, **WIDE), words(WORDS),
        "bert", std(1.0, "classifier.weight"), ("classifier.weight",), "smaller",
    ),
    Plant(
        "Llama", "0.02 was taken as the variance: every matrix has standard deviation 0.141.",
        partial(libraries.transformers, "LlamaForCausalLM", num_key_value_heads=2, **WIDE),
        words(WORDS, use_cache=False),
        "llama", std(0.02**0.5, "*_proj.weight", "*embed_tokens.weight", "lm_head.weight"),
        ("*_proj.weight", "*embed_tokens.weight", "lm_head.weight"), "smaller",
    ),
    Plant(
        "ViT", "The second dense layer of one block of twelve has ten times its standard deviation.",
        partial(libraries.timm, "vit_tiny_patch16_224", img_size=96), noise((4, 3, 96, 96)),
        "auto", times(10, "blocks.5.mlp.fc2.weight"), ("blocks.5.mlp.fc2.weight",), "smaller",
    ),
    Plant(
        "LSTM language model", "The input weight of the second LSTM has a tenth of its standard deviation.",
        sequences.LstmModel, whole(2000, 8, 24),
        "auto", times(0.1, "second.weight_ih_l0"), ("second.weight_ih_l0",), "larger",
    ),
    Plant(
        "dense autoencoder", "The way into the bottleneck, 256 to 32, has fan_out where fan_in belongs.",
        partial(dense.chain, nn.ReLU, (784, 512, 256, 32, 256, 512, 784)), noise((64, 784)),
        [iw.rule("*.weight", iw.KaimingNormal()), iw.rule("*.bias", iw.Zeros())],
        swapped("4.weight", 2**0.5), ("4.weight",), "smaller",
    ),
    Plant(
        "SIREN", "The hidden layers miss the division by omega.",
        dense.Siren, noise((256, 2)),
        "siren", law(iw.Uniform(-((6 / 256) ** 0.5), (6 / 256) ** 0.5), *(f"hidden.{k}.weight" for k in range(1, 5))),
        ("hidden.[1-4].weight",), "smaller",
    ),
    Plant(
        "siamese encoder", "The third convolution of the shared encoder has a tenth of its standard deviation.",
        images.Siamese, noise((16, 1, 32, 32), (16, 1, 32, 32)),
        "auto", times(0.1, "encoder.4.weight"), ("encoder.4.weight",), "larger",
    ),
    Plant(
        "DLRM", "The tower's first layer, 42 to 512, has fan_out where fan_in belongs.",
        dense.Dlrm, _clicks,
        "auto", swapped("top.0.weight", 2**0.5), ("top.0.weight",), "larger",
    ),
    Plant(
        "PINN", "One bias is N(0, 9): a standard deviation of 3.",
        partial(dense.chain, nn.Tanh, (2, *[128] * 6, 1)), noise((256, 2)),
        "auto", std(3.0, "6.bias"), ("6.bias",), "smaller",
    ),
    Plant(
        "graph net by hand",
        "The first layer's own weight, (512, 32) as in, out, has fan 32 where fan_in 512 belongs.",
        dense.GraphNet, _graph,
        [iw.rule(("*.own", "*.neighbours"), iw.LecunNormal()), iw.rule("*.bias", iw.Zeros())],
        std((1 / 32) ** 0.5, "layers.0.own"), ("layers.0.own",), "smaller",
    ),
    Plant(
        "WaveNet",
        "The 1 x 1 convolution back into the stream of one block of eight has ten times its standard deviation.",
        sequences.WaveNet, noise((4, 1, 256)),
        "auto", times(10, "blocks.3.back.weight"), ("blocks.3.back.weight",), "smaller",
    ),
)  # fmt: skip
