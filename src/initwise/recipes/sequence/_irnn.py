"""`irnn`: recurrent layers of rectified units that start as accumulators."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from initwise.initializers import Identity, Normal
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.sequence._gates import gated, is_recurrent

STD = 0.001
WEIGHT = Normal(std=STD)


def _decide(reading: Reading) -> Callable[[Parameter], Decision]:
    others = gated(reading)

    def decide(parameter: Parameter) -> Decision:
        subject = f"{parameter.kind} {parameter.attribute}"
        if is_recurrent(parameter.module) and not _is_plain(parameter.module):
            return others(parameter)
        if parameter.role == "recurrent":
            return Identity(), f"{subject}, recurrent: identity"
        if parameter.role == "weight":
            return WEIGHT, f"{subject}: N(0, {STD}²)"
        return others(parameter)

    return decide


def _is_plain(module: nn.Module) -> bool:
    return isinstance(module, (nn.RNN, nn.RNNCell))


def _warnings(reading: Reading) -> tuple[str, ...]:
    """An identity needs rectified units: tanh shrinks the state it should keep."""
    plain = {name: module for name, module in reading.modules.items() if _is_plain(module)}
    found = [
        f"irnn: {name or 'the model'} has tanh units; build it with nonlinearity='relu'"
        for name, module in plain.items()
        if module.nonlinearity != "relu"
    ]
    return tuple(found) if plain else ("irnn: there is no plain recurrent layer (nn.RNN) here",)


IRNN = Recipe(
    name="irnn",
    summary="rectified recurrent layers that start as accumulators: identity, other weights N(0, 0.001²), zero biases",
    source="Le, Jaitly, Hinton 2015, A simple way to initialize recurrent networks of rectified linear units "
    "(arXiv:1504.00941)",
    laws=(
        ("recurrent weights of RNN", "identity"),
        ("weights", "N(0, 0.001²)"),
        ("biases", "0"),
        ("LSTM and GRU layers", "as `keras-rnn`"),
        ("embeddings", "as `keras-default`: U(±0.05), the padding row zero"),
        ("norms", "weight 1 (0 where the module adds 1 to it), bias 0"),
    ),
    decide=_decide,
    warnings=_warnings,
)
