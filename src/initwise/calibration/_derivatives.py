"""Where a second derivative ends: by torch's words, or by a node that stands for a missing one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from torch import Tensor
from torch.autograd.graph import Node

_MISSING = "torch::autograd::Error"  # what `once_differentiable` puts in the place of a second derivative


def named_in(error: RuntimeError) -> str:
    """Return which derivative torch missed; its own words where it names none."""
    said = re.search(r"derivative for '?([\w:]+)'? is not implemented", str(error))
    return f"{said.group(1)} has no derivative" if said else str(error).rstrip(".")


def cut_off(outputs: Iterable[Tensor], gradients: Iterable[Tensor]) -> str:
    """Return which function gave gradients that pass for constants; "" where none did.

    Such a node raises only where a backward pass runs through it. One that asks for given tensors goes around it, and
    a part of the curvature would be missing without a word.
    """
    if all(node.name() != _MISSING for node in _nodes(gradients)):
        return ""
    made = (getattr(type(node), "_forward_cls", None) for node in _nodes(outputs))
    names = [kind.__name__ for kind in made if kind is not None and hasattr(kind.backward, "__wrapped__")]
    return f"{', '.join(dict.fromkeys(names)) or 'a function'} is marked @once_differentiable"


def _nodes(tensors: Iterable[Tensor]) -> Iterator[Node]:
    waiting = [each.grad_fn for each in tensors if each.grad_fn is not None]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        yield node
        new = [each for each, _ in node.next_functions if each is not None and each not in seen]
        seen.update(new)
        waiting.extend(new)
