"""`Pipe`: filling goes on while one thread hands what is filled to the system, and another puts files on the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

import torch
from torch import Tensor

BUFFER = 2**23  # bytes filled at a time: enough work for every core, and what is written is still in their caches
_COUNT = 3  # one is filled, one is written, one waits


class Sink(Protocol):
    """Where bytes go: a file without a buffer of its own, or nowhere."""

    def write(self, data: memoryview, /) -> int | None:
        """Take some of the bytes, and return how many."""


class Pipe:
    """Memory to fill, and an orderly queue of writes. Any error of a thread behind it is raised at the next call."""

    def __init__(self, size: int = BUFFER) -> None:
        self._buffers = [torch.empty(size, dtype=torch.uint8) for _ in range(_COUNT)]
        self._turn = 0
        self._writes: deque[Future[None]] = deque()
        self._ends: deque[Future[None]] = deque()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="initwise-write")
        self._ender = ThreadPoolExecutor(1, thread_name_prefix="initwise-sync")
        self._whole = False
        self._failures: list[Callable[[], None]] = []

    def memory(self) -> Tensor:
        """Return bytes that nobody reads any more."""
        self._wait(self._writes, _COUNT - 1)
        self._turn = (self._turn + 1) % _COUNT
        return self._buffers[self._turn]

    def write(self, sink: Sink, data: Tensor | bytes) -> None:
        """Hand bytes on; memory that `memory` gave may be asked for again at once."""
        self._wait(self._writes, _COUNT - 1)
        view = memoryview(data) if isinstance(data, bytes) else data.numpy().data
        self._writes.append(self._writer.submit(_write_all, sink, view))

    def end(self, work: Callable[[], None]) -> None:
        """Do some work once all that was written so far is written, while writing goes on; one such work at a time."""
        self._wait(self._ends, 1)
        last = self._writer.submit(lambda: None)
        before = tuple(self._writes)

        def after() -> None:
            for write in (*before, last):
                write.result()
            work()

        self._ends.append(self._ender.submit(after))

    def on_failure(self, work: Callable[[], None]) -> None:
        """Do some work if anything fails, once no thread writes any more."""
        self._failures.append(work)

    def flush(self) -> None:
        """Wait for everything."""
        self._wait(self._writes, 0)
        self._wait(self._ends, 0)
        self._whole = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._writer.shutdown(cancel_futures=True)
            self._ender.shutdown(cancel_futures=True)
            for work in self._failures if kind is not None or not self._whole else ():
                work()

    def _wait(self, futures: deque[Future[None]], left: int) -> None:
        while len(futures) > left:
            futures.popleft().result()
        for each in self._ends:
            if each.done():
                each.result()


def _write_all(sink: Sink, data: memoryview) -> None:
    while data:
        taken = sink.write(data)
        data = data[len(data) if taken is None else taken :]
