"""`auto` decides by usage: gains of what precedes, streams, outputs; and the signal keeps its size on real passes."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import initwise as iw
from initwise.errors import PlanError
from initwise.recipes.auto._coverage import coverage
from initwise.recipes.auto._signal import Curve, Signal, gaussian, total

transformers = pytest.importorskip("transformers")


def _std(plan: iw.Plan, name: str) -> float:
    law = plan[name].law
    assert law is not None
    return law.std


def _mlp(activation: nn.Module, width: int = 64, depth: int = 3) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), activation]
    return nn.Sequential(*layers, nn.Linear(width, 10))


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "tanh", "elu", "mish", "hardswish", "softplus", "selu"])
def test_a_weight_makes_up_for_the_activation_before_it(name: str) -> None:
    modules = {"relu": nn.ReLU(), "gelu": nn.GELU(), "silu": nn.SiLU(), "tanh": nn.Tanh(), "elu": nn.ELU()}
    modules |= {"mish": nn.Mish(), "hardswish": nn.Hardswish(), "softplus": nn.Softplus(), "selu": nn.SELU()}
    plan = iw.plan(_mlp(modules[name]), "auto", inputs="4x64")
    assert _std(plan, "0.weight") == pytest.approx(1 / 8)
    assert _std(plan, "2.weight") == pytest.approx(iw.gain(name) / 8, rel=1e-6)
    assert f"gain {iw.gain(name):.5g}" in plan["2.weight"].reason


class _WrittenOut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Linear(64, 64, bias=False) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = self.second(0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
        return F.relu(self.third(x * torch.sigmoid(x)))


def test_an_activation_that_is_written_out_is_integrated_exactly_and_named() -> None:
    plan = iw.plan(_WrittenOut(), "auto", inputs="4x64")
    assert _std(plan, "second.weight") == pytest.approx(iw.gain("gelu_tanh") / 8, rel=1e-6)
    assert "follows gelu_tanh: gain 1.5336" in plan["second.weight"].reason
    assert _std(plan, "third.weight") == pytest.approx(iw.gain("silu") / 8, rel=1e-6)


class _Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(64)
        self.gate, self.up, self.down = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 64)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        return F.relu(self.down(F.silu(self.gate(y)) * self.up(y)))


def test_a_gated_product_has_the_gain_of_its_gate() -> None:
    plan = iw.plan(_Gated(), "auto", inputs="4x64")
    assert _std(plan, "gate.weight") == _std(plan, "up.weight") == pytest.approx(1 / 8)
    assert _std(plan, "down.weight") == pytest.approx(iw.gain("silu") / 8, rel=1e-6)
    assert plan["down.weight"].reason.startswith("Linear weight follows silu gate: gain 1.6765")


def test_gpt2_says_in_words_what_precedes_and_how_many_write() -> None:
    with torch.device("meta"):
        plan = iw.plan(transformers.GPT2LMHeadModel(transformers.GPT2Config()))
    reason = plan["transformer.h.3.mlp.c_proj.weight"].reason
    assert "follows gelu_tanh: gain 1.5336" in reason
    assert "1 of 24 writers into the stream: / 4.90" in reason
    level = math.sqrt(_std(plan, "transformer.wte.weight") ** 2 + _std(plan, "transformer.wpe.weight") ** 2)
    gain = iw.gain("gelu_tanh")
    expected = gain / math.sqrt(3072) / math.sqrt(24) * level
    assert _std(plan, "transformer.h.3.mlp.c_proj.weight") == pytest.approx(expected, rel=1e-6)


def test_the_norm_that_closes_a_branch_is_divided_in_the_weights_stead() -> None:
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        plan = iw.plan(torchvision.models.resnet50(), "auto")
    row = plan["layer3.2.bn3.weight"]
    assert row.law is not None
    assert row.law.mean == pytest.approx(1 / math.sqrt(6))
    assert _std(plan, "layer3.2.conv3.weight") == pytest.approx(math.sqrt(2 * (1 + 1e-5) / 256))  # with eps
    assert "1 of 6 writers" in plan["layer3.2.conv3.weight"].reason
    assert plan["layer3.2.bn2.weight"].initializer == iw.Ones()


def test_embeddings_tied_to_the_output_layer_make_small_logits() -> None:
    config = transformers.GPT2Config(n_layer=2, n_embd=128, n_head=2, vocab_size=997)
    plan = iw.plan(transformers.GPT2LMHeadModel(config), "auto")
    assert _std(plan, "transformer.wte.weight") == pytest.approx(0.25 / math.sqrt(128), rel=1e-3)
    assert _std(plan, "transformer.wpe.weight") == pytest.approx(_std(plan, "transformer.wte.weight") / 2)


def test_norms_that_add_one_start_at_zero_and_the_forget_gate_at_one() -> None:
    config = transformers.GemmaConfig(
        num_hidden_layers=1, hidden_size=64, intermediate_size=128, num_attention_heads=2, num_key_value_heads=1,
        head_dim=32, vocab_size=100,
    )  # fmt: skip
    plan = iw.plan(transformers.GemmaForCausalLM(config), "auto")
    assert plan["model.layers.0.input_layernorm.weight"].initializer == iw.Zeros()
    lstm = nn.LSTM(8, 16)
    iw.initialize(lstm, "auto", inputs="5x2x8")
    both = [dict(lstm.named_parameters())[name].detach() for name in ("bias_ih_l0", "bias_hh_l0")]
    assert (both[0] + both[1]).reshape(4, 16).sum(1).tolist() == [0.0, 16.0, 0.0, 0.0]


class _Deep(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(128) for _ in range(depth))
        self.ups = nn.ModuleList(nn.Linear(128, 256) for _ in range(depth))
        self.downs = nn.ModuleList(nn.Linear(256, 128) for _ in range(depth))
        self.head = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for norm, up, down in zip(self.norms, self.ups, self.downs, strict=True):
            x = x + down(F.gelu(up(norm(x))))
        logits: Tensor = self.head(x)
        return logits, x


def test_a_residual_stream_grows_less_than_e_fold_however_deep() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 128, generator=generator)
    for depth in (2, 40):
        model = _Deep(depth)
        iw.initialize(model, "auto", inputs=(x,))
        logits, stream = (value.detach() for value in model(x))
        assert 1.7 < float(stream.square().mean()) < 2.3
        assert float(logits.std()) < 0.3


@pytest.mark.parametrize("activation", [nn.GELU(), nn.SiLU(), nn.Tanh(), nn.ReLU()])
def test_second_moments_stay_at_one_through_deep_networks(activation: nn.Module) -> None:
    model = _mlp(activation, width=512, depth=6)
    x = torch.randn(256, 512, generator=torch.Generator().manual_seed(1))
    iw.initialize(model, "auto", inputs=(x,))
    with torch.no_grad():
        for layer in list(model)[:-1]:
            x = layer(x)
            if isinstance(layer, nn.Linear):
                assert 0.8 < float(x.square().mean()) < 1.25
        loss = F.cross_entropy(model[-1](x), torch.randint(0, 10, (256,)))
    assert float(loss) == pytest.approx(math.log(10), abs=0.05)


def test_attention_classifiers_start_at_ln_c() -> None:
    config = transformers.ViTConfig(
        num_hidden_layers=3, hidden_size=96, intermediate_size=192, num_attention_heads=3, image_size=32, patch_size=8,
        num_labels=50, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model = transformers.ViTForImageClassification(config)
    iw.initialize(model, "auto", seed=3)
    pixels = torch.randn(64, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        loss = F.cross_entropy(model(pixels).logits, torch.arange(64) % 50)
    assert float(loss) == pytest.approx(math.log(50), abs=0.1)


class _Chooses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.raw = nn.Parameter(torch.empty(3, 4, 5))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        chosen: Tensor = self.layer(x) + y
        return chosen


def test_without_inputs_the_modules_types_answer_and_the_plan_says_so() -> None:
    model = _Chooses()
    del model.raw
    plan = iw.plan(model, "auto")
    assert any("usage read from module types" in note for note in plan.notes)
    assert "by its module's type" in plan["layer.weight"].reason


def test_what_nothing_is_known_of_is_an_error_that_says_what_to_give() -> None:
    with pytest.raises(PlanError, match=r"'raw' \(shape \(3, 4, 5\), of _Chooses\): no rule matches"):
        iw.plan(_Chooses(), "auto")


def test_a_parameter_that_the_pass_never_uses_is_kept_and_reported() -> None:
    plan = iw.plan(_Chooses(), "auto", inputs=(torch.zeros(2, 4), torch.zeros(2, 4)))
    assert plan["raw"].initializer == iw.Keep()
    assert "never used in the forward pass" in plan["raw"].reason
    assert "never used in the forward pass: raw" in plan.notes


def test_independent_signals_add_in_variance_and_share_what_their_positions_share() -> None:
    one, other = gaussian(0, 2.0, 0.5), Signal(1.0, 3.0, pair=2.0)
    both = total(one, other)
    assert (both.mean, both.square, both.pair) == (1.0, 5.0, 3.0)


def test_post_norm_blocks_share_one_stream() -> None:
    config = transformers.BertConfig(
        num_hidden_layers=4, hidden_size=64, intermediate_size=96, num_attention_heads=2, vocab_size=99
    )
    with torch.device("meta"):
        plan = iw.plan(transformers.BertModel(config), "auto")
    row = plan["encoder.layer.2.output.dense.weight"]
    assert "1 of 8 writers into the stream: / 2.83" in row.reason
    assert _std(plan, row.name) == pytest.approx(iw.gain("gelu") / math.sqrt(96 * 8), rel=1e-4)


@pytest.mark.parametrize("together", [0.0, 0.3, 0.6, 0.8])
def test_what_two_positions_share_behind_relu_is_the_arc_cosine_kernel(together: float) -> None:
    angle = math.acos(together)
    expected = (math.sin(angle) + (math.pi - angle) * together) / (2 * math.pi)  # Cho and Saul 2009
    curve = Curve(0, 1.0, "relu", torch.relu, together=together)
    assert curve.pair() == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize(
    ("kernel", "padding", "size", "expected"), [(7, 3, 6, None), (3, 1, 32, 1.0), (5, 2, 3, None), (4, 0, 4, 1.0)]
)
def test_windows_on_padding_are_counted_where_they_are_most_of_it(
    kernel: int, padding: int, size: int, expected: float | None
) -> None:
    layer = nn.Conv2d(1, 1, kernel, padding=padding, bias=False)
    reading = _traced(layer, torch.zeros(1, 1, size, size))
    found = coverage(reading.roles.graph, reading.roles.graph.operations[0])
    with torch.no_grad():
        layer.weight.fill_(1.0)
        counted = float(layer(torch.ones(1, 1, size, size)).mean()) / kernel**2
    assert found == pytest.approx(counted if expected is None else expected)


def _traced(model: nn.Module, x: Tensor) -> Any:
    from initwise.model import Example, read, traced

    return traced(read(model), [Example((x,))])
