"""Chains of a model: which layers they hold, what lies between them, and what theory says of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import ArgumentError
from initwise.model.graph import Graph, trace
from initwise.signals.theory import Chain, DepthMap, batch_norm_growth, chains

WIDTH = 16


def traced(model: nn.Module, *shape: int, training: bool = False) -> Graph:
    """The graph of a pass."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return trace(model, (torch.zeros(*(shape or (4, WIDTH))),), names=names, training=training)


def laws(model: nn.Module, weight_variance: float, bias_variance: float = 0.0) -> dict[str, tuple[float, float]]:
    """Weights of a variance over fan_in, biases of a variance; norms of ones and zeros, slopes as they are."""
    found = {}
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            found[name] = 0.0, math.sqrt(weight_variance / parameter[0].numel())
        elif isinstance(
            model.get_submodule(name.rpartition(".")[0]), (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.PReLU)
        ):
            found[name] = float(parameter.detach()[0]), 0.0
        else:
            found[name] = 0.0, math.sqrt(bias_variance)
    return found


def stack(*between: Callable[[], nn.Module], depth: int = 5) -> nn.Sequential:
    """Linear layers with modules between them."""
    modules: list[nn.Module] = [nn.Linear(WIDTH, WIDTH)]
    for _ in range(depth - 1):
        modules += [*(make() for make in between), nn.Linear(WIDTH, WIDTH)]
    return nn.Sequential(*modules)


def only(model: nn.Module, weight_variance: float, bias_variance: float = 0.0, **options: Any) -> Chain:
    """The one chain of a model."""
    (found,) = chains(traced(model, **options), laws(model, weight_variance, bias_variance))
    return found


