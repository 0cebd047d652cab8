"""`Batch`: many small fills on a GPU in few launches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import torch

from initwise.random._draws import Draw
from initwise.random._fill import STORAGE_NAMES, fill, has_triton
from initwise.random._keys import Key
from initwise.random._layout import Layout, layout
from initwise.random._lowering import Lowered, lower

Filler = Callable[..., None]  # of the signature of `fill`

SMALL = 2**20  # elements; a larger fill is worth a launch of its own
WAITING = 1024  # fills, after which they are carried out


class Batch:
    """Fills as `fill` does; small runs on a GPU wait, and are carried out together at the end.

    Use it as a context manager, and read nothing of what was filled before it ends. Everything else (CPU tensors, large
    ones, memory that is no run of the stream) is filled at once.

    >>> from initwise.random import NormalDraw, key
    >>> with Batch() as batch:
    ...     batch(torch.empty(3), NormalDraw(0.0, 1.0), key(0, "w"))
    """

    def __init__(self, device_type: str = "cuda") -> None:
        self._device_type = device_type  # tests batch what lies on the CPU, for Triton's interpreter
        self._waiting: dict[torch.device, list[tuple[torch.Tensor, Layout, Lowered, Key]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()

    def __call__(
        self, tensor: torch.Tensor, draw: Draw, key: Key, *, start: int = 0, strides: Sequence[int] | None = None
    ) -> None:
        """Fill as `fill` does, now or with others."""
        if tensor.device.type != self._device_type or not 0 < tensor.numel() <= SMALL or not has_triton():
            fill(tensor, draw, key, start=start, strides=strides)
            return
        place = layout(tensor.shape, tensor.stride(), start, strides)
        if not place.is_run or tensor.is_neg() or tensor.dtype not in STORAGE_NAMES:
            fill(tensor, draw, key, start=start, strides=strides)
            return
        waiting = self._waiting.setdefault(tensor.device, [])
        waiting.append((tensor.detach(), place, lower(draw, STORAGE_NAMES[tensor.dtype]), key))
        if len(waiting) >= WAITING:
            self.flush()

    def flush(self) -> None:
        """Carry out what waits."""
        if not self._waiting:
            return
        from initwise.random import _triton

        for runs in self._waiting.values():
            _triton.fill_runs(runs)
        self._waiting.clear()
