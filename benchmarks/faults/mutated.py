"""The ten stock models that are mutated, each with the recipe that describes its weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.faults.cases.stock import loss
from benchmarks.faults.control import noise, tokens

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"


@dataclass(frozen=True)
class Mutable:
    """A model and the recipe whose laws its weights follow before they are mutated."""

    name: str
    build: Callable[[], nn.Module]
    recipe: str
    inputs: Callable[[], Any]
    loss: Callable[[Any], Tensor] = loss


class Tagger(nn.Module):
    """A tag for each word, from two layers of LSTM."""

    def __init__(self, words: int = 500, width: int = 64, tags: int = 12) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, 128, 2, batch_first=True)
        self.head = nn.Linear(128, tags)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(self.lstm(self.embedding(ids))[0])
        return out


def lenet() -> nn.Module:
    """LeNet-5 with ReLU and max pooling, as tutorials write it."""
    convolutions = (nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2))
    layers = (nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    return nn.Sequential(*convolutions, nn.Flatten(), *layers)


def perceptron() -> nn.Module:
    """Three hidden layers."""
    hidden = (nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU())
    return nn.Sequential(*hidden, nn.Linear(256, 10))


def vgg11() -> nn.Module:
    """The convolutions of VGG11, one linear layer behind them."""
    from torchvision.models.vgg import VGG, cfgs, make_layers

    model: nn.Module = VGG(make_layers(cfgs["A"]), num_classes=10, init_weights=False)
    model.avgpool = nn.AdaptiveAvgPool2d(1)
    model.classifier = nn.Linear(512, 10)
    return model


def resnet18() -> nn.Module:
    """ResNet-18."""
    import torchvision

    model: nn.Module = torchvision.models.resnet18(num_classes=10)
    return model


def densenet() -> nn.Module:
    """DenseNet with three blocks of four layers and a growth of 12."""
    import torchvision

    model: nn.Module = torchvision.models.DenseNet(12, (4, 4, 4), 24, num_classes=10)
    return model


def mobilenet() -> nn.Module:
    """MobileNetV2 of half the width."""
    import torchvision

    model: nn.Module = torchvision.models.mobilenet_v2(width_mult=0.5, num_classes=10)
    return model


def vit() -> nn.Module:
    """Four layers of ViT-Ti, for 64 x 64 pixels."""
    import timm

    model: nn.Module = timm.create_model("vit_tiny_patch16_224", img_size=64, depth=4, num_classes=10)
    return model


def gpt2() -> nn.Module:
    """GPT-2, three layers of width 128."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    special = {"bos_token_id": 1, "eos_token_id": 2}
    sizes = {"vocab_size": 500, "n_embd": 128, "n_head": 4, "n_layer": 3, "n_positions": 64}
    model: nn.Module = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **special))
    return model


def bert() -> nn.Module:
    """BERT, three layers of width 128."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    sizes = {"vocab_size": 500, "hidden_size": 128, "num_attention_heads": 4, "num_hidden_layers": 3}
    model: nn.Module = transformers.BertForMaskedLM(transformers.BertConfig(**sizes, intermediate_size=512))
    return model


def _pixels() -> tuple[Tensor]:
    return noise(8, 3, 64, 64)()


def _words() -> dict[str, Tensor]:
    return {"input_ids": tokens(500)()[0]}


MODELS: tuple[Mutable, ...] = (
    Mutable("LeNet", lenet, "torch-default", noise(16, 1, 32, 32)),
    Mutable("MLP", perceptron, "kaiming", noise(32, 256)),
    Mutable("VGG11", vgg11, "classic", _pixels),
    Mutable("ResNet-18", resnet18, "resnet", _pixels),
    Mutable("DenseNet", densenet, "kaiming", _pixels),
    Mutable("MobileNetV2", mobilenet, "mobilenet", _pixels),
    Mutable("ViT-Ti", vit, "timm-vit", _pixels),
    Mutable("GPT-2", gpt2, "gpt2", _words),
    Mutable("BERT", bert, "bert", _words),
    Mutable("LSTM tagger", Tagger, "keras-rnn", tokens(500)),
)


def make(model: Mutable, seed: int) -> nn.Module:
    """The model as its library makes it, with a seed, in training mode."""
    from tests import peers  # noqa: F401 - makes torchvision and timm importable

    torch.manual_seed(seed)
    return model.build()
