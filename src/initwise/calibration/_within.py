"""`within_channel`: channels of unit variance, then scales between layers with which all of them train at one rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from initwise._arguments import Arguments
from initwise.calibration._rows import given, times, values_of
from initwise.calibration._session import Session, session, settled
from initwise.calibration._sums import Sums, over_processes, sums
from initwise.calibration._together import together
from initwise.calibration._weight_norm import normalize_channels
from initwise.planning import Plan, Row
from initwise.signals._pass import run


def within_channel(
    model: nn.Module,
    batches: Any,
    plan: Plan,
    *,
    loss: Callable[[Any], Any] | None = None,
    iterations: int = 10,
    damping: float = 0.5,
    centre: float = 0.0,
    limit: int = 4,
) -> Plan:
    """Give each channel unit variance, then scale layers against each other until all train at one rate.

    First each layer's channels get variance 1 and the mean `centre`, as by `weight_norm_init`. Then, with the ratio
    C_k = sqrt(mean g^2 / mean w^2) of layer k and its geometric mean C over layers, each weight is multiplied by
    (C_k / C)^(damping / 2), `iterations` times, and each bias by what has gathered up to its layer: the product of all
    factors is 1, so that a network of layers in a row with ReLU between them computes what it did. Kraehenbuehl,
    Doersch, Donahue, Darrell, Data-dependent initializations of convolutional neural networks, 2015 (arXiv:1511.06856),
    who undo each factor in the layer above; here the factors cancel, which settles at a rate that depth does not slow.

    Args:
        model: any `nn.Module` with memory; afterwards it holds the new plan, and all else is what it was.
        batches, limit: as for `lsuv`.
        plan: what the weights are drawn from.
        loss: takes the model's output and returns a scalar; without it, gradients are those of a fixed random
            projection of the outputs, as in the paper (or of the model's own loss, where its output has one).
        iterations: how often the layers are scaled against each other; 0 leaves channels of unit variance.
        damping: which part of a difference one iteration takes away, above 0 and at most 1.
        centre: the mean that biases give each channel.

    Returns:
        The plan with factors for channels and layers (`Scaled`), and biases as numbers (`Given`).

    Raises:
        ArgumentError: a channel has std 0 or a layer no gradient (it is named), batches that are none or do not fit.
        ApplyError: the plan is for another model.

    >>> import torch, initwise as iw
    >>> model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    >>> data = torch.randn(256, 64, generator=torch.Generator().manual_seed(0))
    >>> iw.within_channel(model, data, iw.plan(model, "kaiming"))["2.weight"].initializer
    Scaled(Scaled(KaimingNormal(), (...), axis=0), ...)
    """
    asked = {"iterations": iterations, "damping": damping, "centre": centre}
    with together("within_channel") as peers:
        _check(iterations, damping, centre, limit)
        with session(peers, model, batches, plan, limit=limit, asked=asked) as found:
            order = normalize_channels(found, float(centre))
            if iterations and order:
                _between(found, order, loss, iterations, float(damping))
    return settled(model, found)


def _between(
    found: Session, order: list[str], loss: Callable[[Any], Any] | None, iterations: int, damping: float
) -> None:
    bases = {name: found.row(name) for name in order}
    biases = {name: bias for name in order if (bias := found.bias(name)) is not None}
    numbers = {name: values_of(bias) for name, bias in biases.items()}
    logs = dict.fromkeys(order, 0.0)
    for _ in range(iterations):
        ratios = {name: math.log(ratio) for name, ratio in _ratios(found, order, loss).items()}
        mean = math.fsum(ratios.values()) / len(ratios)
        logs = {name: logs[name] + damping / 2 * (ratios[name] - mean) for name in order}
        total = 0.0
        for name in order:
            total += logs[name]
            found.write(_scaled(bases[name], math.exp(logs[name])))
            if name in biases:
                values = [each * math.exp(total) for each in numbers[name]]
                row = found.row(biases[name].name)
                found.write(given(row, values, f"the means of the channels, with their layers, by {found.operation}"))


def _scaled(row: Row, factor: float) -> Row:
    return times(row, factor, f"× {factor:.6g}, so that all layers have one ratio of gradient to weight")


def _ratios(found: Session, order: list[str], loss: Callable[[Any], Any] | None) -> dict[str, float]:
    """Return sqrt(mean g^2 / mean w^2) of each weight, over all batches and processes."""
    gathered: dict[str, Sums] = {}
    for example in found.batches.examples:
        with torch.enable_grad():
            gradients = run(found.model, found.reading, example, loss, record=False).gradients
        for name, each in _squares(found, order, gradients).items():
            gathered[name] = gathered[name] + each if name in gathered else each
    everywhere = over_processes(found.peers, "the ratios of gradients to weights", gathered)
    return {name: _ratio(found, name, each) for name, each in everywhere.items()}


def _squares(found: Session, order: list[str], gradients: Mapping[str, Tensor | None]) -> dict[str, Sums]:
    squares = {}
    for name in order:
        gradient = gradients.get(name)
        if gradient is None:
            raise found.refuse(
                f"no gradient arrives at {name!r}: the loss does not depend on it, or it is frozen; leave it out of "
                "the plan, iw.plan(..., only=...), or give another loss"
            )
        squares[name] = sums(gradient.flatten(), -1).whole
    return squares


def _ratio(found: Session, name: str, gradient: Sums) -> float:
    weights = sums(found.reading[name].values().flatten(), -1).whole
    ratio = math.sqrt(float(gradient.square / gradient.count) / float(weights.square / weights.count))
    if not (math.isfinite(ratio) and ratio > 0):
        raise found.refuse(f"the ratio of gradient to weight of {name!r} is {ratio}; look at it with iw.measure")
    return ratio


def _check(iterations: Any, damping: Any, centre: Any, limit: Any) -> None:
    check = Arguments("within_channel")
    check.integer("iterations", iterations, least=0)
    if not 0 < check.number("damping", damping) <= 1:
        check.refuse(f"damping is {damping}, and must be above 0 and at most 1")
    check.number("centre", centre)
    check.integer("limit", limit, least=1)
    check.done()
