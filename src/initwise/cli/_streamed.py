"""`initwise init` into a folder: planned on meta, drawn and written file by file, and gone on with when interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from initwise.cli._decide import Choice
from initwise.cli._joined import Processes
from initwise.cli._options import Layout
from initwise.cli._output import note
from initwise.cli._signals import Stopped, Terminated
from initwise.cli._target import Model
from initwise.errors import TargetError
from initwise.planning import Plan
from initwise.reporting import text
from initwise.writing.files import (
    STATE,
    ValuesError,
    Written,
    find_contents,
    metadata,
    size_in_bytes,
    words,
    write_weights,
)

SIZE = "5GB"


@dataclass(frozen=True)
class Streamed:
    """What was planned and written, how many elements all parameters have, how they were written, by how many."""

    plan: Plan
    written: Written
    elements: int
    layout: Layout = Layout.SAFETENSORS
    processes: int = 1

    def facts(self, plan_out: Path | None) -> dict[str, Any]:
        """What machines are told."""
        return {
            "weights": str(self.written.folder),
            "layout": self.layout.value,
            "files": list(self.written.files),
            "files_kept": self.written.kept,
            "plan": None if plan_out is None else str(plan_out),
            "bytes": self.written.nbytes,
            "parameters": len(self.plan),
            "elements": self.elements,
            "elements_rechecked": self.written.rechecked,
            **metadata(self.plan),
            "seed": self.plan.seed,
        }

    def text(self, plan_out: Path | None) -> str:
        """What people are told."""
        kept, count = sum(row.kept for row in self.plan), len(self.written.files)
        words_of = f"{count:,} file{'s' if count > 1 else ''} ({words(self.written.nbytes)})"
        lines = [
            text(self.plan.summary()),
            "",
            f"{len(self.plan) - kept:,} parameters drawn" + (f", {kept:,} kept." if kept else "."),
            *(self._files(words_of) if self.layout is Layout.SAFETENSORS else self._checkpoint(words_of)),
        ]
        return "\n".join([*lines, f"Wrote {plan_out}."] if plan_out else lines)

    def _files(self, files: str) -> list[str]:
        return [
            f"{self.written.rechecked:,} elements, at both ends of each tensor and within, were read back and drawn"
            " again: each is as planned.",
            f"Wrote {self.written.folder}: {files}"
            + (f", of which {self.written.kept:,} stood there already" if self.written.kept else "")
            + ", with the plan's digest and seed in their metadata.",
        ]

    def _checkpoint(self, files: str) -> list[str]:
        by = "one process" if self.processes == 1 else f"{self.processes:,} processes at once"
        return [
            f"Wrote {self.written.folder}: {files}, a checkpoint of torch.distributed.checkpoint, drawn by {by}; the"
            " plan's digest and seed are in its initwise.json."
        ]


def is_folder(out: str, most: str | None, layout: Layout = Layout.SAFETENSORS) -> bool:
    """Tell whether --out asks for a folder: one that is there, a path that ends in a slash, or with one of its options.

    Raises:
        TargetError: --max-shard-size or a checkpoint's --layout is given with the name of a file.
        ArgumentError: it is no size.
    """
    if most is not None:
        size_in_bytes(most, "--max-shard-size")
    option = "--layout dcp" if layout is Layout.DCP else "--max-shard-size"
    if most is None and layout is Layout.SAFETENSORS:
        return Path(out).is_dir() or out.endswith(("/", os.sep))
    if Path(out).suffix == ".safetensors" or Path(out).is_file():
        raise TargetError(
            f"{option}: its files go into a folder, and --out {out} is the name of a file; give a folder's, or leave"
            f" {option} away."
        )
    return True


@contextmanager
def folder(out: Path) -> Iterator[None]:
    """Make a folder where there is none; one that is still empty after an error is removed."""
    new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TargetError(f"--out {out}: no folder can be made here: {error.strerror or error}.") from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise TargetError(f"--out {out}: nothing can be written in this folder; make it writable, or choose another.")
    try:
        yield
    except BaseException:
        if new:
            with suppress(OSError):  # it is not empty
                out.rmdir()
        raise


def streamed(
    model: Model,
    choice: Choice,
    out: Path,
    most: str | None,
    *,
    progress: bool,
    layout: Layout,
    processes: Processes,
) -> Streamed:
    """Plan a model on meta and write its weights; a model whose own code must draw some of them is held in memory."""

    def write(built: nn.Module, made: Plan, build: Callable[[], nn.Module] | None = None) -> Streamed:
        options: Any = {"max_shard_size": most or SIZE, "layout": layout.value, "build": build, "progress": progress}
        with _going_on(out, layout):
            written = write_weights(built, made, out, **options)
        return Streamed(made, written, sum(each.numel() for each in built.parameters()), layout, processes.count)

    built = model.build(meta=True)
    if any(each.is_meta for each in built.parameters()):
        made = choice.plan(built)
        try:
            return write(built, made, model.build if _needs_building(built, made, model) else None)
        except ValuesError as unknown:
            first, more = unknown.problems[0].partition(";")[0], len(unknown.problems) - 1
            if processes.first:
                note(f"the model is built, and held in memory: {first}" + (f", and {more} more" if more else ""))
    # What the plan keeps, and the buffers, come from the model's own code: the same seed makes them repeatable.
    torch.manual_seed(choice.seed)
    built = model.build()
    return write(built, choice.plan(built))


def _needs_building(built: nn.Module, made: Plan, model: Model) -> bool:
    """Tell whether the model's own code must say values that no plan decides; those that it draws are as from a file.

    Raises:
        ValuesError: it draws some at random, which depend on all that it draws before, weights included.
    """
    try:
        find_contents(built, made)
    except ValuesError:
        one, other = (find_contents(built, made, build) for build in (model.build, _later(model)))
        drawn = [
            each.name
            for each, again in zip(one.entries, other.entries, strict=True)
            if each.values is not None and again.values is not None and not _same(each.values, again.values)
        ]
        if drawn:
            raise ValuesError("init", [f"{name!r} is drawn by the model's own code" for name in drawn]) from None
        return True
    return False


def _later(model: Model) -> Callable[[], nn.Module]:
    """Return what builds the model when random numbers were drawn already."""

    def build() -> nn.Module:
        torch.rand(1)
        return model.build()

    return build


def _same(one: Tensor, other: Tensor) -> bool:
    first, second = (each.contiguous().reshape(-1).view(torch.uint8) for each in (one, other))
    return torch.equal(first, second)


@contextmanager
def _going_on(out: Path, layout: Layout) -> Iterator[None]:
    """Say how to go on after Ctrl-C or SIGTERM."""
    try:
        yield
    except (KeyboardInterrupt, Terminated) as stop:
        if not (out / STATE).exists():
            raise
        whole = len(list(out.glob("model-*.safetensors")))
        files = f"{whole} whole file{'' if whole == 1 else 's'} in {out}; the same command goes on from there"
        parts = f"the checkpoint in {out} is not whole; the same command writes it anew"
        raise Stopped(
            parts if layout is Layout.DCP else files,
            terminated=isinstance(stop, Terminated),
        ) from None
