"""The factors of a plan that belong to the forward pass, applied while a check runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from initwise.model import canonical_name, is_parallel
from initwise.planning import Plan
from initwise.recipes import Multiplier


@dataclass
class Factors:
    """The forward factors of one plan.

    Attributes:
        attention: of logits, by the name of the module within which they are made.
        used: (target, kind) of those that took part.
        asked: all of them.
    """

    attention: dict[str, float] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)
    asked: list[Multiplier] = field(default_factory=list)

    def of_logits(self, module: str) -> float:
        """Return the factor of attention logits that are made while a module runs."""
        found = 1.0
        for target, value in self.attention.items():
            if target in ("", module) or module.startswith(f"{target}."):
                self.used.add((target, "attention"))
                found *= value
        return found

    def left_out(self) -> list[Multiplier]:
        """Return the factors that no forward pass applied."""
        return [each for each in self.asked if (each.target, each.kind) not in self.used]


@contextmanager
def multiplied(model: nn.Module, plan: Plan | None) -> Iterator[Factors]:
    """Apply output and branch factors by hooks, which are removed afterwards; attention factors are for the mode.

    The factor of an output is put on the input of its layer, which multiplies the product and leaves the bias alone.
    """
    factors = Factors()
    parallel = is_parallel(model)
    modules = {canonical_name(path, parallel=parallel): module for path, module in model.named_modules()}
    handles: list[Any] = []
    for each in plan.multipliers if plan is not None else ():
        if each.kind in ("learning_rate", "weight_decay", "epsilon"):
            continue
        factors.asked.append(each)
        if each.kind == "attention":
            factors.attention[each.target] = each.value
        elif each.target in modules and each.kind in ("output", "branch"):
            handles.append(_hook(modules[each.target], each, factors))
    try:
        yield factors
    finally:
        for handle in handles:
            handle.remove()


def _hook(module: nn.Module, multiplier: Multiplier, factors: Factors) -> Any:
    def given(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        factors.used.add((multiplier.target, multiplier.kind))
        if args:
            return (args[0] * multiplier.value, *args[1:]), kwargs
        name = next(iter(kwargs))
        return args, {**kwargs, name: kwargs[name] * multiplier.value}

    def made(_: nn.Module, __: Any, output: Any) -> Any:
        factors.used.add((multiplier.target, multiplier.kind))
        if isinstance(output, Tensor):
            return output * multiplier.value
        return (output[0] * multiplier.value, *output[1:])

    if multiplier.kind == "output":
        return module.register_forward_pre_hook(given, with_kwargs=True)
    return module.register_forward_hook(made)
