"""`siren`: networks whose activation is sin(omega x), from coordinates to a signal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

from torch import nn

from initwise._arguments import Arguments
from initwise.fans import fans
from initwise.initializers import Uniform, VarianceScaling, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._by_type import plain
from initwise.recipes._recipe import Decision, Recipe

OMEGA = 30.0
OTHER_ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.ELU, nn.SELU, nn.Softplus)


def siren(omega: float = OMEGA) -> Recipe:
    """Return the recipe `siren` for networks that compute sin(omega (W x + b)) in every layer.

    First layer U(±1 / fan_in); every other weight U(±sqrt(6 / fan_in) / omega), the output's too; biases
    U(±1 / sqrt(fan_in)), as the reference leaves them. The first layer is what the traced forward pass shows to read
    the input, else the first weight in the order of registration. Without biases the standard deviation of omega W x
    tends to 0.8926 from layer to layer, the fixed point of q -> 1 - exp(-2 q).

    Sitzmann, Martel, Bergman, Lindell, Wetzstein, Implicit Neural Representations with Periodic Activation Functions,
    2020 (arXiv:2006.09661).

    Args:
        omega: the factor in front of the hidden layers' pre-activations.

    Raises:
        ArgumentError: `omega` is not above zero.

    >>> siren(omega=10).name
    'siren'
    """
    check = Arguments("siren")
    factor = check.number("omega", omega)
    if factor <= 0:
        check.refuse(f"omega is {factor}, and must be positive")
    check.done()
    return Recipe(
        name="siren",
        summary=f"sine networks: first layer U(±1/fan_in), the others U(±sqrt(6/fan_in)/{factor:g})",
        source="Sitzmann et al. 2020, Implicit Neural Representations with Periodic Activation Functions "
        "(arXiv:2006.09661), and its released code",
        laws=(
            ("first layer", "U(±1 / fan_in)"),
            ("other weights", f"U(±sqrt(6 / fan_in) / omega), omega {factor:g}; siren(omega=...) takes another"),
            ("biases", "U(±1 / sqrt(fan_in)) of the layer"),
            ("embeddings, norms", "N(0, 1); weight 1, bias 0"),
        ),
        decide=partial(_decide, omega=factor),
        warnings=partial(_warnings, omega=factor),
        needs_trace=True,
    )


def _decide(reading: Reading, omega: float) -> Callable[[Parameter], Decision]:
    first = _first(reading)
    weights = _weights_by_module(reading)

    def decide(parameter: Parameter) -> Decision:
        subject = f"{parameter.kind} {parameter.attribute}"
        if parameter.role == "bias":
            return _bias(weights.get(id(parameter.module), []), subject)
        if parameter.role != "weight" or parameter.axes is None:
            return plain(parameter)
        fan = fans(parameter.shape, parameter.axes).fan_in
        if parameter.name in first:
            return Uniform(-1 / fan, 1 / fan), f"{subject}, first layer: U(±1/fan_in {fan})"
        why = f"{subject}: U(±sqrt(6/fan_in {fan})/{omega:g})"
        return VarianceScaling(2 / omega**2, "fan_in", "uniform"), why

    return decide


def _first(reading: Reading) -> set[str]:
    """Return the weights that read the network's input: as traced, else the first one registered."""
    return _read_the_input(reading) or {each.name for each in _weights(reading)[:1]}


def _read_the_input(reading: Reading) -> set[str]:
    return {each.name for each in _weights(reading) if each.usage is not None and each.usage.follows == "input"}


def _weights(reading: Reading) -> list[Parameter]:
    return [each for each in reading.parameters if each.role == "weight"]


def _weights_by_module(reading: Reading) -> dict[int, list[Parameter]]:
    found: dict[int, list[Parameter]] = {}
    for parameter in reading.parameters:
        if parameter.role == "weight" and parameter.axes is not None:
            found.setdefault(id(parameter.module), []).append(parameter)
    return found


def _bias(weights: list[Parameter], subject: str) -> Decision:
    if len(weights) != 1 or weights[0].axes is None:
        return Zeros(), f"{subject}: zero"
    fan = fans(weights[0].shape, weights[0].axes).fan_in
    bound = 1 / math.sqrt(fan)
    return Uniform(-bound, bound), f"{subject}: U(±1/sqrt(fan_in {fan}))"


def _warnings(reading: Reading, omega: float) -> tuple[str, ...]:
    return tuple(_notes(reading, omega))


def _notes(reading: Reading, omega: float) -> Iterator[str]:
    others = sorted({type(each).__name__ for each in reading.modules.values() if isinstance(each, OTHER_ACTIVATIONS)})
    if others:
        yield (
            f"siren: the model has {', '.join(others)}; these bounds hold where every hidden layer computes "
            f"sin({omega:g} (W x + b))"
        )
    weights = _weights(reading)
    if len(weights) > 1 and not _read_the_input(reading):
        yield (
            f"siren: {weights[0].name!r} is taken for the first layer because it was registered first; "
            "give inputs=, so that a forward pass shows which layer reads the input"
        )
