"""Which layers of an agent are its heads: the last weight of what a selector or a usual name means."""

from __future__ import annotations

from initwise.model import Parameter, Reading
from initwise.selectors import Selector

USUAL = {
    "policy": frozenset(
        "actor policy pi action_net mu logits actor_mean actor_head policy_head policy_net pi_head action_head "
        "action_mean".split()
    ),
    "value": frozenset("critic value v value_net critic_head value_head v_head v_net vf".split()),
}


def heads(select: Selector, reading: Reading) -> tuple[str, ...]:
    """Return the weights that a selector means: those it picks, and the last one within each module it picks."""
    picked = [each.name for each in reading.parameters if each.role == "weight" and select.parameter(each) is not None]
    modules = [name for name, module in reading.modules.items() if select.module(name, module) is not None]
    return tuple(dict.fromkeys([*picked, *_last_weights(_innermost(modules), reading)]))


def usual_heads(reading: Reading) -> dict[str, tuple[str, ...]]:
    """Return for "policy" and "value" the weights of the heads that have usual names; empty where none has.

    A module that holds both sides is the agent and no head. Of modules of one side that lie in each other the inner
    one counts, and a layer counts before a network of that name (which feeds a head elsewhere).
    """
    named = {side: _with_usual_name(names, reading) for side, names in USUAL.items()}
    found = {}
    for side, other in (("policy", "value"), ("value", "policy")):
        apart = [name for name in named[side] if not any(_within(each, name) for each in named[other])]
        inner = _innermost(apart)
        layers = [name for name in inner if _own_weight(name, reading)]
        found[side] = tuple(dict.fromkeys(_last_weights(layers or inner, reading)))
    return found


def _with_usual_name(names: frozenset[str], reading: Reading) -> list[str]:
    modules = [name for name in reading.modules if name.rpartition(".")[2] in names]
    return [name for name in modules if _weights_within(name, reading) and not _is_projection(name, reading)]


def _is_projection(name: str, reading: Reading) -> bool:
    """Whether this is an attention's projection: the `v` beside a `k`."""
    above, _, last = name.rpartition(".")
    return last == "v" and (f"{above}.k" if above else "k") in reading.modules


def _innermost(modules: list[str]) -> list[str]:
    return [name for name in modules if not any(other != name and _within(other, name) for other in modules)]


def _within(name: str, above: str) -> bool:
    return name != above and (above == "" or name.startswith(f"{above}."))


def _last_weights(modules: list[str], reading: Reading) -> list[str]:
    return [weights[-1].name for name in modules if (weights := _weights_within(name, reading))]


def _weights_within(name: str, reading: Reading) -> list[Parameter]:
    return [
        each
        for each in reading.parameters
        if each.role == "weight" and (each.module_name == name or _within(each.module_name, name))
    ]


def _own_weight(name: str, reading: Reading) -> bool:
    return any(each.module_name == name for each in _weights_within(name, reading))