class QuickGelu(nn.Module):
    """x * sigmoid(1.702 x), spelled out."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class NewGelu(nn.Module):
    """GELU by tanh, spelled out as transformers does."""

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


class Plain(nn.Module):
    """A layer without `nn.Linear`, its bias added by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(torch.zeros(8, WIDTH)), nn.Parameter(torch.zeros(8))
        self.back = nn.Parameter(torch.zeros(8, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.tanh((x @ self.w.t()) + self.b) @ self.back
        return y


class Residual(nn.Module):
    """x + f(x), or another sum of two signals."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = x + self.inner(x)
        return made


def test_a_chain_of_tanh_layers_tends_to_the_fixed_point_of_its_depth_map() -> None:
    found = only(stack(nn.Tanh, depth=12), (5 / 3) ** 2)
    layer = DepthMap("tanh", (5 / 3) ** 2)
    assert found.modules == tuple(str(2 * place) for place in range(12))
    assert (found.activation, found.norm, found.phase, found.is_uniform) == ("tanh", "", "chaotic", True)
    assert found.weight_variance == pytest.approx((5 / 3) ** 2)
    assert found.q == pytest.approx(layer.trajectory((5 / 3) ** 2, 11), rel=1e-6)
    assert (found.fixed_point, found.chi) == pytest.approx((1.17848, 1.209831), abs=6e-6)
    assert found.correlation_length == pytest.approx(layer.correlation_length(found.fixed_point or 0.0))
    assert found.growth == pytest.approx(math.prod(map(layer.chi, found.q[:-1])) ** (1 / 11), rel=1e-5)
    assert found.sentence == (
        "12 layers from 0 to 22 with tanh between them, fan_in * Var w = 2.778 and Var b = 0; variances tend to 1.178;"
        " chi = 1.20983 is chaotic, correlations settle over 12.1 layers; squared gradients become 1.148 times as large"
        " a layer, 4.57 times in all"
    )


def test_he_relus_are_critical_and_keep_what_they_are_given() -> None:
    found = only(stack(lambda: nn.ReLU(inplace=True)), 2.0)
    assert (found.phase, found.fixed_point, found.correlation_length) == ("critical", None, math.inf)
    assert (found.chi, found.growth) == pytest.approx((1.0, 1.0), abs=1e-9)
    assert found.q == pytest.approx([2.0] * 5)
    assert "each layer keeps every variance, here 2" in found.sentence


def test_gelu_s_popular_gain_goes_to_zero_or_away_from_its_unstable_point() -> None:
    gain = 1.533530441**2
    model = stack(nn.GELU)
    graph, drawn = traced(model), laws(model, gain)
    low, high = (chains(graph, drawn, q0=q0)[0] for q0 in (0.8 / gain, 1.25 / gain))
    assert (low.fixed_point, low.phase) == (0.0, "ordered")
    assert high.fixed_point is None
    assert "no stable fixed point" in high.sentence


@pytest.mark.parametrize(
    ("make", "name", "twin"),
    [
        (QuickGelu, "quick_gelu", "quick_gelu"),
        (NewGelu, "gelu_tanh", "gelu_tanh"),
        (nn.SiLU, "silu", "silu"),
        (nn.PReLU, "prelu", nn.PReLU()),
        (nn.Hardtanh, "hardtanh", "hardtanh"),
        (nn.ReLU6, "relu6", "relu6"),
        (nn.Identity, "linear", "identity"),
    ],
)
def test_operations_between_layers_become_one_activation(make: type[nn.Module], name: str, twin: Any) -> None:
    found = only(stack(make), 1.9, 0.05)
    assert found.activation == name
    assert found.q == pytest.approx(DepthMap(twin, 1.9, 0.05).trajectory(1.95, 4), rel=1e-3)


def test_dropout_and_views_do_not_end_a_chain_and_convolutions_are_layers() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.ReLU(),
        nn.Conv2d(8, 4, 3, groups=2),
        nn.ReLU(),
        nn.Dropout(),
        nn.Flatten(),
        nn.Linear(64, 5),
    )
    (found,) = chains(traced(model, 2, 3, 8, 8), laws(model, 2.0))
    assert found.modules == ("0", "2", "6")
    assert found.is_uniform
    assert found.q == pytest.approx([2.0] * 3)


def test_products_with_a_parameter_and_biases_that_are_added_are_layers() -> None:
    model = nn.Sequential(Plain(), nn.Tanh(), Plain())
    drawn = {name: (0.0, 0.3 if name.endswith("b") else 0.25) for name, _ in model.named_parameters()}
    (found,) = chains(traced(model), drawn)
    assert len(found.modules) == 4
    first = 0.0625 * 16 * 1.0 + 0.09
    assert found.q[0] == pytest.approx(first)
    assert found.q[1] == pytest.approx(DepthMap("tanh", 0.0625 * 8).variance(first), rel=1e-5)


@pytest.mark.parametrize(("norm", "kind"), [(nn.BatchNorm1d, "batch"), (nn.LayerNorm, "layer")])
def test_norms_before_activations_decide_how_gradients_grow(norm: Callable[[int], nn.Module], kind: str) -> None:
    found = only(stack(lambda: norm(WIDTH), nn.GELU), 2.0, training=True)
    assert found.norm == kind
    wanted = batch_norm_growth("gelu") if kind == "batch" else 1.072032
    assert found.chi == pytest.approx(wanted, rel=1e-6)
    assert found.q == pytest.approx([2.0, *[2 * 0.4252214826] * 4], rel=1e-6)


def test_a_batch_norm_in_evaluation_mode_changes_nothing() -> None:
    found = only(stack(lambda: nn.BatchNorm1d(WIDTH), nn.ReLU), 2.0)
    assert (found.norm, found.phase) == ("", "critical")


@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_gradients_of_real_relu_layers_grow_as_their_norm_says(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x, made = torch.randn(512, 256, generator=generator), []
    for _ in range(7):
        x = x @ (torch.randn(256, 256, generator=generator) / 16)
        made.append(x if x.requires_grad else x.requires_grad_())
        x = torch.relu((x - x.mean(0)) / x.std(0) if kind == "batch" else nn.functional.layer_norm(x, (256,)))
    gradients = torch.autograd.grad((x * torch.randn(x.shape, generator=generator)).sum(), made)
    # Of what each layer's norm makes: the scale before it is the norm's own.
    squares = [float((g**2).sum() * y.detach().var()) for g, y in zip(gradients, made, strict=True)]
    seen = (squares[1] / squares[-1]) ** (1 / 5)
    norm = nn.BatchNorm1d if kind == "batch" else nn.LayerNorm
    assert seen == pytest.approx(only(stack(lambda: norm(WIDTH), nn.ReLU), 2.0, training=True).chi, rel=0.06)


def test_layers_with_laws_of_their_own_are_told() -> None:
    model = stack(nn.Tanh)
    drawn = laws(model, 1.5)
    drawn["8.weight"] = 0.0, 0.01
    (found,) = chains(traced(model), drawn)
    assert not found.is_uniform
    assert found.weight_variance == pytest.approx(1.5)  # a head alone does not change what the chain is
    assert found.q[-1] == pytest.approx(0.01**2 * WIDTH * DepthMap("tanh", 1.0).variance(found.q[-2]), rel=1e-5)
    assert "the layers' laws differ" in found.sentence


def broken(change: Callable[[dict[str, tuple[float, float]]], Mapping[str, tuple[float, float]]]) -> tuple[Chain, ...]:
    """The chains of five layers whose laws were changed."""
    model = stack(nn.Tanh)
    return chains(traced(model), change(laws(model, 1.5)))


@pytest.mark.parametrize("law", [(0.0, 0.0), (1.0, 0.1), (0.0, math.nan), None])
def test_a_weight_without_a_random_law_of_mean_zero_ends_a_chain(law: tuple[float, float] | None) -> None:
    def change(found: dict[str, tuple[float, float]]) -> Mapping[str, tuple[float, float]]:
        return {**found, "4.weight": law} if law else {name: each for name, each in found.items() if name != "4.weight"}

    assert len(broken(dict)) == 1
    assert broken(change) == ()


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(*(Residual(stack(nn.ReLU, depth=2)) for _ in range(4))),
        nn.Sequential(stack(nn.ReLU, depth=2), nn.Softmax(-1), stack(nn.ReLU, depth=2)),
        nn.Sequential(stack(nn.ReLU, depth=2), nn.AvgPool1d(1), stack(nn.ReLU, depth=2)),
        stack(nn.Tanh, lambda: nn.LayerNorm(WIDTH)),  # after the activation
        nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH)),
        nn.ReLU(),
    ],
    ids=["sums", "softmax", "pooling", "norm after", "two layers", "no layers"],
)
def test_what_is_no_plain_chain_has_none(model: nn.Module) -> None:
    assert chains(traced(model), laws(model, 2.0)) == ()


def test_another_activation_begins_another_chain() -> None:
    model = nn.Sequential(*stack(nn.ReLU, depth=3), *list(stack(nn.Tanh, depth=4))[1:])
    found = chains(traced(model), laws(model, 2.0))
    assert [(each.activation, len(each.modules)) for each in found] == [("relu", 3), ("tanh", 4)]


def test_a_signal_that_is_used_twice_ends_a_chain() -> None:
    class Reused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(4))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            for layer in self.layers[:2]:
                x = torch.relu(layer(x))
            y = x
            for layer in self.layers[2:]:
                x = torch.relu(layer(x))
            return x, y

    model = Reused()
    assert chains(traced(model), laws(model, 2.0)) == ()


def test_halves_of_a_signal_are_no_activation() -> None:
    class Gated(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            a, b = x.chunk(2, -1)
            return torch.cat([a * torch.sigmoid(b), b], -1)

    assert chains(traced(model := stack(Gated)), laws(model, 2.0)) == ()


@pytest.mark.parametrize("q0", [0.0, -1.0, math.nan])
def test_a_second_moment_that_is_not_positive_is_refused(q0: float) -> None:
    model = stack(nn.ReLU)
    with pytest.raises(ArgumentError, match=r"chains: q0 is"):
        chains(traced(model), laws(model, 2.0), q0=q0)


@pytest.mark.parametrize("f", [nn.Tanh, nn.GELU, nn.ReLU, nn.Softplus, nn.Softshrink, nn.Sigmoid])
@pytest.mark.parametrize("weight", [1e-20, 0.1, 30.0, 1e40])
def test_whatever_the_laws_are_a_chain_is_told(f: type[nn.Module], weight: float) -> None:
    for bias in (0.0, 1e-3, 1e30):
        found = only(stack(f, depth=6), weight, bias)
        assert found.chi >= 0
        assert found.phase in found.sentence


def test_an_activation_that_overflows_is_told_too() -> None:
    class Exponential(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.exp(x)

    found = only(stack(Exponential, depth=6), 2.0)
    assert found.activation == "exp"
    assert found.fixed_point is None
    assert found.q[-1] > 1e6
    assert "no stable fixed point" in found.sentence


def test_each_output_of_a_grouped_transposed_convolution_sums_over_its_group_alone() -> None:
    layers = [layer for _ in range(4) for layer in (nn.ConvTranspose1d(16, 16, 2, stride=2, groups=4), nn.ReLU())]
    model, inputs = nn.Sequential(*layers), torch.randn(2, 16, 4)
    plan = iw.plan(model, [iw.rule("*.weight", iw.Normal(std=0.5)), iw.rule("*.bias", iw.Zeros())], inputs=inputs)
    (chain,) = iw.predict(model, plan, inputs).chains
    assert chain.weight_variance == pytest.approx(16 / 4 * 0.5**2)  # one tap of the kernel meets each output
