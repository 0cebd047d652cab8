"""What torch's distributed checkpoints ask for: a planner that draws boxes when they are written, a writer of files.

Imported where a checkpoint is written only: torch loads the package for it late, and not every build has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.distributed.checkpoint.default_planner import DefaultSavePlanner
from torch.distributed.checkpoint.filesystem import FileSystemWriter
from torch.distributed.checkpoint.metadata import (
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    TensorProperties,
)
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner, TensorWriteData, WriteItem, WriteItemType
from torch.distributed.checkpoint.storage import WriteResult
from torch.futures import Future

from initwise.writing._progress import Bytes
from initwise.writing.files._shares import Box


class DrawingPlanner(DefaultSavePlanner):
    """Plans to save boxes of tensors that are nowhere, and draws each when the writer asks for it."""

    def __init__(self, boxes: Sequence[Box], names: Sequence[str]) -> None:
        """Plan `boxes` for this rank; `names` are all keys of the checkpoint."""
        super().__init__(flatten_state_dict=True)
        self._boxes = {MetadataIndex(each.entry.name, each.start): each for each in boxes}
        self._names = names
        self.progress: Bytes | None = None
        self._memory = bytearray(max((each.nbytes for each in boxes), default=0))

    def create_local_plan(self) -> SavePlan:
        """Return what this rank could write; of what several could, torch gives each to one of them."""
        items = [_item(index, each) for index, each in self._boxes.items()]
        self.plan = SavePlan(items, planner_data={name: (name,) for name in self._names})
        return self.plan

    def resolve_data(self, write_item: WriteItem) -> Tensor:
        """Draw a box where the one before was, which is written.

        Torch's writer keeps what it was given until a file ends: boxes with memory of their own would add up.
        """
        values = self._boxes[write_item.index].values(self._memory)
        if self.progress is not None:
            self.progress.advance(values.nbytes)
        return values

    def nbytes(self, items: Sequence[WriteItem]) -> int:
        """Return the size of some boxes."""
        return sum(self._boxes[item.index].nbytes for item in items)


class Writer(FileSystemWriter):
    """Torch's writer, with files of a bounded size, further names for tied tensors, and progress.

    A tensor that has two names is written once, and both point to it: `load` asks for each key of a state dict.
    """

    def __init__(self, path: Path, most: int, aliases: Mapping[str, str], *, shown: bool) -> None:
        """Write files of at most `most` bytes into `path`; `aliases` maps further names to those that are written."""
        super().__init__(path, thread_count=1, per_thread_copy_ahead=0)
        self._most, self._aliases, self._shown = most, aliases, shown

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        """Write what this rank has been given, file by file."""
        assert isinstance(planner, DrawingPlanner)  # noqa: S101 - the two are made for each other
        done: Future[list[WriteResult]] = Future()
        results: list[WriteResult] = []
        groups = list(_groups(plan.items, self._most, planner))
        with Bytes(planner.nbytes(plan.items)) if self._shown else nullcontext() as planner.progress:
            for number, group in enumerate(groups):
                prefix = plan.storage_data.prefix + (f"{number:05d}_" if len(groups) > 1 else "")
                part = replace(plan, items=group, storage_data=replace(plan.storage_data, prefix=prefix))
                try:
                    results += super().write_data(part, planner).wait()
                except Exception as error:  # noqa: BLE001 - any: what is behind it is told
                    raise _reason(error) from None  # what is sent to the other ranks has no causes
        done.set_result(results)
        return done

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        """Write `.metadata`, which makes it a checkpoint."""
        written = [result for each in results for result in each]
        for alias, kept in self._aliases.items():
            metadata.state_dict_metadata[alias] = metadata.state_dict_metadata[kept]
        further = [
            replace(result, index=replace(result.index, fqn=alias))
            for alias, kept in self._aliases.items()
            for result in written
            if result.index.fqn == kept
        ]
        super().finish(metadata, [*results, further])


def _reason(error: BaseException) -> BaseException:
    """Return the system's error behind one of `torch.save`, which says that a position in a file is unexpected."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, OSError):
            return behind
        behind = behind.__cause__ or behind.__context__
    return error


def _item(index: MetadataIndex, each: Box) -> WriteItem:
    chunk = ChunkStorageMetadata(torch.Size(each.start), torch.Size(each.sizes))
    described = TensorWriteData(chunk, TensorProperties(dtype=each.entry.dtype), torch.Size(each.entry.shape))
    return WriteItem(index, WriteItemType.SHARD, tensor_data=described)


def _groups(items: Sequence[WriteItem], most: int, planner: DrawingPlanner) -> Iterator[list[WriteItem]]:
    """Yield the boxes of each file; a box of more than `most` bytes has a file of its own."""
    here: list[WriteItem] = []
    size = 0
    for item in items:
        more = planner.nbytes([item])
        if here and size + more > most:
            yield here
            here, size = [], 0
        here.append(item)
        size += more
    if here:
        yield here
