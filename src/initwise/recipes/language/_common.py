"""What the recipes of language models share: which parameters are drawn, and where all the others start."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from initwise.fans import fans
from initwise.initializers import Constant, Initializer, Ones, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._by_type import is_bias, plain
from initwise.recipes._rates import rate
from initwise.recipes._recipe import Decision
from initwise.recipes._residual import block_of, path

Decide = Callable[[Parameter], Decision]

DRAWN = ("weight", "recurrent", "embedding", "position", "token", "table")
STD = 0.02  # where a model's configuration says nothing, as in transformers
SUPPORTING_LAWS = (
    ("biases", "0"),
    ("norms", "weight 1 (0 where the module adds 1 to it), bias 0"),
    ("scales", "where they do nothing: 1, or 0 where the module adds what they scale"),
)
_HEADS = frozenset("lm_head embed_out output head ff_out output_layer output_projection".split())


def subject(parameter: Parameter) -> str:
    """Return what a reason is about, such as "Linear weight"."""
    return f"{parameter.kind} {parameter.attribute}"


def is_drawn(parameter: Parameter) -> bool:
    """Return whether a parameter has random values: matrices, kernels and what enters the signal as itself."""
    return parameter.role in DRAWN and not is_raw_bias(parameter)


def is_raw_bias(parameter: Parameter) -> bool:
    """Return whether a parameter is a bias that is looked up by expert, or a score beside those of attention (sinks).

    A forward pass shows them as what is looked up, or joined to the signal.
    """
    named = parameter.attribute == "sinks" or parameter.attribute.endswith("bias")
    return is_bias(parameter) or (named and parameter.role in ("embedding", "token"))


def supporting(parameter: Parameter) -> Decision:
    """Decide about norms, biases, scales and the rates of state-space mixers; None for what is drawn."""
    if is_raw_bias(parameter):
        return _neutral(parameter, 0.0, "zero")
    if parameter.role == "scale":
        return _neutral(parameter, 1.0, "one")
    if parameter.role == "rate":
        return rate(parameter)
    return None if parameter.role in DRAWN else plain(parameter)


def _neutral(parameter: Parameter, default: float, words: str) -> Decision:
    known = parameter.usage.neutral if parameter.usage is not None else None
    value = default if known is None else known
    said = words if value == default else f"{value:g}"
    return constant(value), f"{subject(parameter)}: {said}" + (", where it does nothing" if known is not None else "")


def constant(value: float) -> Initializer:
    """Return the initializer for one value, `Zeros` and `Ones` by their names."""
    return Ones() if value == 1.0 else Zeros() if value == 0.0 else Constant(value)


def is_output(parameter: Parameter) -> bool:
    """Return whether a parameter makes the model's output, tied or not: as traced, else by the name of a layer."""
    if parameter.usage is not None and parameter.usage.source == "trace":
        return parameter.usage.output
    places = (owner.module_name.split(".") for owner in parameter.owners)
    return any(names[-1] in _HEADS and block_of(names) is None for names in places)


def fan_in(parameter: Parameter) -> float | None:
    """Return the terms that one output of a weight sums; None where its axes are not known."""
    return None if parameter.axes is None else fans(parameter.shape, parameter.axes).fan_in


def setting(reading: Reading, parameter: Parameter, name: str) -> Any:
    """Return a number from the configuration of the innermost module around a parameter that has it; None without."""
    names = parameter.module_name.split(".") if parameter.module_name else []
    for count in range(len(names), -1, -1):
        module = reading.modules.get(".".join(names[:count]))
        value = getattr(getattr(module, "config", None), name, None)
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            return value
    return None


def width(reading: Reading) -> int | None:
    """Return the size of the residual stream: that of the largest embedding's rows; None without embeddings."""
    embeddings = [
        parameter for parameter in reading.parameters if parameter.role == "embedding" and parameter.ndim == 2
    ]
    return max(embeddings, key=lambda parameter: parameter.numel()).shape[-1] if embeddings else None


def layer_of(parameter: Parameter) -> str:
    """Return the last name of the layer that a parameter belongs to, or that of a raw weight itself."""
    return path(parameter)[-1]
