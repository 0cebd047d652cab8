"""The one place that writes values into tensors; `apply` and the drop-in `initwise.init` both end here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from initwise.initializers import Fill, Initializer, Keep, Product, Stream, Target
from initwise.random import Filler, NormalDraw, TruncatedNormalDraw, UniformDraw, fill, key
from initwise.writing._rounding import rounded_once

Draw = UniformDraw | NormalDraw | TruncatedNormalDraw | Fill | Product

# Who is told of each write, with the tensor and what was written: our kernels go past torch, and past who watches it.
OBSERVERS: list[Callable[[Tensor, Any], None]] = []


def write(tensor: Tensor, initializer: Initializer, target: Target, *, seed: int, name: str, label: str = "") -> None:
    """Write what `initializer` asks for into the whole of `tensor`, in place.

    Strides, `requires_grad` and torch's random state stay as they are; the tensor's version counter goes up.
    """
    if isinstance(initializer, Keep):
        return
    draw = initializer.draw(target)
    if draw is not None:
        write_draw(tensor, draw, seed=seed, name=name, label=label)
    else:
        write_values(tensor, initializer.values(target, Stream(seed, name, label)))


def write_draw(
    tensor: Tensor,
    draw: Draw,
    *,
    seed: int,
    name: str,
    label: str = "",
    start: int = 0,
    strides: Sequence[int] | None = None,
    filler: Filler = fill,
) -> None:
    """Write one element-wise draw; element `[i, j, ...]` takes the logical index `start + i * strides[0] + ...`.

    A complex tensor draws its halves under the labels `re` and `im`. `filler` is what fills: at once, or in a batch.
    """
    indices = row_major(tensor.shape) if strides is None else strides
    with torch.no_grad():
        _fill(tensor.detach(), draw, (seed, name, label), start, indices, filler)
    _mark_written(tensor, draw)


def _fill(
    plain: Tensor,
    draw: Draw,
    stream: tuple[int, str, str],
    start: int,
    strides: Sequence[int],
    filler: Filler = fill,
) -> None:
    seed, name, label = stream
    if isinstance(draw, Fill):
        plain.fill_(draw.value if plain.is_complex() else rounded_once(draw.value, plain.dtype))
    elif isinstance(draw, Product):
        drawn = torch.empty(plain.shape, dtype=Target((), plain.dtype).computed_in, device=plain.device)
        _fill(drawn, draw.draw, stream, start, strides)
        plain.copy_(draw.times(drawn, start, strides))
    elif plain.is_complex():
        halves = torch.view_as_real(plain)
        for half, part in enumerate(("re", "im")):
            filler(halves[..., half], draw, key(seed, name, join(label, part)), start=start, strides=strides)
    else:
        filler(plain, draw, key(seed, name, label), start=start, strides=strides)


def write_values(tensor: Tensor, values: Tensor) -> None:
    """Copy computed values into `tensor`, rounded once to its dtype."""
    with torch.no_grad():
        tensor.detach().copy_(values)
    _mark_written(tensor, values)


def write_zeros(tensor: Tensor) -> None:
    """Set `tensor`, such as a padding row of another, to zero."""
    with torch.no_grad():
        tensor.detach().zero_()
    _mark_written(tensor, Fill(0.0))


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides, in elements, of a contiguous tensor of this shape.

    >>> row_major((2, 3, 4))
    (12, 4, 1)
    """
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * shape[axis + 1]
    return tuple(strides)


def join(*labels: str) -> str:
    """Join the parts of a label with `/`, leaving out empty ones."""
    return "/".join(label for label in labels if label)


def _mark_written(tensor: Tensor, what: Any, part: Tensor | None = None) -> None:
    """Tell autograd and the observers of a write that bypassed them, as an in-place method would have."""
    if not tensor.is_inference():
        increment_version(tensor)
    for observer in OBSERVERS:
        observer(tensor if part is None else part, what)
