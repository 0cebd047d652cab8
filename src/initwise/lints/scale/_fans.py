"""Weights whose scale is far from what their fans ask for, where nothing makes up for it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from initwise.fans import fans, torch_fans
from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.model import Parameter, Usage
from initwise.model.graph import Operation
from initwise.model.graph._vocabulary import PRODUCTS

_LARGE, _SMALL = 5.0, 0.04  # std * sqrt(fan_in); stock models lie between 0.06 and 4 where no norm follows
_GAINS = (1.0, math.sqrt(2.0))  # std * sqrt(fan_out) of schemes that keep the gradient's size instead
_LARGE_UNSEEN = 6.0
_FEWEST = 256
_NARROW = 16  # a layer that reads coordinates makes up for nothing and hides nothing


def far_off(subject: Subject) -> Iterator[Finding]:
    """STA206: std * sqrt(fan_in) is far from one in a layer that carries the signal, and no norm follows."""
    for parameter in subject.weights:
        usage = parameter.usage
        unseen = subject.reading.roles is None  # nothing is known of what follows
        if usage is None or usage.axes is None or usage.norm_follows or not (usage.calls or unseen):
            continue
        sample = subject.sample(parameter)
        if not sample.finite or sample.constant or sample.count < _FEWEST or _is_cut_along_inputs(parameter):
            continue
        counted = fans(parameter.shape, usage.axes)
        size, backward = (sample.std * math.sqrt(each) for each in (counted.fan_in, counted.fan_out))
        near = max(0.05, 4 * sample.error)
        large = size > (_LARGE_UNSEEN if unseen else _LARGE) and not any(
            math.isclose(backward, gain, rel_tol=near) for gain in _GAINS
        )
        small = size < _SMALL and counted.fan_in >= _NARROW and _carries(usage)
        if (large or small) and not is_scaled(subject, parameter):
            yield _finding(parameter, sample.std, counted.fan_in, size)


def _is_cut_along_inputs(parameter: Parameter) -> bool:
    """Tell whether blocks have inputs of their own, so that the fan_in of the whole is that of none."""
    axes, blocks = parameter.axes, parameter.blocks
    return axes is not None and blocks is not None and blocks.axis in axes.normalized(parameter.shape).fan_in


def _carries(usage: Usage) -> bool:
    """Tell whether the layer hands the signal on: neither the output nor the end of a residual branch."""
    return bool(usage.activation) and not usage.output and usage.residual is None


def tied_head(subject: Subject) -> Iterator[Finding]:
    """STA206: an embedding that is also the output layer is so large that the logits are."""
    roles = subject.reading.roles
    for parameter in subject.parameters:
        if roles is None or parameter.role != "embedding" or not parameter.requires_grad or parameter.ndim != 2:
            continue
        heads = [use for use in roles.uses.get(parameter.name, ()) if use.role == "weight"]
        sample = subject.sample(parameter)
        size = sample.std * math.sqrt(parameter.shape[1])
        if heads and size > _LARGE and not is_scaled(subject, parameter):
            yield found(
                "STA206",
                parameter.name,
                f"the table is the output layer too, and makes logits {size:.3g} times as large as its input",
                f"std {sample.std:.3g}",
                f"about {1 / math.sqrt(parameter.shape[1]):.2g}, one over the root of {parameter.shape[1]} columns",
                "draw the tied table as an output layer: iw.Normal(std=0.02), or 1 / sqrt(columns)",
            )


def is_scaled(subject: Subject, parameter: Parameter) -> bool:
    """Tell whether a number in the forward pass multiplies the weight, its input or its output.

    Weights of the neural tangent parametrization and of equalized learning rates are standard normal and scaled there,
    as T5's tied head is; what the scale comes to is not for the weight's std alone to say.
    """
    roles, graph = subject.reading.roles, subject.graph
    if roles is None or graph is None or parameter.name not in graph.parameters:
        return False
    around = list(graph.users(graph.parameters[parameter.name]))
    for use in roles.uses.get(parameter.name, ()):
        if use.role in {"weight", "recurrent"} and use.signal is not None:
            before = roles.flow.maker(use.signal)
            around += [] if before is None else [before]
            around += [operation for operation, _ in roles.flow.users(use.output)]
    return any(_by_number(operation) for operation in around)


def _by_number(operation: Operation) -> bool:
    return operation.name in PRODUCTS and any(isinstance(each, int | float) for each in operation.args)


def _finding(parameter: Parameter, std: float, fan_in: float, size: float) -> Finding:
    suspicion = _suspicion(parameter, std, fan_in)
    return found(
        "STA206",
        parameter.name,
        f"the signal becomes {size:.3g} times as large in this {parameter.operation}{suspicion}",
        f"std {std:.4g}, fan_in {fan_in:g}",
        f"a std near {1 / math.sqrt(fan_in):.3g} to {math.sqrt(2 / fan_in):.3g}",
    )


def _suspicion(parameter: Parameter, std: float, fan_in: float) -> str:
    """Name the wrong fan that would explain the std, where torch's convention has another one than the operation."""
    try:
        other = torch_fans(parameter.shape)
    except ValueError:
        return ""
    for count, word in ((other.fan_in, "fan_in"), (other.fan_out, "fan_out")):
        if count != fan_in and 0.5 < std * math.sqrt(count) < 1.6:
            return f"; the std fits the {word} {count} that torch.nn.init counts on this shape"
    return ""
