"""JSON lines: a file to which one object is added for each frame and each alert."""

from __future__ import annotations

from pathlib import Path

from initwise.monitoring._alert import Alert
from initwise.monitoring._frame import Frame
from initwise.reporting import to_json


class JsonLines:
    """Writes one line of JSON for each frame (`{"frame": ...}`) and each alert (`{"alert": ...}`).

    Each line is complete on the disk before training goes on; a run that is resumed adds to the file. NaN and
    infinities are the strings "nan", "inf" and "-inf".

    Args:
        path: the file; its folder is made where it is missing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def frame(self, frame: Frame) -> None:
        """Add the frame."""
        self._add(to_json({"frame": frame}, indent=None))

    def alert(self, alert: Alert) -> None:
        """Add the alert."""
        self._add(to_json({"alert": alert}, indent=None))

    def close(self) -> None:
        """Nothing is left open."""

    def _add(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
