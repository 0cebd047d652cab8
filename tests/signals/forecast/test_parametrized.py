"""Weights that are computed from others, and laws that need the whole weight: with memory and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils import weight_norm as old_weight_norm

import initwise as iw
from tests.signals.forecast.nets import seen

INPUTS = torch.randn(32, 64, generator=torch.Generator().manual_seed(0))
TARGET = torch.randn(32, 12, generator=torch.Generator().manual_seed(1))


class Exponential(nn.Module):
    """A parametrization that nothing inverts."""

    def forward(self, x: Tensor) -> Tensor:
        return x.exp()


def net(*around: Callable[[nn.Module], nn.Module]) -> nn.Sequential:
    """Two layers, around each of which something is put."""
    layers = [nn.Linear(64, 96), nn.Linear(96, 12)]
    for put in around:
        layers = [put(layer) for layer in layers]  # type: ignore[misc]
    return nn.Sequential(layers[0], nn.Tanh(), layers[1])


def exponential(layer: nn.Module) -> nn.Module:
    parametrize.register_parametrization(layer, "weight", Exponential())
    return layer


def frozen(layer: nn.Module) -> nn.Module:
    """The magnitude of a weight norm stays what it is."""
    parametrizations.weight_norm(layer)
    layer.get_parameter("parametrizations.weight.original0").requires_grad = False
    return layer


def masked(layer: nn.Module) -> nn.Module:
    prune.random_unstructured(layer, "weight", 0.5)
    return layer


def plan_of(model: nn.Module) -> iw.Plan:
    return iw.plan(model, [iw.rule("*.weight", iw.Normal(std=0.1)), iw.rule("*.bias", iw.Zeros())], inputs=INPUTS)


def loss(output: Tensor) -> Tensor:
    """A loss whose gradient does not depend on the output."""
    return (output * TARGET).sum()


WAYS: dict[str, Callable[[Any], Any]] = {
    "weight norm": parametrizations.weight_norm,
    "spectral norm": parametrizations.spectral_norm,
    "older weight norm": old_weight_norm,
    "older spectral norm": old_spectral_norm,
    "no right inverse": exponential,
    "a norm of a norm": lambda layer: parametrizations.spectral_norm(exponential(layer)),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated:FutureWarning")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_parametrized_weight_is_predicted_as_real_seeds_show_it(way: str, device: str) -> None:
    with torch.device(device):
        model = net(WAYS[way])
    forecast = iw.predict(model, plan_of(model), INPUTS, loss, samples=12)
    real = net(WAYS[way])
    outputs, gradients = seen(real, plan_of(real), INPUTS, loss, seeds=12)
    assert not forecast.unknown
    for module in ("0", "2"):
        row = forecast.numbered[module, "linear", 0, 0]
        forward, backward = outputs[module, "linear", 0, 0]
        assert row.second_moment == pytest.approx(forward, rel=0.1)
        assert row.grad_second_moment == pytest.approx(backward, rel=0.15)
        for name in (f"{module}.weight", f"{module}.bias"):
            assert forecast.parameters[name].grad_second_moment == pytest.approx(gradients[name], rel=0.15), name


@pytest.mark.parametrize("around", [frozen, masked])
def test_what_is_behind_a_weight_counts_with_its_own_values(around: Callable[[nn.Module], nn.Module]) -> None:
    torch.manual_seed(0)
    model = net(around)
    forecast = iw.predict(model, plan_of(model), INPUTS, loss, samples=12)
    outputs, _ = seen(model, plan_of(model), INPUTS, loss, seeds=12)
    for module in ("0", "2"):
        expected = outputs[module, "linear", 0, 0][0]
        assert forecast.numbered[module, "linear", 0, 0].second_moment == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("around", "said"),
    [(frozen, "a part of it is frozen, and has no values on the meta"), (masked, "'0.weight_mask' has no values")],
)
def test_what_is_behind_a_weight_on_meta_is_unknown(around: Callable[[nn.Module], nn.Module], said: str) -> None:
    with torch.device("meta"):
        model = net(around)
    forecast = iw.predict(model, plan_of(model), INPUTS, loss)
    assert said in forecast.find("0").why
    assert "build the model with memory" in forecast.find("0").why


def test_a_kept_weight_under_spectral_norm_keeps_its_singular_vectors() -> None:
    torch.manual_seed(0)
    model = net(parametrizations.spectral_norm)
    plan = iw.plan(model, [iw.rule("*", iw.Keep())], inputs=INPUTS)
    forecast = iw.predict(model, plan, INPUTS, loss)
    with torch.no_grad():
        expected = float(model.eval()[0](INPUTS).square().mean())
    assert forecast.find("0").second_moment == pytest.approx(expected, rel=1e-4)


def test_only_one_of_two_parametrized_weights_of_a_module_is_taken_for_each() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.GRU(64, 48)
            for name in ("weight_ih_l0", "weight_hh_l0"):
                parametrizations.weight_norm(self.layer, name)

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = self.layer(x[None])[0]
            return made

    model = Recurrent().to("meta")
    plan = iw.plan(
        model,
        [
            iw.rule("*.weight_ih_l0", iw.Normal(std=0.5)),
            iw.rule("*.weight_hh_l0", iw.Zeros()),
            iw.rule("*bias*", iw.Zeros()),
        ],
    )
    forecast = iw.predict(model, plan, INPUTS)
    assert forecast.parameters["layer.weight_ih_l0"].second_moment == pytest.approx(0.25)
    assert (forecast.find("layer", "gru").second_moment or 0.0) > 0.05


def delta(shape: tuple[int, ...], fans: object, draw: Any) -> Tensor:
    """A user's function."""
    made: Tensor = 0.1 * draw.normal(shape)
    return made


@pytest.mark.parametrize(
    ("law", "expected"), [(iw.Orthogonal(gain=2.0), 4.0), (iw.Identity(), 1.0), (iw.Custom(delta), 0.64)]
)
def test_laws_that_need_the_whole_weight_are_predicted_without_memory(law: Any, expected: float) -> None:
    model = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 12)).to("meta")
    plan = iw.plan(
        model, [iw.rule("0.weight", law), iw.rule("1.weight", iw.Normal(std=0.1)), iw.rule("*.bias", iw.Zeros())]
    )
    level = float(INPUTS.square().mean())
    assert iw.predict(model, plan, INPUTS).find("0").second_moment == pytest.approx(expected * level, rel=0.15)


def test_a_recurrent_layer_with_orthogonal_blocks_is_predicted_without_memory() -> None:
    model = nn.GRU(64, 96, batch_first=True).to("meta")
    series = torch.randn(8, 5, 64)
    forecast = iw.predict(model, iw.plan(model, "auto", inputs=series), series)
    assert not forecast.unknown
    assert forecast.find("", "gru").second_moment is not None
