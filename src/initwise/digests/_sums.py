"""Sums over tensors in memory: in parallel, without a copy where the CPU can read them as they lie."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initwise.digests._lanes import Keys, Lanes, keys, reference
from initwise.digests._layout import Axis, Layout, Transposed, layout, row_major, transposed
from initwise.shards import Piece

PIECE = 2**23  # bytes that one task sums, so that starting it costs little; the last one is not far behind the others
COPIED = 2**20  # elements that are copied of a distant tensor at a time
CHUNK = 2**15  # elements that NumPy mixes at a time, so that its temporaries stay in the cache
SMALL = 2**16  # fewer elements are not worth loading compiled code
WORDS = {
    1: (torch.uint8, np.uint8),
    2: (torch.int16, np.uint16),
    4: (torch.int32, np.uint32),
    8: (torch.int64, np.uint64),
}

Task = Callable[[], Lanes]


class Part(NamedTuple):
    """What is here of one tensor: the boxes of the whole, whose shape and dtype these are."""

    kind: str
    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    pieces: Sequence[Piece]


def summed(parts: Sequence[Part]) -> list[Lanes]:
    """Return the sums over each part, on as many threads as torch uses."""
    threads = torch.get_num_threads()
    tasks = ((number, task) for number, part in enumerate(parts) for task in _tasks(part))
    totals = [Lanes()] * len(parts)
    if threads == 1:
        for number, task in tasks:
            totals[number] += task()
        return totals
    with ThreadPoolExecutor(threads) as pool:
        for number, found in _map(pool, tasks, 2 * threads):
            totals[number] += found
    return totals


def _tasks(part: Part) -> Iterator[Task]:
    key = keys(f"{part.kind}\0{part.name}\0{part.dtype}\0{part.shape}")
    paired = part.dtype.itemsize == 16  # the halves of complex128 are elements of an axis more
    steps = row_major((*part.shape, 2) if paired else part.shape)
    for view, corner in part.pieces:
        if view.numel() == 0:
            continue
        plain = torch.view_as_real(view.detach().resolve_conj()) if paired else view.detach()
        start = sum(at * step for at, step in zip(corner, steps, strict=False))
        if plain.device.type == "cpu" and not plain.is_conj() and not plain.is_neg():
            yield from _of_memory(plain, steps, start, key)
        else:
            yield from _of_copies(plain, steps, start, key)


def _of_memory(view: Tensor, steps: Sequence[int], start: int, key: Keys) -> Iterator[Task]:
    kernels = None if view.numel() < SMALL else _kernels()
    if kernels is None:
        for box, first in _boxes(view, steps, start, CHUNK):
            yield functools.partial(_by_numpy, box, steps, first, key)
        return
    block = layout(view.shape, steps, view.stride(), start)
    many = max(1, PIECE // view.element_size())
    across = transposed(block)
    if across is not None:
        yield from _of_transposed(view, across, many, key)
        return
    for begin in range(0, block.numel, many):
        end = min(begin + many, block.numel)
        yield functools.partial(_by_kernel, kernels, view, block, begin, end, key)


def _of_transposed(view: Tensor, block: Transposed, many: int, key: Keys) -> Iterator[Task]:
    from initwise.digests import _tiled

    deep = _tiled.deep(view.element_size())
    strips, at_once = block.strips(deep), max(1, many // (deep * block.inner.size))
    for begin in range(0, strips, at_once):
        yield functools.partial(_by_tiles, view, block, begin, min(begin + at_once, strips), key)


def _by_tiles(view: Tensor, block: Transposed, begin: int, end: int, key: Keys) -> Lanes:
    from initwise.digests import _tiled

    first, second = _tiled.summed(view.data_ptr(), block, view.element_size(), begin, end, key)
    return key.of(first, second, block.elements(begin, end, _tiled.deep(view.element_size())))


def _of_copies(view: Tensor, steps: Sequence[int], start: int, key: Keys) -> Iterator[Task]:
    for box, first in _boxes(view, steps, start, COPIED):
        yield functools.partial(_by_copy, box, steps, first, key)


def _by_copy(box: Tensor, steps: Sequence[int], start: int, key: Keys) -> Lanes:
    near = box.resolve_conj().resolve_neg().cpu()
    return sum((task() for task in _of_memory(near, steps, start, key)), Lanes())


def _by_kernel(kernels: ModuleType, view: Tensor, block: Layout, begin: int, end: int, key: Keys) -> Lanes:
    size = view.element_size()
    if size == 8:
        first, second = kernels.summed(view.data_ptr(), _doubled(block), 4, 2 * begin, 2 * end, key)
    else:
        first, second = kernels.summed(view.data_ptr(), block, size, begin, end, key)
    return key.of(first, second, end - begin)


def _doubled(block: Layout) -> Layout:
    """Return the layout of the words of elements that are two each."""
    *outer, inner = (Axis(axis.size, 2 * axis.step, 2 * axis.stride) for axis in block.axes)
    beside = inner.step == inner.stride == 2
    axes = (*outer, Axis(2 * inner.size, 1, 1)) if beside else (*outer, inner, Axis(2, 1, 1))
    return Layout(2 * block.start, axes)


def _by_numpy(box: Tensor, steps: Sequence[int], start: int, key: Keys) -> Lanes:
    signed, unsigned = WORDS[box.element_size()]
    values: NDArray[Any] = box.contiguous().view(signed).numpy().view(unsigned)
    index = np.full((1,) * max(box.dim(), 1), start, dtype=np.uint64)
    for axis, size in enumerate(box.shape):
        along = np.arange(size, dtype=np.uint64) * np.uint64(steps[axis])
        index = index + along.reshape([-1 if other == axis else 1 for other in range(box.dim())])
    first, second = reference(values.reshape(-1), index.reshape(-1), key)
    return key.of(first, second, values.size)


def _boxes(view: Tensor, steps: Sequence[int], start: int, most: int) -> Iterator[tuple[Tensor, int]]:
    """Cut a view into boxes of at most so many elements, each with the index of its first one."""
    if view.numel() <= most:
        yield view, start
        return
    axis = max(range(view.dim()), key=lambda each: view.shape[each] > 1 and steps[each])
    below = view.numel() // view.shape[axis]
    length = max(1, most // below)
    for begin in range(0, view.shape[axis], length):
        part = view.narrow(axis, begin, min(length, view.shape[axis] - begin))
        yield from _boxes(part, steps, start + begin * steps[axis], most)


def _map(pool: ThreadPoolExecutor, tasks: Iterator[tuple[int, Task]], ahead: int) -> Iterator[tuple[int, Lanes]]:
    """Run tasks on the pool and yield their results; only a few are under way, so that few pieces are copied."""
    running = []
    for number, task in tasks:
        running.append((number, pool.submit(task)))
        if len(running) >= ahead:
            first, done = running.pop(0)
            yield first, done.result()
    for number, done in running:
        yield number, done.result()


def warm() -> None:
    """Load the compiled kernels, which takes a second, so that what follows can be timed."""
    kernels = _kernels()
    if kernels is not None:
        one = torch.zeros(1)
        _by_kernel(kernels, one, layout((1,), (1,), (1,), 0), 0, 1, keys(""))


def _kernels() -> ModuleType | None:
    """Return the compiled kernels, or None where Numba is missing or INITWISE_NUMBA=0."""
    if os.environ.get("INITWISE_NUMBA", "1") == "0":
        return None
    try:
        from initwise.digests import _kernels as compiled
    except (ImportError, OSError, RuntimeError):  # the last: there is no folder for what Numba keeps
        return None
    return compiled
