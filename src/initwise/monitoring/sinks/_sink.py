"""`Sink`: what takes frames and alerts; and frames as flat numbers, for those that draw curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from initwise._arguments import Arguments, show
from initwise.monitoring._alert import Alert
from initwise.monitoring._frame import Frame, LayerRow

_LAYER = ("second_moment", "peak", "dead", "saturated", "effective_rank", "grad_second_moment", "nan", "infinite")
_PARAMETER = ("rms", "grad_second_moment", "update_ratio", "distance")


@runtime_checkable
class Sink(Protocol):
    """Takes what a monitor sees, when it sees it."""

    def frame(self, frame: Frame) -> None:
        """Take the frame of a sampled step."""

    def alert(self, alert: Alert) -> None:
        """Take an alert, when it is new."""

    def close(self) -> None:
        """No more will come."""


@runtime_checkable
class Onlooker(Protocol):
    """A sink that shows more than frames and alerts, and is told of its monitor before training starts."""

    def watch(self, monitor: Any) -> None:
        """Know the monitor; keep no strong reference, or a monitor that is dropped would stay."""


def as_sinks(value: Any, check: Arguments) -> tuple[Sink, ...]:
    """Return the sinks, of one or several."""
    several = (value,) if isinstance(value, Sink) or not isinstance(value, Iterable) else tuple(value)
    for each in several:
        if not isinstance(each, Sink) or isinstance(each, type):
            check.refuse(
                f"sinks holds {show(each)} of type {type(each).__name__}; give monitoring.JsonLines(path) or another"
                " sink, or an object with the methods frame, alert and close",
                wrong_type=True,
            )
    return tuple(each for each in several if isinstance(each, Sink))


def scalars(frame: Frame) -> Mapping[str, float]:
    """Return a frame as numbers by name, such as "layer/blocks.3.mlp/dead" and "parameter/head.weight/update_ratio".

    What is unknown or not finite is left out; of counts of NaN and infinities only those above zero are there.
    """
    found: dict[str, float] = {}
    if frame.loss is not None:
        found["loss"] = frame.loss
    for row in frame.layers:
        found |= _numbers(f"layer/{label(row)}", row, _LAYER)
    for each in frame.parameters:
        found |= _numbers(f"parameter/{each.name}", each, _PARAMETER)
    return {name: number for name, number in found.items() if math.isfinite(number)}


def label(row: LayerRow) -> str:
    """Return the name of a layer's curve: its module, the function that is no module, the call from the second on."""
    function = "" if row.operation[:1].isupper() else f".{row.operation}"
    return f"{row.module or 'model'}{function}" + (f"#{row.call}" if row.call else "")


def _numbers(prefix: str, row: Any, names: Iterable[str]) -> dict[str, float]:
    values = {name: getattr(row, name) for name in names}
    counts = ("nan", "infinite")
    return {f"{prefix}/{name}": float(v) for name, v in values.items() if v is not None and (v or name not in counts)}
