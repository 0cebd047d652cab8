"""A persistent pool of Python threads for kernels that release the GIL. Any split gives the same bits."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

LEAST, MOST = 2**16, 2**18  # elements a thread takes at a time; whole tiles
TURNS = 4  # of each thread at least, where there is so much to do: the last one to finish is then not far behind

_pools: dict[int, ThreadPoolExecutor] = {}


def in_parallel(work: Callable[[int, int], None], numel: int, threads: int) -> None:
    """Call work(begin, end) for ranges that cover [0, numel), on that many threads; small jobs stay on the caller's."""
    threads = min(threads, -(-numel // (2 * LEAST)))
    if threads <= 1:
        work(0, numel)
        return
    size = min(MOST, max(LEAST, numel // (TURNS * threads) // LEAST * LEAST))
    begins = iter(range(0, numel, size))  # its next() is atomic

    def take_turns() -> None:
        for begin in begins:
            work(begin, min(begin + size, numel))

    helpers: list[Future[None]] = []
    try:
        helpers += (_pool(threads - 1).submit(take_turns) for _ in range(threads - 1))
        take_turns()
    finally:
        deque(begins, maxlen=0)  # after an interrupt nobody starts another range; else nothing is left
        for helper in helpers:
            if not helper.cancel():
                helper.result()


def _pool(workers: int) -> ThreadPoolExecutor:
    if workers not in _pools:
        _pools[workers] = ThreadPoolExecutor(workers, thread_name_prefix="initwise-fill")
    return _pools[workers]


# A forked child has none of its parent's threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)
