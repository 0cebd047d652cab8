"""Who runs a cell, and whether they still live."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BEAT = 10.0  # seconds between two signs of life
SILENCE = 60.0  # seconds without one after which a worker elsewhere is taken for dead
NAMELESS = 10.0  # seconds after which a cell that runs without a claim is taken for abandoned

Claim = dict[str, Any]


def here() -> str:
    """Return a name for where process ids mean what they mean here: machine, boot and namespace."""
    parts = [socket.gethostname()]
    for told in (lambda: Path("/proc/sys/kernel/random/boot_id").read_text().strip(), _namespace):
        try:
            parts.append(told())
        except OSError:
            continue
    return "/".join(parts)


def _namespace() -> str:
    return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - it is no path


def claim() -> Claim:
    """Return the claim of this process."""
    pid = os.getpid()
    return {"host": here(), "pid": pid, "started": started(pid)}


def started(pid: int) -> str | None:
    """Return when a process started, in the system's own count; "" where it does not run, None where nobody can say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return "" if Path("/proc/self/stat").exists() else None
    except OSError:
        return None
    return "" if fields[0] in {"Z", "X"} else fields[19]


def lives(pid: int, begun: str | None) -> bool:
    """Tell whether the process that had this id at that time still runs."""
    now = started(pid)
    if now is not None and begun is not None:
        return now == begun
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@dataclass
class Watch:
    """What one process has seen of the claims of others: when each last changed, by its own clock."""

    seen: dict[int, tuple[Any, float]] = field(default_factory=dict)

    def abandoned(self, number: int, attributes: dict[str, Any]) -> bool:
        """Tell whether the worker of a running trial is dead."""
        held: Claim | None = attributes.get("claim")
        if held is not None and held["host"] == here():
            return not lives(held["pid"], held["started"])
        now = time.monotonic()
        sign = None if held is None else (held["host"], held["pid"], attributes.get("beat"))
        if number not in self.seen or self.seen[number][0] != sign:
            self.seen[number] = sign, now
        return now - self.seen[number][1] > (NAMELESS if held is None else SILENCE)
