"""Weights whose values are all equal: every unit of the layer computes the same."""

from __future__ import annotations

from collections.abc import Iterator

from initwise.fans import fans
from initwise.findings import Finding, found
from initwise.lints._factors import is_factor
from initwise.lints._subject import Subject
from initwise.model import Parameter


def constant(subject: Subject) -> Iterator[Finding]:
    """SYM302: all values of a weight or of an embedding are one number other than zero."""
    for parameter in subject.parameters:
        if parameter.role not in {"weight", "recurrent", "embedding"} or not parameter.requires_grad:
            continue
        sample = subject.sample(parameter)
        if (
            sample.constant
            and not sample.zero
            and _units(parameter) > 1
            and not is_factor(subject.graph, parameter.name)
        ):
            value = sample.moments.low
            yield found(
                "SYM302",
                parameter.name,
                f"all {parameter.numel():,} values are {value:.6g}: {_consequence(parameter)}",
                "a std of 0",
                "values that differ from unit to unit",
            )


def _units(parameter: Parameter) -> int:
    """Return how many units see the same inputs; 1 where each has inputs of its own, as in depthwise convolutions."""
    if parameter.role == "embedding":
        return parameter.shape[0]
    axes = parameter.axes
    if axes is None:
        return 1
    front = axes.normalized(parameter.shape)
    units = 1
    for axis in front.fan_out:
        units *= parameter.shape[axis]
    return 1 if fans(parameter.shape, axes).fan_in <= 1 else units // front.groups


def _consequence(parameter: Parameter) -> str:
    if parameter.role == "embedding":
        return "all rows are one vector"
    return "all units compute the same"
