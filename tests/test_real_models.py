"""The whole way on published architectures: every parameter accounted for, written and verified."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw


def _gpt2() -> Any:
    transformers = pytest.importorskip("transformers")
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(n_layer=3, n_embd=96, n_head=4, vocab_size=501))


def _llama() -> Any:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4, vocab_size=300
    )
    return transformers.LlamaForCausalLM(config)


def _bert() -> Any:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4, vocab_size=300
    )
    return transformers.BertForMaskedLM(config)


def _resnet50() -> Any:
    return pytest.importorskip("torchvision").models.resnet50()


def _mobilenet() -> Any:
    return pytest.importorskip("timm").create_model("mobilenetv3_small_100")


def _unet() -> Any:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.GroupNorm(4, 16),
        nn.SiLU(),
        nn.ConvTranspose2d(16, 8, 4, stride=2),
        nn.PReLU(),
    )


def _transformer() -> Any:
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    return nn.Sequential(nn.Embedding(40, 32, padding_idx=0), nn.TransformerEncoder(layer, 2), nn.Linear(32, 5))


def _recurrent() -> Any:
    return nn.ModuleDict({"lstm": nn.LSTM(12, 16, 2, bidirectional=True, proj_size=8), "gru": nn.GRU(6, 9)})


BUILDERS = [_gpt2, _llama, _bert, _resnet50, _mobilenet, _unet, _transformer, _recurrent]


@pytest.mark.parametrize("recipe", ["torch-default", "kaiming", "xavier", "classic"])
@pytest.mark.parametrize("build", BUILDERS)
def test_a_general_recipe_accounts_for_every_parameter(build: Callable[[], Any], recipe: str) -> None:
    model = build()
    report = iw.initialize(model, recipe, seed=1)
    assert {row.name for row in report.rows} == {name for name, _ in model.named_parameters()}
    assert all(row.verdict == "ok" for row in report.rows)


@pytest.mark.parametrize("build", [_gpt2, _llama])
def test_the_gpt2_recipe_draws_what_the_gpt2_paper_says(build: Callable[[], Any]) -> None:
    model = build()
    plan = iw.plan(model, "gpt2", seed=0)
    layers = len(model.transformer.h) if hasattr(model, "transformer") else len(model.model.layers)
    residual = 0.02 / math.sqrt(2 * layers)
    writers = [row for row in plan if row.name.endswith(("c_proj.weight", "o_proj.weight", "down_proj.weight"))]
    assert len(writers) == 2 * layers
    assert all(row.law and row.law.std == pytest.approx(residual) for row in writers)
    others = [row for row in plan if len(row.shape) == 2 and row not in writers]
    assert others
    assert all(row.law and row.law.std == pytest.approx(0.02) for row in others)


def test_the_torch_default_recipe_has_the_bounds_of_torch_itself() -> None:
    torch.manual_seed(0)
    for build in (
        _unet,
        _transformer,
        _recurrent,
        lambda: nn.Bilinear(7, 9, 64),
        lambda: nn.Conv2d(64, 64, 3, groups=64),
    ):
        model = build()
        for row in iw.plan(model, "torch-default"):
            values = model.get_parameter(row.name).detach()
            assert row.law is not None
            low, high = row.law.support
            assert float(values.min()) >= low - 1e-6, row.name
            assert float(values.max()) <= high + 1e-6, row.name
            if math.isfinite(high) and high > low and values.numel() > 500:
                assert float(values.abs().max()) > 0.95 * high, row.name


def test_a_llama_of_a_thousand_parameters_is_planned_on_meta() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=16384,
        intermediate_size=53248,
        num_hidden_layers=126,
        num_attention_heads=128,
        num_key_value_heads=8,
    )
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(config)
    plan = iw.plan(model, "gpt2", seed=0)
    assert len(plan) == 126 * 9 + 3
    assert iw.Plan.from_dict(plan.to_dict()) == plan


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # torch.compile's own
def test_a_compiled_or_parallel_wrapper_changes_no_weight() -> None:
    plain, wrapped = _unet(), nn.DataParallel(_unet())
    iw.initialize(plain, "kaiming", seed=7)
    iw.initialize(wrapped, "kaiming", seed=7)
    assert iw.digest(plain) == iw.digest(wrapped)
    compiled: Any = torch.compile(_unet())
    iw.initialize(compiled, "kaiming", seed=7)
    assert iw.digest(compiled) == iw.digest(plain)


def test_a_depthwise_convolution_keeps_the_variance_that_he_promises() -> None:
    conv = nn.Conv2d(64, 64, 3, groups=64, padding=1, bias=False)
    iw.initialize(conv, [iw.rule("weight", iw.KaimingNormal(mode="fan_out", nonlinearity="linear"))], seed=0)
    assert float(conv.weight.detach().std()) == pytest.approx(1 / 3, rel=0.1)


def test_a_transposed_convolution_keeps_the_variance_of_its_input() -> None:
    conv = nn.ConvTranspose2d(256, 16, 4, stride=2, padding=1, bias=False)
    iw.initialize(conv, [iw.rule("weight", iw.LecunNormal())], seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        out = conv(torch.randn(4, 256, 16, 16, generator=generator))[..., 4:-4, 4:-4]
    assert float(out.var()) == pytest.approx(1.0, rel=0.1)
