"""`rl`: orthogonal layers for actor-critic agents, with a small policy head."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from torch.nn.modules.rnn import RNNBase, RNNCellBase

from initwise.errors import ArgumentError, InitwiseError
from initwise.initializers import Orthogonal, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._by_type import plain
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.special._heads import heads, usual_heads
from initwise.selectors import Selector, as_selector

AUTO = "auto"
GAINS = {"policy": 0.01, "value": 1.0}
HIDDEN = math.sqrt(2)


def rl(*, policy: Any = AUTO, value: Any = AUTO) -> Recipe:
    """Return the recipe `rl` for an actor-critic agent.

    Weights are orthogonal with gain sqrt(2), the policy's last layer with gain 0.01 and the value's with gain 1;
    recurrent layers with gain 1; biases are zero, and so is a learned logarithm of the policy's standard deviation.
    The small policy head makes the first policy nearly uniform: for four actions its entropy is short of ln 4 by about
    2e-5 instead of 0.15.

    Andrychowicz et al. 2020, What Matters In On-Policy Reinforcement Learning? (arXiv:2006.05990); Huang et al. 2022,
    The 37 Implementation Details of Proximal Policy Optimization.

    Args:
        policy: a selector of the policy's head: a layer, or a module that ends in it (`"actor"`, `"*.pi"`, a type, a
            predicate). "auto" looks for usual names and refuses to guess; None says that there is none.
        value: the same for the value's head.

    Raises:
        ArgumentError: a selector means nothing; and, when planning, a head is not found or both heads are the same.

    >>> rl(policy="actor", value=None).name
    'rl'
    """
    selectors = {"policy": _selector("policy", policy), "value": _selector("value", value)}
    return Recipe(
        name="rl",
        summary="actor-critic agents: orthogonal, gain sqrt(2) hidden, 0.01 policy head, 1 value head, zero biases",
        source="Andrychowicz et al. 2020, What Matters In On-Policy Reinforcement Learning? (arXiv:2006.05990); "
        "Huang et al. 2022, The 37 Implementation Details of Proximal Policy Optimization",
        laws=(
            ("weight matrices and kernels", "orthogonal × sqrt(2)"),
            (
                "policy head",
                "orthogonal × 0.01; the last layer of actor, policy, pi, or what rl(policy=...) names",
            ),
            ("value head", "orthogonal × 1; the last layer of critic, value, v, or what rl(value=...) names"),
            ("recurrent layers", "orthogonal × 1, each gate on its own"),
            ("biases, log of the policy's std", "0"),
            ("embeddings, norms", "N(0, 1); weight 1, bias 0"),
        ),
        decide=partial(_decide, selectors=selectors),
    )


def _selector(side: str, select: Any) -> Selector | str | None:
    if select is None or select == AUTO:
        return AUTO if select == AUTO else None
    try:
        return as_selector(select)
    except InitwiseError as error:
        raise ArgumentError(f"rl: {side}: {error}") from error


def _decide(reading: Reading, selectors: dict[str, Selector | str | None]) -> Callable[[Parameter], Decision]:
    found = _found(reading, selectors)
    side_of = {name: side for side, names in found.items() for name in names}

    def decide(parameter: Parameter) -> Decision:
        subject = f"{parameter.kind} {parameter.attribute}"
        if _is_log_std(parameter):
            return Zeros(), f"{parameter.attribute}: zero, so that the policy's std starts at one"
        if parameter.role not in ("weight", "recurrent"):
            return plain(parameter)
        side = side_of.get(parameter.name)
        if side is not None:
            return Orthogonal(gain=GAINS[side]), f"{subject}, {side} head: orthogonal × {GAINS[side]:g}"
        if isinstance(parameter.module, (RNNBase, RNNCellBase)) or parameter.role == "recurrent":
            return Orthogonal(), f"{subject}, recurrent layer: orthogonal" + " per gate" * bool(parameter.blocks)
        return Orthogonal(gain=HIDDEN), f"{subject}: orthogonal × sqrt(2)"

    return decide


def _found(reading: Reading, selectors: dict[str, Selector | str | None]) -> dict[str, tuple[str, ...]]:
    usual = usual_heads(reading)
    found = {side: _names(side, select, usual, reading) for side, select in selectors.items()}
    both = sorted(set(found["policy"]) & set(found["value"]))
    if both:
        raise ArgumentError(f"{_quoted(both)} would be both the policy's head and the value's; give each its own layer")
    return found


def _names(
    side: str, select: Selector | str | None, usual: dict[str, tuple[str, ...]], reading: Reading
) -> tuple[str, ...]:
    if select is None:
        return ()
    if isinstance(select, Selector):
        names = heads(select, reading)
        if not names:
            raise ArgumentError(f"{side}={select!r} matches no layer with a weight; {_layers(reading)}")
        return names
    if not usual[side]:
        raise ArgumentError(
            f"the {side} head has none of the usual names; name it, or say that there is none: "
            f'iw.recipes.rl({side}="...") or iw.recipes.rl({side}=None); {_layers(reading)}'
        )
    return usual[side]


def _is_log_std(parameter: Parameter) -> bool:
    named = "log_std" in parameter.attribute or "logstd" in parameter.attribute
    return named and parameter.role not in ("weight", "recurrent")


def _layers(reading: Reading) -> str:
    names = [each.module_name or each.name for each in reading.parameters if each.role == "weight"]
    return f"the layers are {_quoted(names)}" if names else "the model has no layer with a weight"


def _quoted(names: Iterable[str]) -> str:
    listed = list(names)
    shown = ", ".join(map(repr, listed[:8]))
    return f"{shown} and {len(listed) - 8} more" if len(listed) > 8 else shown
