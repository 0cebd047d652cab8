"""Running a constructor again so that its parameters take no memory while everything else is really computed."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from initwise.model.graph import undisturbed
from initwise.writing.materialization._modes import Functions, Operations, Weights

_Shapes = Collection[torch.Size]
_RETRIED = (RuntimeError, NotImplementedError, TypeError, ValueError)  # what torch raises where values are missing


@dataclass(frozen=True, eq=False)
class Constructed:
    """What a constructor made, and whether another construction may make something else.

    `mark` is that of memory that nobody wrote, where it can hold no NaN; `before` is how often tensors were written
    before, where this was not its constructor.
    """

    module: nn.Module
    mark: int = 0
    varies: bool = False
    before: Mapping[int, int] = field(default_factory=dict)

    def writes(self, tensor: Tensor) -> int:
        """Return how often a tensor of it was written in place."""
        return tensor._version - self.before.get(id(tensor), 0)


class RandomNumbersMissedError(RuntimeError):
    """A constructor seeds a generator, from which weights without memory would have drawn first."""


def construct(
    make: Callable[[], Any],
    *,
    seed: int,
    mark: int = 0,
    dtype: torch.dtype | None = None,
    kept: _Shapes = (),
    shapes: _Shapes = (),
    whole: bool = False,
) -> Constructed:
    """Call `make` on the CPU: large parameters go to meta as soon as they are registered, but for shapes in `kept`.

    Memory that `torch.empty` makes is marked, so that a buffer that nobody wrote can be told; there is none for what is
    as large as weights are, but for `shapes`. Every random generator starts from `seed` and is put back, and so is the
    default dtype, which is `dtype` meanwhile. Where a constructor mixes its weights, which are on meta, with tensors
    that it made on their device, these are on meta too.

    With `whole`, a constructor that needs the values of large parameters, leaves buffers on meta because of them, or
    draws what these would have drawn before, is called once more with all of its memory.
    """

    def once(weights: Weights | None, *, redirected: bool) -> Constructed:
        large = shapes if weights else None
        with constructing(seed=seed, mark=mark, dtype=dtype, redirected=redirected, shapes=large) as modes:
            return _called(make, mark, weights, *modes)

    first: Exception | None = None
    hollow: Constructed | None = None
    for weights, redirected in ((Weights(kept), True), (Weights(kept), False), (None, True))[: 3 if whole else 2]:
        if weights and isinstance(first, RandomNumbersMissedError):
            continue
        try:
            found = once(weights, redirected=redirected)
        except _RETRIED as error:
            first = first or error
            continue
        if not (whole and weights and any(buffer.is_meta for buffer in found.module.buffers())):
            return found
        hollow = hollow or found
    if hollow is not None:
        return hollow
    assert first is not None  # noqa: S101 - for the type checker: one of the calls came to an end
    raise first


def _called(
    make: Callable[[], Any], mark: int, weights: Weights | None, operations: Operations, functions: Functions
) -> Constructed:
    before = _states()
    with weights or contextlib.nullcontext():
        module = make()
    functions.look()
    if functions.own or (functions.seeded and (functions.draws or operations.draws)):
        raise RandomNumbersMissedError("it seeds a random generator, from which its weights are drawn too")
    if not isinstance(module, nn.Module):
        raise TypeError(f"it returned a {type(module).__name__}, not a module")
    return Constructed(module, mark, varies=before != _states() or operations.unwritten)


@contextlib.contextmanager
def constructing(
    *,
    seed: int,
    mark: int = 0,
    dtype: torch.dtype | None = None,
    redirected: bool = True,
    shapes: _Shapes | None = (),
) -> Iterator[tuple[Operations, Functions]]:
    """Compute on the CPU, from seeded generators and under a default dtype; all are put back."""
    default = torch.get_default_dtype()
    with torch.inference_mode(mode=False), undisturbed(), torch.device("cpu"):
        _seed(seed)
        operations, functions = Operations(mark), Functions(redirected=redirected, shapes=shapes)
        with operations, functions:
            try:
                torch.set_default_dtype(dtype or default)
                yield operations, functions
            finally:
                torch.set_default_dtype(default)


def _seed(seed: int) -> None:
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - a constructor may draw from the global generator, which is put back


def _states() -> tuple[Any, ...]:
    numpy: Any = np.random.get_state()  # noqa: NPY002 - as above
    return bytes(torch.default_generator.get_state().numpy()), random.getstate(), bytes(numpy[1]), numpy[2]
