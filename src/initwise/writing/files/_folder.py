"""`Folder`: where files of weights are written, what of them is there already, and who writes there."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from initwise.errors import WriteError
from initwise.writing.files._disk import flush, put
from initwise.writing.files._entries import OPERATION
from initwise.writing.files._size import words
from initwise.writing.files._split import INDEX, PartFile

STATE = "initwise-unfinished.json"
_OURS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
_REST = re.compile(r"\.(model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?|initwise-unfinished\.json)\.tmp")
_THEIRS = re.compile(r"(?!\.).*\.safetensors|pytorch_model.*\.bin|.*\.bin\.index\.json")
_ELSE = "choose another folder, or delete these files"


class Folder:
    """A folder of weights, before, while and after it is written.

    While it is not whole, a file in it says so, and says of what run it is the beginning. The index comes last.
    """

    def __init__(self, path: Path, parts: Sequence[PartFile], index: bytes | None, run: Mapping[str, Any]) -> None:
        self.path, self.parts, self.index = path, parts, index
        self.run = {**run, "files": {part.name: part.nbytes for part in parts}}

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Create the folder where it is missing, and keep every other process from writing into it."""
        create(self.path)
        with locked(self.path):
            yield

    def finished(self, *, resume: bool) -> list[str]:
        """Return the names of the parts that are there and whole, as far as size and header tell.

        Raises:
            WriteError: the folder holds other weights, or a part that is damaged; all problems together.
        """
        there = sorted(each.name for each in self.path.iterdir() if _OURS.fullmatch(each.name))
        known = {part.name: part for part in self.parts}
        found = [*self._other_run(), *self._of_others()]
        if not resume and (there or (self.path / INDEX).exists()):
            shown = _some(there or [INDEX])
            found = [f"{self.path} holds weights already ({shown}), and resume is False; {_ELSE}"]
        elif not found:
            strange = [name for name in there if name not in known]
            if strange:
                what = "weights of another model, plan or max_shard_size"
                found.append(f"{self.path} holds {what}: {_some(strange)}; {_ELSE}")
            found += [problem for name in there if name in known and (problem := self._damage(known[name]))]
            found += self._index_problems([name for name in known if name not in there])
        if found:
            raise WriteError(OPERATION, found)
        return [name for name in known if name in there]

    def begin(self, missing: Sequence[PartFile]) -> None:
        """Note that the folder is not whole, and of what run; remove what an interrupted one left half-written."""
        for each in self.path.iterdir():
            if _REST.fullmatch(each.name):
                each.unlink()
        if not missing:
            return
        refuse_small_disk(self.path, sum(part.nbytes for part in missing))
        note = "These weights are not whole. Run the same command again to go on; delete this folder to give up."
        put(self.path / STATE, json.dumps({"note": note, **self.run}, indent=2).encode() + b"\n")

    def end(self) -> None:
        """Write the index, and take back that the folder is not whole."""
        if self.index is not None and not (self.path / INDEX).exists():
            put(self.path / INDEX, self.index)
        (self.path / STATE).unlink(missing_ok=True)
        flush(self.path)

    def _other_run(self) -> Iterator[str]:
        try:
            told = json.loads((self.path / STATE).read_bytes())
            run = {key: value for key, value in told.items() if key != "note"}
        except FileNotFoundError:
            return
        except (OSError, ValueError, AttributeError) as error:
            yield f"{self.path / STATE} cannot be read ({error}); {_ELSE}"
            return
        if run != self.run:
            keys = [key for key in {**self.run, **run} if run.get(key) != self.run.get(key)]
            shown = [f"{key} is {run.get(key)} there and {self.run.get(key)} here" for key in keys if key != "files"]
            words = "; ".join(shown) or "its files have other names or sizes"
            yield f"{self.path} holds the beginning of another run: {words}; {_ELSE}"

    def _of_others(self) -> Iterator[str]:
        names = sorted(each.name for each in self.path.iterdir() if each.is_file())
        if strange := [name for name in names if _THEIRS.fullmatch(name) and not _OURS.fullmatch(name)]:
            yield f"{self.path} holds other weights: {_some(strange)}; {_ELSE}"

    def _damage(self, part: PartFile) -> str:
        path = self.path / part.name
        size = path.stat().st_size
        with path.open("rb") as file:
            begin = file.read(len(part.header))
        if begin != part.header[: len(begin)] or (size >= len(part.header) and begin != part.header):
            return f"{path} holds other weights ({_told(begin)}) than these; {_ELSE}"
        if size != part.nbytes:
            what = "was cut off" if size < part.nbytes else "is too long"
            return f"{path} {what}: it has {size:,} bytes of {part.nbytes:,}; delete it, and run this again"
        return ""

    def _index_problems(self, missing: Sequence[str]) -> Iterator[str]:
        path = self.path / INDEX
        if not path.exists():
            return
        if self.index is None or path.read_bytes() != self.index:
            yield f"{path} is the index of other weights; {_ELSE}"
        elif missing:
            yield (
                f"{path} names files that are not there: {_some(missing)}; delete the index, and run this again to "
                "write them"
            )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _told(begin: bytes) -> str:
    """Return what the beginning of another file says of itself."""
    try:
        size = int.from_bytes(begin[:8], "little")
        told = json.loads(begin[8 : 8 + size])["__metadata__"]
        return f"plan {told['plan_digest'][:12]}, seed {told['seed']}"
    except (ValueError, LookupError, TypeError):
        return "not written by initwise, or damaged"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder that ends with the process, where the system has such locks."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refused(f"{folder}: another process is writing here; wait for it, or choose another folder") from None
        except OSError:
            pass  # a network's file system without locks
        yield
    finally:
        with suppress(OSError):
            os.close(handle)


def create(path: Path) -> None:
    """Make a folder where there is none.

    Raises:
        WriteError: it cannot be.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(f"{path}: {error.strerror or error}; give the path of a folder") from error


def refuse_small_disk(path: Path, needed: int) -> None:
    """Raise a `WriteError` unless the disk of a folder has room for so many bytes."""
    free = shutil.disk_usage(path).free
    if needed > free:
        raise refused(
            f"{path}: {words(needed)} are to be written, and {words(free)} are free on that disk; free space, or "
            "choose another folder"
        )


def refused(problem: str) -> WriteError:
    """Return an error of one problem."""
    return WriteError(OPERATION, [problem])
