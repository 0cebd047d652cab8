"""The processes of torchrun, which write a checkpoint together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from initwise.cli._options import Layout
from initwise.errors import TargetError


@dataclass(frozen=True)
class Processes:
    """Which process this is, and of how many."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """This one speaks for all."""
        return self.rank == 0


@contextmanager
def joined(layout: Layout) -> Iterator[Processes]:
    """Join the processes that torchrun started, if there are several.

    Raises:
        TargetError: they cannot write this layout together, or this torch has no processes.
    """
    count = int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1
    if count == 1:
        yield Processes()
        return
    if layout is not Layout.DCP:
        raise TargetError(
            f"torchrun started {count} processes, and one writes safetensors: start it without torchrun, or give"
            " --layout dcp with a folder, which all of them write."
        )
    import torch.distributed as dist

    dist.init_process_group("gloo")
    try:
        yield Processes(dist.get_rank(), count)
    finally:
        dist.destroy_process_group()
