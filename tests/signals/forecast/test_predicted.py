"""Predictions against theory, and against real seeds."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.signals import Signals
from initwise.signals.forecast import _widths
from tests.signals.forecast.nets import chain, seen


def kaiming(model: nn.Module, inputs: Any, scale: float = 2.0) -> iw.Plan:
    """Variance scaling over fan_in, biases zero."""
    rules = [
        iw.rule(
            kind, weight=iw.VarianceScaling(scale, mode="fan_in", distribution="normal"), bias=iw.Zeros(), optional=True
        )
        for kind in (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)
    ]
    rest = [
        iw.rule(kind, weight=iw.Ones(), bias=iw.Zeros(), optional=True)
        for kind in (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d)
    ]
    return iw.plan(model, [*rules, *rest], inputs=inputs)


def square(output: Tensor) -> Tensor:
    """A loss whose gradient is known: g = 2 y / n."""
    return output.square().mean()


def test_a_relu_chain_keeps_its_second_moment_and_its_gradient() -> None:
    with torch.device("meta"):
        model = chain(2048, 10, nn.ReLU)
    forecast = iw.predict(model, kaiming(model, "64x2048"), torch.randn(64, 2048), samples=8)
    layers = [row for row in forecast if row.operation == "linear"][:-1]
    assert [row.second_moment for row in layers] == pytest.approx([2.0] * 10, rel=0.15)
    gradients = [row.grad_second_moment or 0.0 for row in layers]
    assert max(gradients) / min(gradients) < 1.3


def test_a_linear_residual_stream_doubles_with_each_block() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1024, 1024, device="meta")

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = x + self.layer(x)
            return made

    model = nn.Sequential(*(Block() for _ in range(6)))
    forecast = iw.predict(model, kaiming(model, "32x1024", scale=1.0), torch.randn(32, 1024), square, samples=8)
    sums = [row.second_moment for row in forecast if row.operation == "add"]
    assert sums == pytest.approx([2.0**depth for depth in range(1, 7)], rel=0.1)


def test_batch_norm_makes_gradients_grow_by_pi_over_pi_minus_one_a_layer() -> None:
    def block() -> list[nn.Module]:
        return [nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU()]

    with torch.device("meta"):
        model = nn.Sequential(*(layer for _ in range(10) for layer in block()), nn.Linear(512, 10))
    forecast = iw.predict(model, kaiming(model, "512x512"), torch.randn(512, 512), samples=6)
    gradients = [row.grad_second_moment or 0.0 for row in forecast if row.operation == "relu"]
    growth = (gradients[0] / gradients[-1]) ** (1 / 9)
    assert growth == pytest.approx(math.pi / (math.pi - 1), rel=0.02)


def test_tanh_with_gain_five_thirds_lets_gradients_grow_by_its_chi() -> None:
    with torch.device("meta"):
        model = chain(1024, 20, nn.Tanh)
    forecast = iw.predict(model, kaiming(model, "64x1024", scale=25 / 9), torch.randn(64, 1024), square, samples=8)
    gradients = [row.grad_second_moment or 0.0 for row in forecast if row.operation == "linear"]
    assert (gradients[8] / gradients[18]) ** (1 / 10) == pytest.approx(1.20983, rel=0.02)


def test_the_loss_of_a_head_is_ln_of_its_classes_and_half_the_variance_of_its_logits() -> None:
    model = nn.Sequential(nn.LayerNorm(768), nn.Linear(768, 5000, bias=False)).to("meta")
    plan = iw.plan(
        model,
        [iw.rule(nn.Linear, weight=iw.Normal(std=0.02)), iw.rule(nn.LayerNorm, weight=iw.Ones(), bias=iw.Zeros())],
    )
    forecast = iw.predict(model, plan, torch.randn(32, 768))
    assert forecast.loss == pytest.approx(math.log(5000) + 0.02**2 * 768 / 2, abs=0.01)
    assert "5,000 classes" in forecast.loss_in_words


class Gated(nn.Module):
    """Convolutions with groups and strides, squeeze and excitation, a transposed one, attention, a concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 64, 3, padding=1)
        self.depthwise = nn.Conv2d(64, 64, 3, padding=1, groups=64)
        self.grouped = nn.Conv2d(64, 128, 3, stride=2, padding=1, groups=4)
        self.norm = nn.GroupNorm(8, 128)
        self.squeeze = nn.Linear(128, 32)
        self.excite = nn.Linear(32, 128)
        self.up = nn.ConvTranspose2d(128, 96, 2, stride=2)
        self.qkv = nn.Linear(96, 288)
        self.out = nn.Linear(96, 64)
        self.head = nn.Linear(128, 20)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        x = torch.nn.functional.gelu(self.depthwise(x))
        y = self.norm(self.grouped(x))
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(y.mean((2, 3))))))
        y = self.up(torch.relu(y * gate[:, :, None, None]))
        tokens = y.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).view(*tokens.shape[:2], 3, 6, 16).permute(2, 0, 3, 1, 4)
        mixed = torch.softmax(q @ k.transpose(-1, -2) / 4, -1) @ v
        mixed = self.out(mixed.transpose(1, 2).reshape(tokens.shape))
        made: Tensor = self.head(torch.cat([mixed, x.flatten(2).transpose(1, 2)], -1).mean(1))
        return made


