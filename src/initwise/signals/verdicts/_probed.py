"""What a probe measured, as `Signals`: `judge` takes it like any other."""

from __future__ import annotations

import math

from initwise.model import Reading
from initwise.signals._event import Event
from initwise.signals._probe import Probe
from initwise.signals._row import SignalRow
from initwise.signals._signals import Signals


def probed(probe: Probe, reading: Reading) -> Signals:
    """Return the events of a measured pass as rows; of parameters nothing is said that `reading` does not know."""
    return Signals(
        kind="measured",
        model=type(reading.model).__name__,
        inputs="",
        rows=tuple(map(_row, probe.events)),
        parameters={},
        loss=probe.loss,
        outputs=probe.outputs,
    )


def _row(event: Event) -> SignalRow:
    moment, varied = event.second_moment, event.variation
    known = math.isfinite(moment)
    return SignalRow(
        event.index,
        event.module,
        event.operation,
        event.call,
        event.line,
        event.parameters,
        event.inputs,
        event.shape,
        mean=event.mean if known else None,
        second_moment=moment if known else None,
        grad_second_moment=event.grad_second_moment,
        sample_correlation=None if varied is None or not known or not moment else 1 - varied / moment,
        why="" if known else "an element is infinite or NaN",
        peak=event.peak,
        units=event.units,
        dead=event.dead,
        saturated=event.saturated,
    )
