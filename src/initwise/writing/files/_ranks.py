"""`Ranks`: the processes that write one checkpoint together, and what they tell each other before the first byte."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch.distributed as dist

from initwise.errors import WriteError
from initwise.planning import Plan
from initwise.writing._agreement import compare_group
from initwise.writing.files._entries import OPERATION


class Ranks:
    """All ranks of the default process group, or one process without any.

    Attributes:
        group: the process group; None for one process.
        rank, count: which one this is, and of how many.
    """

    def __init__(self) -> None:
        together = dist.is_available() and dist.is_initialized()
        self.group: Any = dist.group.WORLD if together else None
        self.rank = dist.get_rank() if together else 0
        self.count = dist.get_world_size() if together else 1
        if not together and os.environ.get("TORCHELASTIC_RUN_ID") and int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise WriteError(
                OPERATION,
                [
                    f"torchrun started {os.environ['WORLD_SIZE']} processes, and this one belongs to no process group, "
                    "so that each would write all weights; call torch.distributed.init_process_group first"
                ],
            )

    def compare(self, plan: Plan, problems: Sequence[str]) -> list[str]:
        """Compare plans, 16 bytes from each rank; return `problems`, and where others differ or found some."""
        return list(problems) if self.count == 1 else compare_group(plan, self.group, problems)

    def from_first(self, value: Any) -> Any:
        """Return what the first rank has."""
        if self.count == 1:
            return value
        told = [value]
        dist.broadcast_object_list(told, src=0, group=self.group)
        return told[0]

    def gathered(self, value: Any) -> list[Any]:
        """Return what each rank has."""
        told: list[Any] = [value] * self.count
        if self.count > 1:
            dist.all_gather_object(told, value, group=self.group)
        return told

    def raise_together(self, problems: Sequence[str]) -> None:
        """Raise an error on every rank if any has problems, which are the same words for all.

        Raises:
            WriteError: there are some.
        """
        of_all = self.gathered(list(problems))
        found = list(dict.fromkeys(problem for each in of_all for problem in each))
        if found:
            raise WriteError(OPERATION, found)
