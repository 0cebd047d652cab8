"""A difference in which a side is a file: what the file lacks, and what it has besides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from initwise.cli._weights import Loaded, read_weights
from initwise.differences import Compared, Difference
from initwise.model import canonical_name


def load_buffers(model: nn.Module, path: Path) -> None:
    """Give `model` the buffers in a file, beside the parameters that it has already."""
    offered = read_weights(path).tensors
    for name, _ in list(model.named_buffers(remove_duplicate=False)):
        if name in offered:
            owner, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(owner), attribute, offered[name])


def with_files(found: Difference, a: Loaded | None, b: Loaded | None, files: Sequence[str]) -> Difference:
    """Tell of what a file does not hold as of what its side has not, and name the files."""
    rows = [row for each in found.rows if (row := _row(each, _missing(a), _missing(b))) is not None]
    rows += _besides(a, b)
    words = [f"{said}, {file}" if file else said for said, file in zip((found.a, found.b), files, strict=True)]
    return replace(found, a=words[0], b=words[1], rows=tuple(rows))


def _missing(loaded: Loaded | None) -> set[str]:
    if loaded is None:
        return set()
    return {canonical_name(name) for name in (*loaded.missing, *loaded.missing_buffers)}


def _row(row: Compared, a: set[str], b: set[str]) -> Compared | None:
    """Return the row with the file's word on it; None for what no file holds: buffers that are not stored."""
    lost = [side for side, names in (("a", a), ("b", b)) if row.name in names]
    if len(lost) == 2:
        return replace(row, status="not testable", reason="neither file has it")
    if lost:
        return replace(row, status=f"only in {'b' if lost == ['a'] else 'a'}", reason="the file has no such tensor")
    return None if row.status == "no values" else row


def _besides(a: Loaded | None, b: Loaded | None) -> Iterator[Compared]:
    """Yield what the model has no place for, and ties of the model that a file has not kept."""
    extra = [set(each.extra) if each is not None else set() for each in (a, b)]
    for side, (loaded, others) in zip("ab", ((a, extra[1]), (b, extra[0])), strict=True):
        for name in loaded.extra if loaded is not None else ():
            if name not in others:
                yield Compared(name, f"only in {side}", reason="the model has no such tensor")
        for name in loaded.untied if loaded is not None else ():
            yield Compared(name, "ties differ", reason=f"tied in the model, two values in the file of {side}")
