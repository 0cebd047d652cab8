"""From frames to the record of what was not finite first."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from initwise.findings import found
from initwise.model import Reading
from initwise.monitoring._alert import Alert
from initwise.monitoring._flight import Flight, first_bad
from initwise.monitoring._forward import place
from initwise.monitoring._frame import Frame, LayerRow
from initwise.monitoring._laws import weight_of


def not_finite(frame: Frame, frames: Sequence[Frame], reading: Reading) -> tuple[Flight, Alert] | None:
    """Return record and alert where a frame holds what is not finite; None where it does not."""
    row = first_bad(frame)
    if row is not None:
        return _layer(row, frame, frames, reading)
    bad = [] if frame.skipped else [each for each in frame.parameters if each.grad_nan or each.grad_infinite]
    if not bad:
        return None
    where = f"the gradient of {bad[-1].name} is not finite"
    alert = found(
        "TRN901",
        bad[-1].name,
        f"the optimizer took a gradient that is not finite ({len(bad)} of {len(frame.parameters)} parameters), though"
        " all outputs of layers were",
        f"{bad[-1].grad_nan} NaN, {bad[-1].grad_infinite} infinite",
        "finite numbers",
    )
    return Flight(frame.step, where, "", tuple(frames)), Alert(frame.step, alert)


def _layer(row: LayerRow, frame: Frame, frames: Sequence[Frame], reading: Reading) -> tuple[Flight, Alert]:
    counts = f"{row.nan} NaN, {row.infinite} infinite"
    where = f"the output of {place(row)} is not finite: {counts}"
    broken = [name for name in row.parameters if not _was_finite(name, frame, reading)]
    before = (
        f"; {broken[0]} was not before the step: its cause lies in a step that was not looked at, which"
        " flight='always' would show"
        if broken
        else ""
    )
    alert = found(
        "SIG506",
        broken[0] if broken else weight_of(row.parameters, None) or place(row),
        f"the output of {place(row)} is not finite, the first in the pass{before}",
        f"{counts} of a peak {_peak_before(row, frames)}",
        "finite numbers",
    )
    return Flight(frame.step, where, row.module, tuple(frames)), Alert(frame.step, alert)


def _was_finite(name: str, frame: Frame, reading: Reading) -> bool:
    """Tell whether a weight was finite before the step: from the frame, or, in light ones, as it is now."""
    row = next((each for each in frame.parameters if each.name == name), None)
    if row is not None and row.rms is not None:
        return row.rms == row.rms and row.rms != float("inf")
    tensor: Tensor = reading[name].tensor.detach()
    return bool(tensor.isfinite().all())


def _peak_before(row: LayerRow, frames: Sequence[Frame]) -> str:
    """Say how large the output was in the frames before."""
    peaks = [
        f"{each.peak:.3g} in step {frame.step}"
        for frame in frames
        for each in frame.layers
        if (each.module, each.call, each.operation) == (row.module, row.call, row.operation) and each.finite
    ]
    return f"of {', '.join(peaks[-3:])} before" if peaks else "that was never seen before"