def test_a_model_of_many_parts_is_predicted_as_real_seeds_show_it() -> None:
    torch.manual_seed(0)
    model, images = Gated(), torch.randn(6, 3, 10, 10)
    plan = kaiming(model, images)
    target = torch.randn(6, 20)
    forecast = iw.predict(model, plan, images, lambda out: (out * target).sum(), samples=16)
    outputs, gradients = seen(model, plan, images, lambda out: (out * target).sum(), seeds=32)
    assert set(forecast.numbered) == set(outputs)
    for key, (forward, backward) in outputs.items():
        row = forecast.numbered[key]
        assert row.second_moment == pytest.approx(forward, rel=0.4), key
        assert row.grad_second_moment == pytest.approx(backward, rel=0.5), key
    for name, found in gradients.items():
        assert forecast.parameters[name].grad_second_moment == pytest.approx(found, rel=0.6), name


def narrow_and_whole(
    model: nn.Module, plan: iw.Plan, inputs: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[Signals, Signals]:
    """The same prediction from a sample of the channels and from all of them."""
    target = torch.randn(8, 7, 6, 6)
    whole = iw.predict(model, plan, inputs, lambda out: (out * target).sum(), samples=16)
    monkeypatch.setattr(_widths, "LADDER", (48,))
    return iw.predict(model, plan, inputs, lambda out: (out * target).sum(), samples=48), whole


@pytest.mark.parametrize("kind", ["dense", "grouped", "transposed", "einsum", "broadcast", "glu"])
def test_a_sample_of_the_channels_stands_for_all_of_them(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model, inputs = Narrowed(kind), torch.randn(8, 12, 6, 6)
    plan = iw.plan(
        model, [iw.rule("*", iw.Normal(std=0.05)), iw.rule("gate", iw.Constant(0.5), optional=True)], inputs=inputs
    )
    narrow, whole = narrow_and_whole(model, plan, inputs, monkeypatch)
    assert "sample of the channels" in narrow.notes[-1]
    for one, other in zip(narrow, whole, strict=True):
        assert one.second_moment == pytest.approx(other.second_moment, rel=0.3), one.key
        assert one.grad_second_moment == pytest.approx(other.grad_second_moment, rel=0.4), one.key
    for name, parameter in whole.parameters.items():
        assert narrow.parameters[name].grad_second_moment == pytest.approx(parameter.grad_second_moment, rel=0.5), name


class Narrowed(nn.Module):
    """One kind of layer between two convolutions of many channels."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.first = nn.Conv2d(12, 192, 3, padding=1)
        self.last = nn.Conv2d(192, 7, 1)
        if kind == "grouped":
            self.middle: nn.Module = nn.Conv2d(192, 192, 3, padding=1, groups=48)
        elif kind == "transposed":
            self.middle = nn.ConvTranspose2d(192, 192, 3, padding=1, groups=2)
        elif kind == "glu":
            self.middle = nn.Conv2d(192, 384, 1)
        else:
            self.middle = nn.Conv2d(192, 192, 1)
        self.weight = nn.Parameter(torch.empty(192, 192)) if kind == "einsum" else None
        self.gate = nn.Parameter(torch.empty(1)) if kind == "broadcast" else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.middle(torch.relu(self.first(x)))
        if self.weight is not None:
            x = torch.einsum("bchw,cd->bdhw", x, self.weight)
        if self.gate is not None:
            x = x * self.gate
        if self.kind == "glu":
            x = torch.nn.functional.glu(x, 1)
        made: Tensor = self.last(x)
        return made


def test_the_same_call_gives_the_same_numbers() -> None:
    model, inputs = chain(128, 3, nn.GELU), torch.randn(4, 128)
    plan = kaiming(model, inputs)
    one, other = iw.predict(model, plan, inputs), iw.predict(model, plan, inputs)
    assert one.to_dict() == other.to_dict()


def test_nothing_of_the_model_or_of_torchs_random_state_changes() -> None:
    model = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 4))
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    inputs = torch.randn(8, 16)
    state = torch.get_rng_state()
    iw.predict(model, kaiming(model, inputs), inputs)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_zero_weights_give_exact_zeros_forward_and_backward() -> None:
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
    plan = iw.plan(
        model, [iw.rule(nn.Linear, weight=iw.KaimingNormal(), bias=iw.Zeros()), iw.rule("2.weight", iw.Zeros())]
    )
    forecast = iw.predict(model, plan, torch.randn(4, 32))
    assert forecast.find("2").second_moment == 0.0
    assert forecast.find("0").grad_second_moment == 0.0
    assert forecast.parameters["0.weight"].grad_second_moment == 0.0
    assert forecast.parameters["4.weight"].grad_second_moment == 0.0


def test_a_model_that_writes_into_its_own_weight_is_predicted_with_what_it_wrote() -> None:
    class Halving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(256, 512, device="meta")

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                self.layer.weight.div_(2.0)
            made: Tensor = self.layer(x)
            return made

    model = Halving()
    forecast = iw.predict(model, kaiming(model, "32x256"), torch.randn(32, 256))
    assert forecast.find("layer").second_moment == pytest.approx(0.5, rel=0.1)
    assert (forecast.parameters["layer.weight"].grad_second_moment or 0.0) > 0


def test_what_a_router_chose_is_what_it_gathers() -> None:
    class Routed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate, self.experts = nn.Linear(64, 8), nn.ModuleList(nn.Linear(64, 64) for _ in range(8))

        def forward(self, x: Tensor) -> Tensor:
            scores = self.gate(x).softmax(-1)
            chosen = scores.topk(2, dim=-1).indices
            weights = scores.gather(1, chosen)
            made = torch.zeros_like(x)
            for number, expert in enumerate(self.experts):
                token, place = torch.where(chosen == number)
                made = made.index_add(0, token, expert(x[token]) * weights[token, place, None])
            return made

    torch.manual_seed(0)
    model, tokens, target = Routed(), torch.randn(128, 64), torch.randn(128, 64)
    plan = kaiming(model, tokens, scale=1.0)
    forecast = iw.predict(model, plan, tokens, lambda out: (out * target).sum(), samples=8)
    outputs, gradients = seen(model, plan, tokens, lambda out: (out * target).sum(), seeds=8)
    assert forecast.find("", "gather").second_moment == pytest.approx(outputs["", "gather", 0, 0][0], rel=0.1)
    expected = gradients["gate.weight"]
    assert forecast.parameters["gate.weight"].grad_second_moment == pytest.approx(expected, rel=0.25)
    assert any("what topk chose is made up where" in note for note in forecast.notes)
