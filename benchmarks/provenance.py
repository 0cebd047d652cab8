"""What recording costs: models built inside `iw.record()`, against the same construction without it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from functools import partial

from torch import nn

import initwise as iw
from benchmarks.measure import Limit, medians
from examples import gpt2
from tests import peers  # noqa: F401 - makes torchvision and timm importable where make put them

HEAD = "Models built inside `iw.record()`, the log's rows included, against the same construction without it."
_AT_MOST = 2.0  # what this project holds itself to
_LLAMA = {
    "hidden_size": 512,
    "intermediate_size": 1376,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "vocab_size": 32000,
}


def builders() -> Iterator[tuple[str, Callable[[], nn.Module]]]:
    """The models, those of libraries that are installed."""
    yield "GPT-2 124 M, our own", gpt2.build
    if importlib.util.find_spec("transformers"):
        import transformers

        yield "GPT-2 124 M, transformers", lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config())
        config = transformers.LlamaConfig(**_LLAMA)
        yield "Llama, 58 M, transformers", lambda: transformers.LlamaForCausalLM(config)
    if importlib.util.find_spec("torchvision"):
        import torchvision

        yield "ResNet-50, torchvision", torchvision.models.resnet50
    if importlib.util.find_spec("timm"):
        import timm

        yield "ViT-B/16, timm", partial(timm.create_model, "vit_base_patch16_224")


def recorded(build: Callable[[], nn.Module]) -> None:
    """Build a model in a recorded block."""
    with iw.record() as log:
        model = build()
    if not log.ok or len(log) < len(list(model.parameters())):
        raise AssertionError(f"the log is wrong: {log}")


def limits() -> Iterator[Limit]:
    """The ratio for each model, of medians of runs in turns, the log's rows included."""
    for name, build in builders():
        taken = medians({"plain": build, "recorded": partial(recorded, build)})
        ratio = taken["recorded"] / taken["plain"]
        yield Limit(f"building {name}", ratio, _AT_MOST, "x", taken)
