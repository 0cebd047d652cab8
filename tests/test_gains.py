"""Gains: published values to eight digits, functions and modules, torch's constants, and what is refused."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.gains import gain
from initwise.gains._quadrature import normal_expectation

# name, parameter, gain, E f'(z)^2: 30-digit piecewise quadrature with mpmath.
PUBLISHED = [
    ("identity", None, 1.00000000, 1.0000000000),
    ("relu", None, 1.41421356, 0.5000000000),
    ("leaky_relu", 0.01, 1.41414286, 0.5000500000),
    ("leaky_relu", 0.1, 1.40719509, 0.5050000000),
    ("leaky_relu", 0.2, 1.38675049, 0.5200000000),
    ("prelu", 0.25, 1.37198868, 0.5312500000),
    ("relu6", None, 1.41421357, 0.4999999990),
    ("elu", None, 1.24519830, 0.6681020012),
    ("celu", 1.0, 1.24519830, 0.6681020012),
    ("selu", None, 1.00000000, 1.0715749925),
    ("gelu", None, 1.53353044, 0.4558508656),
    ("gelu_tanh", None, 1.53358052, 0.4558178460),
    ("quick_gelu", None, 1.53945876, 0.4495492005),
    ("silu", None, 1.67653247, 0.3794823516),
    ("mish", None, 1.48684758, 0.4790837584),
    ("tanh", None, 1.59253742, 0.4644029024),
    ("hardtanh", None, 1.39203614, 0.6826894921),
    ("sigmoid", None, 1.84622855, 0.0448362414),
    ("hardsigmoid", None, 1.89784042, 0.0277027834),
    ("logsigmoid", None, 1.04186684, 0.2933790359),
    ("softplus", None, 1.04186684, 0.2933790359),
    ("softsign", None, 2.33753336, 0.2276713404),
    ("hardswish", None, 1.73665721, 0.3585315172),
    ("relu_squared", None, 0.81649658, 2.0000000000),
    ("sin", None, 1.52086662, 0.5676676416),
    ("sin", 30.0, 1.41421356, 450.0000000000),
    ("erf", None, 1.46716695, 0.5694100347),
    ("exp", None, 0.36787944, 7.3890560989),
    ("abs", None, 1.00000000, 1.0000000000),
    ("tanhshrink", None, 2.33836753, 0.2529918832),
    ("snake", 1.0, 0.87458098, 1.4998322687),
]


@pytest.mark.parametrize(("name", "param", "forward", "slope"), PUBLISHED, ids=str)
def test_gains_are_the_published_ones_to_eight_digits(
    name: str, param: float | None, forward: float, slope: float
) -> None:
    assert gain(name, param) == pytest.approx(forward, abs=5.1e-9)
    assert gain(name, param, direction="backward") ** -2 == pytest.approx(slope, abs=6e-11, rel=1.1e-9)


@pytest.mark.parametrize("name", ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose3d"])
def test_linear_operations_have_gain_one_both_ways(name: str) -> None:
    assert gain(name) == gain(name, direction="backward") == 1.0


def test_closed_forms_are_exact() -> None:
    assert gain("relu") == math.sqrt(2)
    assert gain("leaky_relu", math.sqrt(5)) == math.sqrt(2 / (1 + math.sqrt(5) ** 2))
    assert gain("leaky_relu") == math.sqrt(2 / 1.0001)


def test_gains_by_quadrature_have_ten_significant_digits() -> None:
    assert gain("gelu") == 1.533530441
    assert gain("sin", 30.0, direction="backward") == 0.04714045208


@pytest.mark.parametrize(
    ("alias", "name"),
    [("swish", "silu"), ("relu2", "relu_squared"), ("gelu_new", "gelu_tanh"), ("hard_swish", "hardswish")],
)
def test_common_other_names_mean_the_same(alias: str, name: str) -> None:
    assert gain(alias) == gain(name)


@pytest.mark.parametrize(
    ("function", "name", "param"),
    [
        (F.relu, "relu", None),
        (torch.tanh, "tanh", None),
        (lambda z: 1 - 2 / (torch.exp(2 * z) + 1), "tanh", None),
        (lambda z: z * (z > 0), "relu", None),
        (functools.partial(F.gelu, approximate="tanh"), "gelu_tanh", None),
        (nn.ReLU(), "relu", None),
        (nn.LeakyReLU(0.2), "leaky_relu", 0.2),
        (nn.PReLU(), "prelu", 0.25),
        (nn.GELU(approximate="tanh"), "gelu_tanh", None),
        (nn.ELU(alpha=0.5), "elu", 0.5),
        (nn.Softplus(beta=2.0), "softplus", 2.0),
        (nn.Sequential(nn.Tanh(), nn.Identity()), "tanh", None),
        (nn.Dropout(0.5).eval(), "identity", None),
        (nn.Hardsigmoid(), "hardsigmoid", None),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value),
)
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_functions_and_modules_have_the_gain_of_their_name(
    function: Callable[[Tensor], Tensor], name: str, param: float | None, direction: Any
) -> None:
    assert gain(function, direction=direction) == pytest.approx(gain(name, param, direction=direction), rel=2e-9)


def test_kinks_and_jumps_anywhere_are_integrated() -> None:
    # E[(z - c)^2; z > c] and P(z > c) at a c that no panel ends at.
    c = 0.1234567
    tail = math.erfc(c / math.sqrt(2)) / 2
    density = math.exp(-c * c / 2) / math.sqrt(2 * math.pi)
    ramp = gain(lambda z: F.relu(z - c)) ** -2
    assert ramp == pytest.approx((1 + c * c) * tail - c * density, rel=1e-9)
    assert gain(lambda z: (z > c).double()) ** -2 == pytest.approx(tail, rel=1e-9)
    assert normal_expectation(lambda z: (z > c).double()) == pytest.approx(tail, abs=1e-11)


@pytest.mark.parametrize("c", [0.5001, 0.4999, -0.9995, 1.0002, 1.5 + 1e-7])
def test_a_jump_beside_a_panel_s_edge_is_seen(c: float) -> None:
    # No node of a panel of [0.5, 1] or of its halves lies between 0.5 and 0.5001.
    assert normal_expectation(lambda z: (z > c).double()) == pytest.approx(math.erfc(c / math.sqrt(2)) / 2, abs=1e-11)


@pytest.mark.parametrize(
    ("function", "moment"),
    [
        (F.elu, 0.6449454175),
        (F.gelu, 0.4252214826),
        (F.mish, 0.4523421924),
        (F.hardtanh, 0.5160585510),
        (torch.sigmoid, 0.2933790359),
        (F.softsign, 0.1830140213),
        (torch.exp, 7.3890560989),
    ],
)
def test_second_moments_are_integrated_to_ten_digits(function: Callable[[Tensor], Tensor], moment: float) -> None:
    assert normal_expectation(lambda z: function(z) ** 2) == pytest.approx(moment, abs=6e-11)


def test_a_gain_keeps_the_second_moment_of_a_wide_layer() -> None:
    z = torch.randn(256, 2048, generator=torch.Generator().manual_seed(0))
    smooth: list[tuple[str, Callable[[Tensor], Tensor]]] = [("gelu", F.gelu), ("silu", F.silu), ("mish", F.mish)]
    for name, function in smooth:
        weight = torch.randn(2048, 2048, generator=torch.Generator().manual_seed(1)) * gain(name) / math.sqrt(2048)
        assert float((function(z) @ weight.T).square().mean()) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    "name", ["linear", "conv1d", "conv_transpose2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
)
def test_torchs_convention_gives_torchs_constants(name: Any) -> None:
    assert gain(name, convention="torch") == nn.init.calculate_gain(name)
    assert gain("leaky_relu", 0.3, convention="torch") == nn.init.calculate_gain("leaky_relu", 0.3)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("rlu",), {}, r"unknown nonlinearity 'rlu'; did you mean 'relu'"),
        (("ReLU",), {}, r"did you mean 'relu'"),
        (("relu",), {"direction": "sideways"}, "direction is 'sideways', and must be one of 'forward', 'backward'"),
        (("relu",), {"convention": "keras"}, "convention is 'keras'"),
        (("gelu", 0.5), {}, "param is 0.5, but 'gelu' takes none"),
        (("elu", math.nan), {}, "param is nan, and must be finite"),
        (("elu", True), {}, "param is True of type bool, not a number"),
        ((torch.sin, 2.0), {}, "only named nonlinearities take one"),
        (("gelu",), {"convention": "torch"}, "torch has no constant for 'gelu'"),
        ((lambda z: z + 1,), {"convention": "torch"}, "torch has no constant for 'a function'"),
        (("relu",), {"convention": "torch", "direction": "backward"}, "torch has no backward gains"),
        ((3.0,), {}, "3.0 is not a name, a function or a module"),
        ((nn.ReLU,), {}, "not a name, a function or a module"),
        ((lambda z: torch.softmax(z, 0),), {}, "is not element-wise: a value depends on the other elements"),
        ((lambda z: z.flip(0),), {}, "is not element-wise: a value depends"),
        ((F.glu,), {}, r"glu is not element-wise: it turned shape \(64,\) into \(32,\)"),
        ((F.dropout,), {}, "answers differently when called twice"),
        ((torch.log,), {}, "gives nan at -"),
        ((lambda z: torch.exp(torch.exp(z * z)),), {}, "gives inf at"),
        ((torch.zeros_like,), {}, "has the second moment 0.0"),
        ((torch.round,), {"direction": "backward"}, "the derivative of round has the second moment 0.0"),
        ((lambda z: float(z.sum()),), {}, "returned float, not a tensor"),
        ((lambda z: z > 0,), {}, r"returned torch\.bool, not a real floating tensor"),
        ((math.tanh,), {}, "tanh failed on a float64 tensor of shape"),
        ((nn.PReLU(8),), {}, "failed on a float64 tensor"),
    ],
)
def test_what_has_no_gain_is_refused(arguments: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        gain(*arguments, **options)


def test_wrong_types_are_type_errors_too() -> None:
    with pytest.raises(ArgumentTypeError, match="not a name"):
        gain(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not a name"):
        gain(None)  # type: ignore[arg-type]


def test_functions_with_a_memory_are_refused_and_modules_stay_as_they_were() -> None:
    calls = iter(range(100))
    with pytest.raises(ArgumentError, match="answers differently when called twice"):
        gain(lambda z: z + next(calls))
    norm = nn.BatchNorm1d(1)
    with pytest.raises(ArgumentError, match=r"failed on|element-wise|differently"):
        gain(norm)
    assert norm.num_batches_tracked == 0
    prelu = nn.PReLU()
    gain(prelu, direction="backward")
    assert prelu.weight.dtype == torch.float32
    assert prelu.weight.grad is None


def test_gains_do_not_depend_on_torchs_state_and_leave_it_alone() -> None:
    expected = gain(lambda z: z * torch.sigmoid(z), direction="backward")
    before = torch.get_rng_state()
    with torch.device("meta"), torch.inference_mode():
        assert gain(lambda z: z * torch.sigmoid(z), direction="backward") == expected
    with torch.no_grad():
        assert gain(lambda z: z * torch.sigmoid(z), direction="backward") == expected
    with pytest.raises(ArgumentError, match="differently"):
        gain(nn.Dropout(0.5))
    assert torch.equal(before, torch.get_rng_state())
