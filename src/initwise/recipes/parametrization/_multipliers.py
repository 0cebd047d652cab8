"""What goes with the weights under maximal updates: learning rates, weight decay, the readout; and what to be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from initwise.recipes._recipe import Multiplier
from initwise.recipes.parametrization._widths import Width

Optimizer = Literal["adam", "sgd"]
Readout = Literal["multiplier", "weights"]


def factors(found: Iterable[Width], optimizer: Optimizer, readout: Readout) -> Iterator[Multiplier]:
    """Yield the factors of learning rate, weight decay and readout that are not one."""
    for width in found:
        rate = learning_rate(width, optimizer, readout)
        if rate != 1.0:
            name, who = width.parameter.name, f"muP {width.kind}, {optimizer}"
            yield Multiplier(name, "learning_rate", rate, f"{who}: {_formula(width, optimizer, readout)}")
            why = f"{who}: learning rate × weight decay as at the base's width (decoupled decay, as in torch.optim)"
            yield Multiplier(name, "weight_decay", 1 / rate, why)
        if readout == "multiplier" and width.growth != 1.0:
            why = f"muP output: 1 / {width.growth:g}, on the product with the weight, before the bias"
            for target in width.readouts:
                yield Multiplier(target, "output", 1 / width.growth, why)


def learning_rate(width: Width, optimizer: Optimizer, readout: Readout) -> float:
    """Return the factor of the learning rate: Tables 3 and 8 of Tensor Programs V, relative to the base's width."""
    if width.kind == "output" and readout == "weights":
        return 1 / width.fan_in
    if optimizer == "adam":
        return 1 / width.fan_in if width.kind == "hidden" else 1.0
    if width.kind == "hidden":
        return width.fan_out / width.fan_in
    return width.fan_in if width.kind == "output" else width.fan_out if width.kind != "fixed" else 1.0


def _formula(width: Width, optimizer: Optimizer, readout: Readout) -> str:
    if width.kind == "hidden" and optimizer == "sgd":
        return f"× {width.fan_out:g} (fan_out) / {width.fan_in:g} (fan_in)"
    if width.kind == "hidden" or (width.kind == "output" and readout == "weights"):
        return f"/ {width.fan_in:g}, its fan_in against the base's"
    growth = width.fan_in if width.kind == "output" else width.fan_out
    return f"× {growth:g}, its width against the base's"


def notes(found: list[Width], readout: Readout, *, with_delta: bool) -> Iterator[str]:
    """Yield sentences about what an initialization cannot do, and about a base that is probably not the one meant."""
    if all(width.kind == "fixed" for width in found):
        pair = "base and delta differ" if with_delta else "the model differs from base"
        yield f"mup: {pair} in no axis: nothing is wide, and the base's rules hold as they are; give a narrower base"
    narrower = [width.parameter.name for width in found if width.fan_in < 1 or width.fan_out < 1]
    if narrower:
        yield (
            f"mup: base is wider than the model in {_listed(narrower)}; the factors then turn round. If that is not "
            "meant, give the narrow model as base"
        )
    asked = [target for width in found for target in width.readouts if width.growth != 1.0]
    if asked and readout == "multiplier":
        yield (
            f"mup: the forward pass must multiply the product of {_listed(asked)} by the factors in plan.multipliers "
            "(kind 'output'), which an initialization cannot; or use readout='weights'"
        )
    tied = [width.parameter.name for width in found if width.is_tied and width.kind != "fixed"]
    if tied:
        yield (
            f"mup: {_listed(tied)} is an embedding and a readout at once: it keeps the embedding's law and learning "
            "rate, and only the multiplier of the readout makes it one; without that, untie them"
        )


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) if name else "the model's root" for name in names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
