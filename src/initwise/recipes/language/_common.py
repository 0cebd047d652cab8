"""What the recipes of language models share: which parameters are drawn, and where all the others start."""

from __future__ import annotations

from collections.abc import Callable

from initwise.initializers import Constant, Initializer, Ones, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._by_type import plain
from initwise.recipes._recipe import Decision

Decide = Callable[[Parameter], Decision]

DRAWN = ("weight", "recurrent", "embedding", "position", "token", "table")
SUPPORTING_LAWS = (
    ("biases", "0"),
    ("norms", "weight 1 (0 where the module adds 1 to it), bias 0"),
    ("scales", "where they do nothing: 1, or 0 where the module adds what they scale"),
)


def subject(parameter: Parameter) -> str:
    """Return what a reason is about, such as "Linear weight"."""
    return f"{parameter.kind} {parameter.attribute}"


def supporting(parameter: Parameter) -> Decision:
    """Decide about norms, biases and scales; None for what is drawn, and for rates, which no language recipe knows."""
    if parameter.role == "bias":
        return _neutral_bias(parameter)
    if parameter.role != "scale":
        return None if parameter.role in DRAWN else plain(parameter)
    neutral = parameter.usage.neutral if parameter.usage is not None else None
    value = 1.0 if neutral is None else neutral
    return constant(value), f"{subject(parameter)}: {value:g}, where it does nothing"


def _neutral_bias(parameter: Parameter) -> Decision:
    neutral = (parameter.usage.neutral if parameter.usage is not None else None) or 0.0
    words = "zero" if neutral == 0.0 else f"{neutral:g}, where it does nothing"
    return constant(neutral), f"{subject(parameter)}: {words}"


def constant(value: float) -> Initializer:
    """Return the initializer for one value, `Zeros` and `Ones` by their names."""
    return Ones() if value == 1.0 else Zeros() if value == 0.0 else Constant(value)


def by(decide: Decide) -> Callable[[Reading], Decide]:
    """Return a recipe's decision that is the same for every model."""
    return lambda reading: decide
