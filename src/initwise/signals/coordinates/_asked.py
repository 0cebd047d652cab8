"""What a coordinate check was asked for, with every argument looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from initwise._arguments import Arguments, show
from initwise.selectors import Selector, as_selector
from initwise.signals.coordinates._row import Along, Statistic

Build = Callable[[], nn.Module]
STATISTICS: dict[str, tuple[Statistic, ...]] = {
    "both": ("second_moment", "update"),
    "second_moment": ("second_moment",),
    "update": ("update",),
}
_OPTIMIZERS = ("adam", "sgd")


@dataclass(frozen=True)
class Asked:
    """The arguments of `coordinate_check`, checked."""

    models: Mapping[int, Build]
    inputs: Any
    loss: Callable[[Any], Any] | None
    steps: int
    seeds: int
    optimizer: Any
    learning_rate: float
    plan: Any
    apply_factors: bool
    along: Along
    statistics: tuple[Statistic, ...]
    only: Selector | None
    confidence: float
    tolerance: float


def asked(models: Any, inputs: Any, loss: Any, **options: Any) -> Asked:
    """Return the arguments in their stored form.

    Raises:
        ArgumentError: all that is wrong with them.
    """
    check = Arguments("coordinate_check")
    along = check.choice("along", options["along"], ("width", "depth"))
    sizes = _models(check, models, along)
    steps = check.integer("steps", options["steps"], least=1)
    seeds = check.integer("seeds", options["seeds"], least=2)
    rate = _positive(check, "learning_rate", options["learning_rate"])
    tolerance = _positive(check, "tolerance", options["tolerance"])
    confidence = _positive(check, "confidence", options["confidence"])
    if confidence >= 1:
        check.refuse(f"confidence is {confidence:g}, and must lie between 0 and 1")
    statistic = check.choice("statistic", options["statistic"], STATISTICS)
    if not callable(options["optimizer"]):
        check.choice("optimizer", options["optimizer"], _OPTIMIZERS)
    if loss is not None and not callable(loss):
        check.refuse(f"loss is {show(loss)}; give a function of the model's output", wrong_type=True)
    factors = check.flag("apply_factors", options["apply_factors"])
    only = options["only"]
    check.done()
    return Asked(
        sizes,
        inputs,
        loss,
        steps,
        seeds,
        options["optimizer"],
        rate,
        options["plan"],
        factors,
        "depth" if along == "depth" else "width",
        STATISTICS[statistic],
        None if only is None else as_selector(only),
        confidence,
        tolerance,
    )


def _models(check: Arguments, models: Any, along: str) -> dict[int, Build]:
    wanted = f"give {{{along}: function that builds the model}}"
    if not isinstance(models, Mapping):
        check.refuse(f"models is {show(models)} of type {type(models).__name__}; {wanted}", wrong_type=True)
        return {}
    sizes = [size for size in models if isinstance(size, int) and not isinstance(size, bool) and size > 0]
    wrong = [size for size in models if size not in sizes or isinstance(size, bool)]
    if wrong:
        check.refuse(f"models has the {along} {show(wrong[0])}, which is no integer above 0")
    elif len(sizes) < 2:
        check.refuse(
            f"models has {len(sizes)} {along}{'' if len(sizes) == 1 else 's'}, and a slope needs at least 2; {wanted}"
        )
    for size in sizes:
        if isinstance(models[size], nn.Module) or not callable(models[size]):
            found = f"models[{size}] is {type(models[size]).__name__}"
            check.refuse(f"{found}, not a function without arguments that builds a new model", wrong_type=True)
    return {size: models[size] for size in sorted(sizes)}


def _positive(check: Arguments, name: str, value: Any) -> float:
    number = check.number(name, value)
    if number <= 0:
        check.refuse(f"{name} is {number:g}, and must be above 0")
    return number
