"""One wrong law in a model that is right: it is named, and what explains it is said; the model without it is silent."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.signals.verdicts.judging import (
    Words,
    bert,
    blamed,
    chain,
    gpt2,
    he,
    hourglass,
    judged,
    llama,
    noise,
    residual,
    t5,
    tokens,
)

WIDTHS = (64, 512, 128, 256, 128, 10)
X = noise(32, 64)
IMAGES = noise(4, 3, 32, 32)
FEATURES = noise(32, 32)
TOKENS = {"input_ids": tokens(500)}
BOTH = {**TOKENS, "decoder_input_ids": tokens(500)}

BASES: dict[str, tuple[Callable[[], Any], Any]] = {
    "chain": (lambda: he(chain(WIDTHS)), X),
    "normed chain": (lambda: chain(WIDTHS, normed=True), X),
    "tanh chain": (lambda: _lecun(chain(WIDTHS, nn.Tanh)), X),
    "residual": (residual, FEATURES),
    "residual without norms": (lambda: _small_branches(residual(normed=False)), FEATURES),
    "hourglass": (hourglass, IMAGES),
    "lstm": (Words, tokens(300)),
    "gru": (lambda: Words(nn.GRU), tokens(300)),
    "gpt2": (gpt2, TOKENS),
    "bert": (bert, TOKENS),
    "llama": (llama, TOKENS),
    "t5": (t5, BOTH),
}


def _lecun(model: Any) -> Any:
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            nn.init.zeros_(module.bias)
    return model


def _small_branches(model: Any) -> Any:
    with torch.no_grad():
        for block in model.blocks:
            block.down.weight.mul_((0.5 / len(model.blocks)) ** 0.5)
    return model


def times(factor: float) -> Callable[[Tensor], Any]:
    return lambda weight: weight.mul_(factor)


def std(value: float) -> Callable[[Tensor], Any]:
    return lambda weight: weight.normal_(0, value)


def fill(value: float) -> Callable[[Tensor], Any]:
    return lambda weight: weight.fill_(value)


def swapped(weight: Tensor) -> None:
    """He's law with fan_out where fan_in is meant."""
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def bounded(weight: Tensor) -> None:
    """He's std taken as the bound of a uniform law."""
    bound = math.sqrt(2 / weight[0].numel())
    nn.init.uniform_(weight, -bound, bound)


PLANTS: list[tuple[str, str, Callable[[Tensor], Any], str]] = [
    ("chain", "2.weight", swapped, "fan_out (128) was counted where fan_in (512) is meant"),
    ("chain", "4.weight", times(10), "a factor of 10"),
    ("chain", "6.weight", times(0.1), "a factor of 0.1"),
    ("chain", "0.weight", std(1.0), ""),
    ("chain", "2.weight", std(2 / 512), "the variance was taken as the std"),
    ("chain", "8.weight", std(2.0), ""),
    ("chain", "4.bias", std(10.0), ""),
    ("chain", "4.weight", bounded, "the std was taken as the bound of a uniform law"),
    ("normed chain", "4.weight", fill(10.0), ""),
    ("normed chain", "7.weight", std(0.02), "it was drawn as a matrix is"),
    ("normed chain", "7.bias", std(5.0), ""),
    ("tanh chain", "4.weight", times(10), "a factor of 10"),
    ("residual", "blocks.3.down.weight", swapped, "fan_out (64) was counted where fan_in (256) is meant"),
    ("residual", "blocks.2.up.weight", swapped, "fan_out (256) was counted where fan_in (64) is meant"),
    ("residual without norms", "blocks.4.down.weight", times(10), "a factor of 10"),
    ("hourglass", "middle.weight", times(10), "a factor of 10"),
    ("lstm", "rnn.weight_hh_l1", std(1.0), ""),
    ("lstm", "rnn.weight_ih_l1", times(0.2), ""),
    ("lstm", "head.weight", std(2.0), ""),
    ("gru", "table.weight", std(30.0), ""),
    ("gpt2", "transformer.h.2.mlp.c_proj.weight", std(0.09), ""),
    ("gpt2", "transformer.h.1.attn.c_attn.weight", times(10), "a factor of 10"),
    ("gpt2", "transformer.wte.weight", std(1.0), "N(0, 1), torch's default of embeddings"),
    ("gpt2", "transformer.wpe.weight", std(1.0), ""),
    ("bert", "bert.encoder.layer.1.attention.self.query.weight", times(10), "a factor of 10"),
    (
        "bert",
        "bert.encoder.layer.2.intermediate.dense.weight",
        std(0.02**0.5),
        "the variance was given where the std is asked for",
    ),
    ("llama", "model.layers.2.mlp.down_proj.weight", times(10), "a factor of 10"),
    ("llama", "model.layers.1.post_attention_layernorm.weight", fill(0.05), ""),
    ("llama", "lm_head.weight", std(1.0), ""),
    ("t5", "encoder.block.1.layer.0.SelfAttention.q.weight", std(128**-0.5), ""),
]
FROM_TRANSFORMERS = {"gpt2", "bert", "llama", "t5"}


