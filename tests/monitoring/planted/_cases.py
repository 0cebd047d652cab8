"""Mistakes, and what a suggestion should name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import initwise as iw

RATES = {"adam": 1e-3, "sgd": 0.05}


@dataclass(frozen=True)
class Case:
    """One training.

    Attributes:
        name: the mistake in words.
        task: a key of `TASKS`.
        rules: before those of the recipe.
        scale: factors of what the recipe gives, by pattern of parameter names.
        recipe: of everything else.
        optimizer, rate: "adam" or "sgd", and the factor of its usual learning rate.
        kinds: what a right suggestion may be called; empty for right twins.
        culprits: patterns of the parameters that it must name (at least one of them), and beside which none.
    """

    name: str
    task: str
    rules: tuple[Any, ...] = ()
    scale: tuple[tuple[str, float], ...] = ()
    recipe: str = "auto"
    optimizer: str = "adam"
    rate: float = 1.0
    kinds: tuple[str, ...] = ()
    culprits: tuple[str, ...] = ()


def wrong(name: str, task: str, kinds: str, culprits: str = "", **options: Any) -> Case:
    return Case(name, task, kinds=tuple(kinds.split(", ")), culprits=tuple(culprits.split()), **options)


def fan_out(pattern: str) -> tuple[Any, ...]:
    return (iw.rule(pattern, iw.KaimingNormal(mode="fan_out")),)


def zeros(*patterns: str) -> tuple[Any, ...]:
    return tuple(iw.rule(pattern, iw.Zeros()) for pattern in patterns)


def without_depth(std: float) -> tuple[Any, ...]:
    return tuple(iw.rule(f"blocks.*.{part}.weight", iw.VarianceScaling(std)) for part in ("out", "down"))


SCALE, BOTH = "gain, law", "gain, law, depth scaling"

FIRST: Sequence[Case] = (
    wrong("one layer 3 times too large", "mlp", SCALE, "6.weight", scale=(("6.weight", 3.0),)),
    wrong("one layer 5 times too small", "mlp", SCALE, "4.weight", scale=(("4.weight", 0.2),)),
    wrong("all weights 3 times too large", "mlp", SCALE, "*.weight", scale=(("*.weight", 3.0),)),
    wrong("all weights 4 times too small", "mlp", SCALE, "*.weight", scale=(("*.weight", 0.25),)),
    wrong("the head 20 times too large", "mlp", SCALE, "12.weight", scale=(("12.weight", 20.0),)),
    wrong("a bias that kills its ReLU", "mlp", "law", "4.bias", rules=(iw.rule("4.bias", iw.Constant(-8.0)),)),
    wrong("a learning rate 30 times too high", "mlp", "learning rate", rate=30.0),
    wrong("a learning rate 100 times too low", "mlp", "learning rate", rate=0.01),
    wrong("a learning rate of SGD 100 times too high", "mlp", "learning rate", optimizer="sgd", rate=100.0),
    wrong("fan_out for fan_in where it widens", "rectangular", SCALE, "2.weight", rules=fan_out("2.weight")),
    wrong("fan_out for fan_in where it narrows", "rectangular", SCALE, "4.weight", rules=fan_out("4.weight")),
    wrong("tanh that saturates", "tanh", SCALE, "*.weight", scale=(("*.weight", 6.0),)),
    wrong("N(0, 1)", "tanh", SCALE, "*.weight", rules=(iw.rule("*.weight", iw.Normal(std=1.0)),)),
    wrong("one convolution 4 times too large", "cnn", SCALE, "2.weight", scale=(("2.weight", 4.0),)),
    wrong("all convolutions too small", "cnn", SCALE, "?.weight", rules=(iw.rule("?.weight", iw.Normal(std=0.01)),)),
    wrong("a learning rate 30 times too high, convolutions", "cnn", "learning rate", rate=30.0),
    wrong("no depth scaling", "24 blocks", "depth scaling", "*.out.weight *.down.weight", rules=without_depth(1.0)),
    wrong("an embedding of std 1 that is the head", "24 blocks", SCALE, "embedding.weight",
          rules=(iw.rule("embedding.weight", iw.Normal(std=1.0)),)),
    wrong("a learning rate 30 times too high, transformer", "4 blocks", "learning rate", rate=30.0),
    wrong("a learning rate 100 times too low, transformer", "4 blocks", "learning rate", rate=0.01),
    wrong("queries and keys 8 times too large", "4 blocks", SCALE, "blocks.*.qkv.weight",
          scale=(("blocks.*.qkv.weight", 8.0),)),
    wrong("both factors of LoRA zero", "lora", "law", "*.down.weight", rules=zeros("*.down.weight", "*.up.weight")),
    wrong("torch's own, which fades", "mlp", "law", "*.weight", recipe="torch-default"),
)  # fmt: skip

FIRST_RIGHT: Sequence[Case] = (
    *(Case("auto", task) for task in ("mlp", "rectangular", "tanh", "cnn", "24 blocks", "4 blocks")),
    *(Case("auto with SGD", task, optimizer="sgd") for task in ("mlp", "rectangular", "tanh", "cnn")),
    *(Case("kaiming", task, recipe="kaiming") for task in ("mlp", "rectangular", "cnn")),
    Case("xavier", "tanh", recipe="xavier"),
    *(Case("gpt2", task, recipe="gpt2") for task in ("24 blocks", "4 blocks")),
    Case("one factor of LoRA zero", "lora", rules=zeros("*.up.weight")),
    Case("a head of zeros", "mlp", rules=zeros("12.weight")),
)

SECOND: Sequence[Case] = (
    wrong("one layer 3 times too large", "gelu", SCALE, "2.weight", scale=(("2.weight", 3.0),)),
    wrong("one layer 6 times too small", "gelu", SCALE, "6.weight", scale=(("6.weight", 1 / 6),)),
    wrong("N(0, 1)", "gelu", SCALE, "*.weight", rules=(iw.rule("*.weight", iw.Normal(std=1.0)),)),
    wrong("N(0, 0.01)", "gelu", SCALE, "*.weight", rules=(iw.rule("*.weight", iw.Normal(std=0.01)),)),
    wrong("the head 30 times too large", "gelu", SCALE, "10.weight", scale=(("10.weight", 30.0),)),
    wrong("a learning rate 50 times too high", "gelu", "learning rate", rate=50.0),
    wrong("a learning rate 200 times too low", "gelu", "learning rate", rate=0.005),
    wrong("two biases that kill their ReLUs", "bottleneck", "law", "2.bias 4.bias",
          rules=(iw.rule("2.bias", iw.Constant(-9.0)), iw.rule("4.bias", iw.Constant(-9.0)))),
    wrong("fan_out for fan_in where it narrows", "bottleneck", SCALE, "2.weight", rules=fan_out("2.weight")),
    wrong("fan_out for fan_in where it widens", "bottleneck", SCALE, "4.weight", rules=fan_out("4.weight")),
    wrong("the first layer 4 times too large", "bottleneck", SCALE, "0.weight", scale=(("0.weight", 4.0),)),
    wrong("a learning rate of SGD 60 times too high", "bottleneck", "learning rate", optimizer="sgd", rate=60.0),
    wrong("a convolution 5 times too large before a batch norm", "batch norm", SCALE, "blocks.1.3.weight",
          scale=(("blocks.1.3.weight", 5.0),)),
    wrong("the head 15 times too large", "batch norm", SCALE, "head.weight", scale=(("head.weight", 15.0),)),
    wrong("a learning rate 30 times too high", "batch norm", "learning rate", rate=30.0),
    wrong("no depth scaling", "12 blocks", "depth scaling", "*.out.weight *.down.weight", rules=without_depth(1.0)),
    wrong("a head of std 1", "12 blocks", SCALE, "head.weight", rules=(iw.rule("head.weight", iw.Normal(std=1.0)),)),
    wrong("queries and keys 10 times too large", "12 blocks", SCALE, "blocks.*.qkv.weight",
          scale=(("blocks.*.qkv.weight", 10.0),)),
    wrong("a learning rate 40 times too high", "12 blocks", "learning rate", rate=40.0),
    wrong("an embedding of std 1 that is the head", "6 tied blocks", SCALE, "embedding.weight",
          rules=(iw.rule("embedding.weight", iw.Normal(std=1.0)),)),
    wrong("a learning rate 100 times too low", "6 tied blocks", "learning rate", rate=0.01),
    wrong("one feed-forward part 4 times too large", "6 tied blocks", BOTH, "blocks.3.up.weight blocks.3.down.weight",
          scale=(("blocks.3.up.weight", 4.0), ("blocks.3.down.weight", 4.0))),
    wrong("both factors of one LoRA zero", "lora", "law", "2.down.weight",
          rules=(*zeros("2.down.weight", "2.up.weight"), iw.rule("0.up.weight", iw.Zeros()))),
    wrong("torch's own, which fades", "gelu", "law", "*.weight", recipe="torch-default"),
)  # fmt: skip

SECOND_RIGHT: Sequence[Case] = (
    *(Case("auto", task) for task in ("gelu", "bottleneck", "batch norm", "12 blocks", "6 tied blocks")),
    *(Case("auto with SGD", task, optimizer="sgd") for task in ("gelu", "bottleneck", "batch norm")),
    *(Case("kaiming", task, recipe="kaiming") for task in ("gelu", "bottleneck", "batch norm")),
    *(Case("gpt2", task, recipe="gpt2") for task in ("12 blocks", "6 tied blocks")),
    Case("classic", "batch norm", recipe="classic"),
    Case("twice the usual rate", "gelu", rate=2.0),
    Case("a third of the usual rate", "bottleneck", rate=1 / 3),
    Case("a head of zeros", "batch norm", rules=zeros("head.weight")),
)


MISSED = {
    ("4 blocks", "a learning rate 100 times too low, transformer"): "its updates are as large as those of a sound SGD",
    ("6 tied blocks", "a learning rate 100 times too low"): "its updates are as large as those of a sound SGD",
    ("gelu", "a learning rate 200 times too low"): "the loss falls from one batch to another more than by training",
    ("batch norm", "the head 15 times too large"): "its outputs have std 1.5, as a usual head's",
}


def optimizer_of(case: Case, model: nn.Module) -> Callable[[], torch.optim.Optimizer]:
    trained = [each for each in model.parameters() if each.requires_grad]
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[case.optimizer]
    return lambda: kind(trained, lr=RATES[case.optimizer] * case.rate)
