"""The frames that are kept."""

from __future__ import annotations

from collections import deque

from initwise.monitoring._frame import Frame

_RING = 8  # frames of the flight recorder


class History:
    """Full frames, thinned where they become too many, and the last frames of any kind."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.full: list[Frame] = []
        self.all: deque[Frame] = deque(maxlen=_RING)

    def add(self, frame: Frame) -> None:
        """Keep a frame; of too many, every second one of the older half goes, and the first stays."""
        self.all.append(frame)
        if frame.light:
            return
        self.full.append(frame)
        if len(self.full) > self._most:
            half = max(len(self.full) // 2, 2)
            self.full = [*self.full[:half:2], *self.full[half:]]