def built(base: str) -> tuple[Any, Any]:
    if base in FROM_TRANSFORMERS:
        pytest.importorskip("transformers")
    make, inputs = BASES[base]
    torch.manual_seed(0)
    return make(), inputs


@pytest.mark.parametrize("base", BASES)
def test_a_model_without_a_wrong_law_is_not_accused(base: str) -> None:
    verdicts = judged(*built(base))
    assert [each.message for each in verdicts if not each.ok] == []
    assert {each.direction for each in verdicts} == {"forward", "backward"}


@pytest.mark.parametrize(("base", "name", "change", "reason"), PLANTS, ids=[f"{p[0]}: {p[1]}" for p in PLANTS])
def test_a_wrong_law_is_named_with_what_explains_it(
    base: str, name: str, change: Callable[[Tensor], Any], reason: str
) -> None:
    model, inputs = built(base)
    with torch.no_grad():
        change(model.get_parameter(name))
    verdicts = judged(model, inputs)
    assert blamed(verdicts) == {name}
    culprit = next(each.culprit for each in verdicts if each.culprit is not None)
    assert reason in culprit.fix
    assert culprit.wanted is not None
    assert f"{culprit.wanted:.3g} instead of {culprit.found:.3g}" in culprit.fix
    assert name in culprit.message


def test_the_fix_gives_the_std_that_siblings_have_and_that_keeps_the_signal() -> None:
    model, inputs = built("chain")
    with torch.no_grad():
        swapped(model.get_parameter("2.weight"))
    culprit = next(each.culprit for each in judged(model, inputs) if each.culprit is not None)
    assert culprit.wanted == pytest.approx(math.sqrt(2 / 512), rel=0.03)
    assert culprit.found == pytest.approx(math.sqrt(2 / 128), rel=0.03)


def test_of_a_gain_that_is_missing_everywhere_the_first_layer_is_named() -> None:
    model = _lecun(chain([128] * 8 + [10]))
    verdicts = judged(model, noise(64, 128))
    assert blamed(verdicts) == {"0.weight"}
    fixes = {each.culprit.fix for each in verdicts if each.culprit is not None}
    assert all("the gain sqrt(2) of a ReLU is missing" in fix for fix in fixes)


def test_of_layers_that_are_all_too_large_the_first_is_named() -> None:
    model = chain([128] * 8 + [10])
    for module in model:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.3)
    verdict = judged(model, noise(64, 128))[0]
    assert blamed([verdict]) == {"0.weight"}
    assert not verdict.band[0] < (verdict.growth or 0.0) < verdict.band[1]


def test_of_branches_without_norms_that_double_the_stream_the_first_is_named_and_the_depth_told() -> None:
    verdicts = judged(residual(normed=False, depth=8), FEATURES)
    assert blamed(verdicts) == {"blocks.0.down.weight"}
    culprit = next(each.culprit for each in verdicts if each.culprit is not None)
    assert culprit.wanted == pytest.approx(math.sqrt(2 / 256 / 16), rel=0.3)  # each makes 2 of 1


def test_zeros_that_close_a_branch_are_meant() -> None:
    model = residual()
    with torch.no_grad():
        for block in model.blocks:
            block.down.weight.zero_()
    assert blamed(judged(model, FEATURES)) == set()


def test_what_is_frozen_is_not_accused() -> None:
    model, inputs = built("chain")
    with torch.no_grad():
        model.get_parameter("4.weight").mul_(10)
    model[4].requires_grad_(requires_grad=False)
    assert "4.weight" not in blamed(judged(model, inputs))
