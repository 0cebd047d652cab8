"""The measured pass: what it sees of models of all kinds."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's own name
from torch.utils.checkpoint import checkpoint

from tests.signals.probing import probed


def _net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))


X = torch.randn(6, 8, generator=torch.Generator().manual_seed(1))


def test_each_operation_is_an_event_with_its_place_and_its_parameters() -> None:
    probe = probed(_net(), X)
    assert [(e.operation, e.module, e.call, e.parameters, e.inputs) for e in probe.events] == [
        ("linear", "0", 0, ("0.weight", "0.bias"), (-1,)),
        ("relu", "1", 0, (), (0,)),
        ("linear", "2", 0, ("2.weight", "2.bias"), (1,)),
    ]
    assert probe.events[0].line.endswith(f"probing.py:{_line_of_the_call()}")
    assert probe.outputs == (2,)
    assert probe.touched == {"0.weight", "0.bias", "2.weight", "2.bias"}


def _line_of_the_call() -> int:
    return probed.__code__.co_firstlineno + 2


def test_moments_are_those_of_the_tensors() -> None:
    model: Any = _net()
    first, _, last = probed(model, X).events
    with torch.no_grad():
        hidden = model[0](X)
        out = model(X)
    assert first.mean == pytest.approx(float(hidden.mean()), rel=1e-4)
    assert first.second_moment == pytest.approx(float(hidden.square().mean()), rel=1e-5)
    assert first.peak == pytest.approx(float(hidden.abs().max()), rel=1e-6)
    assert first.input_second_moment == pytest.approx(float(X.square().mean()), rel=1e-5)
    assert last.input_second_moment == pytest.approx(float(hidden.relu().square().mean()), rel=1e-5)
    assert last.second_moment == pytest.approx(float(out.square().mean()), rel=1e-5)
    assert last.variation == pytest.approx(float((out[:3] - out[3:]).square().mean() / 2), rel=1e-5)


def test_gradients_are_those_of_the_loss() -> None:
    model: Any = _net()
    target = torch.arange(6) % 4
    probe = probed(model, X, lambda out: F.cross_entropy(out, target))
    loss = F.cross_entropy(model(X), target)
    loss.backward()
    assert probe.loss == pytest.approx(loss.item(), rel=1e-6)
    for name, parameter in model.named_parameters():
        gradient = probe.gradients[name]
        assert gradient is not None
        assert torch.allclose(gradient, parameter.grad), name


def test_the_gradient_of_an_events_output_is_measured() -> None:
    model: Any = _net()
    probe = probed(model, X, lambda out: out.square().sum())
    assert probe.events[-1].grad_second_moment == pytest.approx((2 * model(X)).square().mean().item(), rel=1e-4)
    assert probe.events[0].grad_second_moment is not None


def test_without_a_loss_every_output_gets_a_gradient() -> None:
    probe = probed(_net(), X)
    assert probe.loss is None
    assert probe.events[-1].grad_second_moment == pytest.approx(1 / 24, rel=0.5)
    assert all(each is not None and bool(each.count_nonzero()) for each in probe.gradients.values())


class Wrapped(nn.Module):
    """A network whose output is put into a structure."""

    def __init__(self, into: Any) -> None:
        super().__init__()
        self.net, self.into = _net(), into

    def forward(self, x: Tensor) -> Any:
        return self.into(self.net(x))


@dataclasses.dataclass
class Output:
    logits: Tensor
    aside: tuple[Tensor, ...]


@pytest.mark.parametrize(
    "into",
    [lambda y: {"y": y}, lambda y: (y, None), lambda y: [y, 3], lambda y: Output(y, (y * 2,))],
    ids=["dict", "tuple", "list", "dataclass"],
)
def test_outputs_may_be_structures(into: Any) -> None:
    probe = probed(Wrapped(into), X)
    assert probe.gradients["net.0.weight"] is not None


def test_the_loss_that_a_model_returns_is_taken() -> None:
    target = torch.arange(6) % 4
    probe = probed(Wrapped(lambda y: {"loss": F.cross_entropy(y, target), "logits": y}), X)
    assert probe.loss is not None
    (entropy,) = probe.entropies
    assert entropy.classes == 4
    assert entropy.loss == pytest.approx(probe.loss)
    assert probe.events[entropy.event].module == "net.2"


class Plain(nn.Module):
    """A forward pass given as a function of the module and the input."""

    def __init__(self, run: Any, **parts: Any) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, nn.Parameter(part) if isinstance(part, Tensor) else part)

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


def test_views_and_copies_of_a_parameter_are_that_parameter() -> None:
    weight = torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    model: Any = Plain(
        lambda self, x: (x @ self.w.T) + (x @ self.w.view(8, 8).t().contiguous() * 2) @ (1 + self.v),
        w=weight,
        v=weight.clone(),
    )
    events = probed(model, X).events
    assert [each.parameters for each in events if each.parameters] == [("w",), ("w",), ("v",)]


def test_a_module_that_is_called_twice_is_told_apart() -> None:
    shared = nn.Linear(8, 8)
    events = probed(Plain(lambda self, x: self.layer(self.layer(x)), layer=shared), X).events
    assert [(each.module, each.call) for each in events] == [("layer", 0), ("layer", 1)]


def test_tied_parameters_have_one_name_and_one_gradient() -> None:
    model: Any = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    model[2].weight = model[0].weight
    probe = probed(model, X)
    assert set(probe.gradients) == {"0.weight", "0.bias", "2.bias"}
    assert probe.events[2].parameters == ("0.weight", "2.bias")


@pytest.mark.parametrize("inplace", [False, True])
def test_operations_in_place_are_events_too(inplace: bool) -> None:
    model: Any = nn.Sequential(nn.Linear(8, 16), nn.ReLU(inplace=inplace), nn.Linear(16, 4))
    nn.init.constant_(model[0].bias, -100.0)
    events = probed(model, X).events
    assert (events[1].dead, events[1].units) == (1.0, 16)
    assert events[2].input_second_moment == 0.0


def test_writes_into_parts_of_a_signal_are_events_of_the_whole() -> None:
    def run(self: Any, x: Tensor) -> Tensor:
        hidden = self.a(x).view(6, 2, 4).transpose(0, 1)
        scores = hidden.as_strided((2, 6, 2), hidden.stride())
        for part in (scores[:, :3], scores[:, 3:]):
            part[:, :2] = torch.full_like(part[:, :2], -float("inf")).where(part[:, :2] > 9, part[:, :2] * 2)
        out: Tensor = self.b(hidden.transpose(0, 1).reshape(6, 8))
        return out

    probe = probed(Plain(run, a=nn.Linear(8, 8), b=nn.Linear(8, 2)), X)
    assert [each.operation for each in probe.events].count("__setitem__") == 2
    assert probe.gradients["a.weight"] is not None
    assert math.isfinite(probe.events[-1].second_moment)
    assert probe.events[0].grad_second_moment is not None


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_layers_get_their_gradients(reentrant: bool) -> None:
    model: Any = Plain(
        lambda self, x: self.b(checkpoint(self.a, self.c(x), use_reentrant=reentrant)),
        a=_net(),
        b=nn.Linear(4, 2),
        c=nn.Linear(8, 8),
    )
    held = torch.ones(4)
    model.b.weight.grad = torch.ones(2, 4)
    gradient = model.b.weight.grad
    probe = probed(model, X)
    assert all(each is not None for each in probe.gradients.values())
    assert model.b.weight.grad is gradient
    assert torch.equal(gradient[0], held)
    assert model.a[0].weight.grad is None


def test_what_runs_without_gradients_has_none() -> None:
    def run(self: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            hidden = self.a(x)
        out: Tensor = self.b(hidden)
        return out

    probe = probed(Plain(run, a=nn.Linear(8, 8), b=nn.Linear(8, 2)), X)
    assert probe.gradients["a.weight"] is None
    assert probe.events[0].grad_second_moment is None
    assert probe.gradients["b.weight"] is not None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes_are_measured(dtype: torch.dtype) -> None:
    probe = probed(_net().to(dtype), X)
    assert math.isfinite(probe.events[-1].second_moment)
    assert probe.gradients["0.weight"] is not None
    assert probe.gradients["0.weight"].dtype == dtype


def test_integer_inputs_are_looked_up() -> None:
    model: Any = nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 3))
    probe = probed(model, torch.tensor([[1, 2, 3], [4, 5, 6]]))
    assert [each.operation for each in probe.events] == ["embedding", "linear"]
    assert probe.gradients["0.weight"] is not None


def test_code_may_depend_on_values() -> None:
    def run(self: Any, x: Tensor) -> Tensor:
        out: Tensor = self.a(x) if x.mean().item() > 0 else self.b(x)
        return out

    model: Any = Plain(run, a=nn.Linear(8, 2), b=nn.Linear(8, 2))
    assert probed(model, X.abs()).touched == {"a.weight", "a.bias"}
    assert probed(model, -X.abs()).touched == {"b.weight", "b.bias"}


def test_recurrent_layers_and_attention_are_seen() -> None:
    lstm = Plain(lambda self, x: self.rnn(x)[0], rnn=nn.LSTM(8, 8, 2, dropout=0.5, batch_first=True))
    (event,) = probed(lstm, X.view(2, 3, 8)).events
    assert event.operation == "lstm"
    assert len(event.parameters) == 8
    attention = Plain(lambda self, x: self.mha(x, x, x, need_weights=False)[0], mha=nn.MultiheadAttention(8, 2))
    probe = probed(attention, X.view(2, 3, 8))
    assert {"mha.in_proj_weight", "mha.out_proj.weight"} <= {name for e in probe.events for name in e.parameters}


def test_batch_norms_use_the_batch_and_dropout_is_off() -> None:
    model: Any = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.9), nn.Linear(16, 2)).eval()
    events = probed(model, X).events
    assert events[1].second_moment == pytest.approx(1.0, rel=0.01)
    assert events[-1].input_second_moment == pytest.approx(1.0, rel=0.01)


def test_a_batch_norm_of_one_value_a_channel_uses_its_running_statistics() -> None:
    probe = probed(nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16)), X[:1])
    assert probe.events[1].second_moment == pytest.approx(probe.events[0].second_moment, rel=1e-4)


def test_wrappers_are_looked_through() -> None:
    compiled: Any = partial(torch.compile, backend="eager")
    model: Any = _net()
    names = {"0.weight", "0.bias", "2.weight", "2.bias"}
    for wrapped in (compiled(model), nn.DataParallel(model), compiled(nn.DataParallel(model))):
        assert isinstance(wrapped, nn.Module)
        assert set(probed(wrapped, X).gradients) == names
        assert probed(wrapped, X).events[0].module == "0"
    inside = nn.Sequential(compiled(_net()), nn.Linear(4, 2))
    assert "0.0.weight" in probed(inside, X).gradients


def test_infinite_and_undefined_values_are_told_apart() -> None:
    model: Any = _net()
    with torch.no_grad():
        model[0].weight[0, 0] = float("inf")
    assert [each.not_finite for each in probed(model, X).events[:2]] == ["inf", "inf"]
    with torch.no_grad():
        model[0].weight[0, 0] = float("nan")
    assert probed(model, X).events[0].not_finite == "nan"


def test_large_finite_values_are_no_infinity() -> None:
    event = probed(Plain(lambda self, x: self.a(x) * 1e25, a=nn.Linear(8, 2)), X).events[1]
    assert event.not_finite == ""
    assert event.peak > 1e23


def test_bounded_activations_show_how_far_they_are_driven() -> None:
    model: Any = nn.Sequential(nn.Linear(8, 64), nn.Tanh())
    calm = probed(model, X).events[1]
    nn.init.normal_(model[0].weight, std=10)
    driven = probed(model, X).events[1]
    assert calm.saturated is not None
    assert driven.saturated is not None
    assert calm.saturated < 0.05
    assert driven.saturated > 0.9
    assert driven.deviation == pytest.approx(10 * 8**0.5, rel=0.2)


def test_cross_entropy_of_probabilities_and_of_images_is_recognised() -> None:
    target = torch.arange(6) % 4
    (entropy,) = probed(_net(), X, lambda out: F.nll_loss(F.log_softmax(out, -1), target)).entropies
    assert entropy.classes == 4
    assert entropy.loss == pytest.approx(math.log(4), abs=0.3)
    pixels = nn.Conv2d(3, 5, 1)
    labels = torch.zeros(2, 4, 4, dtype=torch.long)
    (entropy,) = probed(pixels, torch.randn(2, 3, 4, 4), lambda out: F.cross_entropy(out, labels)).entropies
    assert entropy.classes == 5
    (paired,) = probed(_net(), X[:4], lambda out: F.cross_entropy(out, torch.arange(4))).entropies
    assert paired.paired


def test_a_model_that_asks_for_training_mode_gets_it() -> None:
    def run(self: Any, x: Tensor) -> Tensor:
        assert self.training, "train me"
        out: Tensor = self.drop(self.a(x))
        return out

    model = Plain(run, a=nn.Linear(8, 2), drop=nn.Dropout(0.9)).eval()
    assert probed(model, X).events[0].module == "a"
    assert not model.training
