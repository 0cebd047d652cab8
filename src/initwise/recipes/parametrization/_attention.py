"""Attention at another head size: maximal updates need logits divided by d_head, not by its root."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from torch import nn

from initwise.model import Reading
from initwise.recipes._recipe import Multiplier

SIZES = ("head_dim", "attention_head_size", "key_value_proj_dim", "dim_per_head", "head_size")


def head_sizes(modules: Mapping[str, nn.Module]) -> dict[str, int | None]:
    """Return the size of a head for each attention module; None where nothing tells it.

    A module is one if its class is called so, or holds the size and is within one that is; of modules within each other
    the one that knows its size counts.
    """
    named = {name: _size(module) for name, module in modules.items() if _is_attention(module)}
    known = {name: size for name, size in named.items() if size is not None}
    unknown = [name for name in named if name not in known and not any(_related(name, each) for each in known)]
    innermost = [name for name in unknown if not any(each.startswith(f"{name}.") for each in unknown)]
    return {**known, **dict.fromkeys(innermost)}


def attention_multipliers(reading: Reading, modules: Mapping[str, nn.Module]) -> Iterator[Multiplier]:
    """Yield the factor of the logits of every attention whose head size differs from the base's."""
    base = head_sizes(modules)
    for name, size in head_sizes(reading.modules).items():
        before = base.get(name)
        if size is not None and before is not None and size != before:
            why = f"logits q·k / d_head, equal to / sqrt(d_head) at the base's {before}: × sqrt({before} / {size})"
            yield Multiplier(name, "attention", math.sqrt(before / size), why)


def attention_warnings(reading: Reading, modules: Mapping[str, nn.Module]) -> Iterator[str]:
    """Yield what to do about attention in the forward pass."""
    changed = [each.target for each in attention_multipliers(reading, modules)]
    if changed:
        yield (
            f"mup: head sizes differ from the base's in {_listed(changed)}: divide attention logits by d_head, not "
            "its root, by the factors in plan.multipliers (kind 'attention'); an initialization cannot"
        )
    sizes = head_sizes(reading.modules)
    base = head_sizes(modules)
    unsure = [name for name, size in sizes.items() if size is None or base.get(name) is None]
    if unsure:
        yield (
            f"mup: the head sizes of {_listed(unsure)} are not known here and in the base; where they differ, multiply "
            "attention logits by sqrt(base d_head / d_head)"
        )


def _is_attention(module: nn.Module) -> bool:
    kind = type(module).__name__.lower()
    return "attention" in kind or "attn" in kind


def _size(module: nn.Module) -> int | None:
    found = (getattr(module, name, None) for name in SIZES)
    return next((size for size in found if isinstance(size, int) and size > 0), None)


def _related(name: str, other: str) -> bool:
    return name.startswith(f"{other}.") or other.startswith(f"{name}.") or "" in (name, other)


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:3]))
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
