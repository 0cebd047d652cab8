"""`mup`: initial weights, learning rates and multipliers that let hyperparameters be tuned on a narrow model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from initwise._arguments import Arguments, show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.initializers import Initializer, LecunNormal, PerBlock, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._by_type import plain
from initwise.recipes._recipe import Decision, Multiplier, Recipe
from initwise.recipes._registry import find
from initwise.recipes.parametrization._attention import attention_multipliers, attention_warnings
from initwise.recipes.parametrization._base import Base, BaseModel, base_for, checked_base
from initwise.recipes.parametrization._described import LAWS, SOURCE, SUMMARY
from initwise.recipes.parametrization._multipliers import Optimizer, Readout, factors, notes
from initwise.recipes.parametrization._rescaled import at_width
from initwise.recipes.parametrization._widths import Width, widths

QUERIES = frozenset("q q_proj query query_proj q_lin wq Wq to_q q_proj_weight q_a_proj".split())


def mup(
    base: BaseModel,
    delta: BaseModel | None = None,
    *,
    rules: str | Recipe | Initializer | None = None,
    optimizer: Optimizer = "adam",
    readout: Literal["multiplier", "weights"] = "multiplier",
    zero_readout: bool = False,
    zero_query: bool = False,
) -> Recipe:
    """Return the recipe `mup`: the maximal update parametrization of a model against a narrower `base`.

    A weight is hidden, input-like or output-like by which of its fans differ from the base's; with m how many times
    the base's its fan_in is, hidden weights get the base's std / sqrt(m) and Adam's learning rate / m, output weights
    keep the base's std and their product is divided by m in the forward pass. At the base's own width all of it is the
    base rules. What weights cannot hold is in `plan.multipliers`, and `plan.notes` says what the forward pass needs.

    Yang et al. 2022, Tensor Programs V (arXiv:2203.03466), Tables 3 and 8.

    Args:
        base: the same architecture at the width where hyperparameters were tuned: a model (the meta device is enough),
            what `initwise.model.read` returned for it, or a mapping from parameter names to shapes.
        delta: a third width, in the same forms: then the widths are the axes in which it differs from the base.
        rules: what the base draws: a recipe or its name, or an initializer for all weights and embeddings;
            `LecunNormal()`, std 1 / sqrt(fan_in), by default.
        optimizer: "adam" (Adam, AdamW and their kin) or "sgd", whose learning rates scale in other ways.
        readout: "multiplier" keeps the std of output weights and asks for a multiplier (Table 8); "weights" puts the
            factor into their std and learning rate (Table 3) and needs no change of the forward pass.
        zero_readout: output weights start at zero, as the paper recommends.
        zero_query: query projections start at zero, as the paper recommends.

    Raises:
        ArgumentError: an argument of a wrong type or value; and, when planning, a base with other names or numbers of
            axes, or an axis that differs and is no width.

    >>> import initwise as iw
    >>> from torch import nn
    >>> build = lambda width: nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width))
    >>> plan = iw.plan(build(256), iw.recipes.mup(build(64)))
    >>> [(each.target, each.kind, each.value) for each in plan.multipliers]
    [('2.weight', 'learning_rate', 0.25), ('2.weight', 'weight_decay', 4.0)]
    """
    check = Arguments("mup")
    check.choice("optimizer", optimizer, ("adam", "sgd"))
    check.choice("readout", readout, ("multiplier", "weights"))
    check.flag("zero_readout", zero_readout)
    check.flag("zero_query", zero_query)
    check.done()
    made = _Mup(
        checked_base("base", base),
        None if delta is None else checked_base("delta", delta),
        _rules(rules, base),
        optimizer,
        readout,
        zero_readout,
        zero_query,
    )
    return Recipe("mup", SUMMARY, SOURCE, LAWS, made.decide, made.multipliers, made.warnings, made.rules.needs_trace)


@dataclass(frozen=True)
class _Mup:
    base: BaseModel
    delta: BaseModel | None
    rules: Recipe
    optimizer: Optimizer
    readout: Readout
    zero_readout: bool
    zero_query: bool

    def decide(self, reading: Reading) -> Callable[[Parameter], Decision]:
        base, found = self._compared(reading)
        self._refuse_tied(found)
        if self.zero_query and not any(_packs_query(width) or _is_query(width) for width in found.values()):
            raise ArgumentError(
                f"zero_query: no query projection is found (a weight named {', '.join(sorted(QUERIES))}, or a packed "
                "one whose blocks are known); set it by a rule of your own"
            )
        said = self.rules.decide(base.reading)
        return lambda parameter: self._decision(found[parameter.name], said(found[parameter.name].base))

    def multipliers(self, reading: Reading) -> tuple[Multiplier, ...]:
        base, found = self._compared(reading)
        return (
            *self.rules.multipliers(reading),
            *factors(found.values(), self.optimizer, self.readout),
            *attention_multipliers(reading, base.modules),
        )

    def warnings(self, reading: Reading) -> tuple[str, ...]:
        base, found = self._compared(reading)
        told = notes(list(found.values()), self.readout, with_delta=self.delta is not None)
        wide = any(width.kind != "fixed" for width in found.values())
        attention = attention_warnings(reading, base.modules) if wide else ()
        return (*self.rules.warnings(reading), *told, *attention)

    def _compared(self, reading: Reading) -> tuple[Base, Mapping[str, Width]]:
        base = base_for("base", self.base, reading)
        delta = None if self.delta is None else base_for("delta", self.delta, reading)
        return base, widths(reading, base, delta)

    def _decision(self, width: Width, said: Decision) -> Decision:
        if said is None:
            return None
        initializer, why = said
        if self.zero_readout and width.kind == "output":
            return Zeros(), f"{width.parameter.kind} {width.parameter.attribute}, readout: zero (zero_readout)"
        if self.zero_query and _is_query(width):
            return Zeros(), f"{width.parameter.kind} {width.parameter.attribute}, query: zero (zero_query)"
        factor, words = self._std(width)
        scaled = at_width(initializer, width.parameter, width.base, factor)
        if self.zero_query and _packs_query(width):
            return PerBlock(q=Zeros(), rest=_without_query(scaled)), f"{why}; {words}; query zero (zero_query)"
        return scaled, f"{why}; {words}"

    def _std(self, width: Width) -> tuple[float, str]:
        """Return the factor between the base's std and this parameter's, and in words."""
        m = width.fan_in
        if width.kind == "hidden" and m != 1:
            return 1 / math.sqrt(m), f"muP hidden, {m:g} times the base's fan_in: its std / sqrt({m:g})"
        if width.kind == "output" and self.readout == "weights" and m != 1:
            return 1 / m, f"muP output, {m:g} times the base's fan_in: its std / {m:g}"
        return 1.0, f"muP {width.kind}: as the base's"

    def _refuse_tied(self, found: Mapping[str, Width]) -> None:
        tied = [name for name, width in found.items() if width.is_tied and width.kind != "fixed"]
        wrong = [
            option
            for option, given in (("readout='weights'", self.readout == "weights"), ("zero_readout", self.zero_readout))
            if given
        ]
        if tied and wrong:
            raise ArgumentError(
                f"{tied[0]!r} is an embedding and a readout at once, and {wrong[0]} would scale both; use "
                "readout='multiplier' without zero_readout, or untie them"
            )


def _rules(rules: object, base: BaseModel) -> Recipe:
    if rules is None or isinstance(rules, Initializer):
        return _one_law(LecunNormal() if rules is None else rules)
    recipe = find(rules) if isinstance(rules, str) else rules
    if not isinstance(recipe, Recipe):
        raise ArgumentTypeError(f"mup: rules is {show(rules)}; give a recipe, its name, or an initializer for weights")
    if recipe.name == "mup":
        raise ArgumentError("mup: rules is mup itself; give what the base model draws, such as 'gpt2'")
    if isinstance(base, Mapping):
        raise ArgumentError(
            f"mup: rules={recipe.name!r} reads layers, and base is a mapping that has none; give base as a model"
        )
    return recipe


def _one_law(initializer: Initializer) -> Recipe:
    return Recipe("weights", "", "", (), partial(_decide_weights, initializer))


def _decide_weights(initializer: Initializer, reading: Reading) -> Callable[[Parameter], Decision]:
    def decide(parameter: Parameter) -> Decision:
        if parameter.role in ("weight", "recurrent", "embedding"):
            return initializer, f"{parameter.kind} {parameter.attribute}"
        return plain(parameter)

    return decide


def _is_query(width: Width) -> bool:
    parameter = width.parameter
    last = parameter.module_name.rpartition(".")[2]
    return parameter.role == "weight" and (parameter.attribute in QUERIES or last in QUERIES)


def _packs_query(width: Width) -> bool:
    parameter = width.parameter
    return parameter.role == "weight" and parameter.blocks is not None and "q" in parameter.blocks.names


def _without_query(initializer: Initializer) -> Initializer:
    """Return what the other blocks get; one initializer, which all of them share."""
    if not isinstance(initializer, PerBlock):
        return initializer
    others = {inner for name, inner in initializer.blocks if name != "q"} | {initializer.rest} - {None}
    if len(others) > 1:
        raise ArgumentError(f"zero_query: {initializer!r} differs between the other blocks; set them by a rule")
    return next(iter(others)) or Zeros()
