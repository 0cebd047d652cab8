"""`Place`: the folder of a distributed checkpoint, before, while and after all ranks write into it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from initwise.errors import WriteError
from initwise.writing.files._disk import flush, put
from initwise.writing.files._folder import STATE, create, locked, refuse_small_disk, refused

METADATA, PARTS = ".metadata", "__*.distcp"
_OTHERS = "model*.safetensors*"
_ELSE = "choose another folder, or delete these files"
_PATIENCE = 5.0  # seconds; a network's file system may show a new file late


class Place:
    """The folder of a checkpoint. Its first rank opens and closes it; every rank looks whether it is the same.

    While it is not whole, a file in it says so. What an interrupted run left is removed, since which boxes are whole is
    known only once all ranks are done.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        """`run` is what the folder says of itself."""
        self.path, self.run = path, dict(run)
        self.token = uuid.uuid4().hex

    @contextmanager
    def opened(self, needed: int) -> Iterator[None]:
        """Create the folder, see that it is free, mark it as not whole; undo that if all ranks give up together.

        Args:
            needed: how many bytes will be written.

        Raises:
            WriteError: it holds weights already, another process writes there, or the disk is too small.
        """
        create(self.path)
        with locked(self.path):
            self._refuse_others()
            self._clear()
            refuse_small_disk(self.path, needed)
            note = "This checkpoint is not whole. Run the same command again to write it anew."
            put(self.path / STATE, json.dumps({"note": note, **self.run, "token": self.token}, indent=2).encode())
            try:
                yield
            except WriteError:  # every rank was told
                self.give_up()
                raise

    def problems(self, token: str, rank: int) -> list[str]:
        """Return what is wrong if this rank does not see what the first one, whose token it is, has written."""
        give_up = time.monotonic() + _PATIENCE
        while self._token() != token:
            if time.monotonic() > give_up:
                return [
                    f"rank {rank} does not see in {self.path} what rank 0 wrote to its folder; give every rank the "
                    "same folder, on a disk that all of them share"
                ]
            time.sleep(0.1)
        return []

    def give_up(self) -> None:
        """Leave nothing behind, once no rank writes any more; but a checkpoint that is whole stays."""
        if not (self.path / METADATA).exists():
            self._clear()

    def close(self) -> None:
        """Take back that the folder is not whole."""
        (self.path / STATE).unlink(missing_ok=True)
        flush(self.path)

    def _token(self) -> str | None:
        with suppress(OSError, ValueError, LookupError, TypeError):
            found: str = json.loads((self.path / STATE).read_bytes())["token"]
            return found
        return None

    def _refuse_others(self) -> None:
        if (self.path / METADATA).exists():
            raise refused(f"{self.path} holds a checkpoint already; {_ELSE}")
        others = sorted(each.name for each in self.path.glob(_OTHERS))
        if others:
            raise refused(f"{self.path} holds weights already ({others[0]}); {_ELSE}")
        parts = sorted(each.name for each in self.path.glob(PARTS))
        if self._token() is None and (parts or (self.path / STATE).exists()):
            what = parts[0] if parts else STATE
            raise refused(f"{self.path} holds a part of something that is not whole ({what}); {_ELSE}")

    def _clear(self) -> None:
        """Remove what a run has left that was not finished, the mark last."""
        for each in [*self.path.glob(PARTS), self.path / f"{METADATA}.tmp", self.path / "initwise.json"]:
            each.unlink(missing_ok=True)
        (self.path / STATE).unlink(missing_ok=True)
