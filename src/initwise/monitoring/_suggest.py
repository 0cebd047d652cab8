"""From what was seen to the change to try: which parameters are suspect, and what `auto` would give them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from initwise.findings import Finding
from initwise.model import Reading
from initwise.monitoring import _early, _usual
from initwise.monitoring._alert import Alert
from initwise.monitoring._flight import Flight
from initwise.monitoring._laws import by
from initwise.monitoring._seen import Seen
from initwise.monitoring._suggestion import Change, Kind, Suggestion
from initwise.planning import Plan, Row
from initwise.rules import Rule, rule
from initwise.selectors import Name

_OF_LAWS = frozenset({"SIG501", "SIG502", "SIG506", "GRD603", "TRN902"})
_FAST, _SLOW, _AIM = 1e-2, 1e-5, 1e-3  # medians of |update| / |weight|
_SETTLED = 3  # sampled steps before a median counts


def suggestion(seen: Seen, reading: Reading, inputs: Any, alerts: Sequence[Alert], flight: Flight | None) -> Suggestion:
    """Return the change that the frames, the alerts and the flight recorder speak for."""
    if not seen.frames:
        return Suggestion(notes=("no step was sampled yet: train a few steps first",))
    suspects = _suspects(seen, alerts)
    changes: list[Change] = []
    rules: list[Rule] = []
    rows: dict[str, Row] = {}
    notes: list[str] = []
    usual = _usual.auto(reading, inputs, seen.plan.seed if seen.plan is not None else 0) if suspects else None
    if suspects and usual is None:
        notes.append("auto does not know this model, so that no law can be named; see the alerts")
    if usual is not None:
        for name, row in _wanted(usual, seen, suspects).items():
            changes.append(_change(row, seen, suspects[name]))
            rules.append(rule(Name(name), row.initializer, why=suspects[name]))
            rows[name] = row
        if not rows:
            notes.append("the laws of all suspects are about those of auto: the learning rate or the data are to blame")
    rate, why = _rate(seen, flight, lawful=not rows)
    if rate != 1.0:
        changes.append(_of_rate(seen, rate, why))
    return Suggestion(tuple(changes), tuple(rules), _changed(seen.plan, rows), rate, tuple(notes))


def _suspects(seen: Seen, alerts: Sequence[Alert]) -> dict[str, str]:
    """Return the parameters that something speaks against, each with what it is."""
    names = {row.name for row in seen.now.parameters}
    found: dict[str, str] = {}
    for name, why in _early.suspects(seen):
        found.setdefault(name, why)
    for finding in (each for alert in alerts for each in alert.finding.each()):
        if finding.code in _OF_LAWS and finding.parameter in names:
            found.setdefault(finding.parameter, _evidence(finding))
            bias = f"{finding.parameter.rpartition('.')[0]}.bias".removeprefix(".")
            if finding.code == "SIG501" and bias in names:
                found.setdefault(bias, _evidence(finding))
    return found


def _wanted(usual: Plan, seen: Seen, suspects: Mapping[str, str]) -> dict[str, Row]:
    measured = {row.name: row.rms for row in seen.frames[0].parameters if row.rms is not None}
    differing = _usual.differing(usual, seen.plan, measured)
    return {name: row for name, row in differing.items() if name in suspects}


def _change(row: Row, seen: Seen, why: str) -> Change:
    own = seen.plan[row.name] if seen.plan is not None else None
    if own is None:
        rms = next((each.rms for each in seen.frames[0].parameters if each.name == row.name), None)
        old = "as it was found" if rms is None else f"rms {rms:.3g}"
    else:
        old = by(own.initializer)
    std = f", std {row.law.std:.3g}" if row.law is not None and row.law.std else ""
    return Change(_kind(own, row), row.name, old, f"{row.initializer!r}{std}", why)


def _kind(own: Row | None, wanted: Row) -> Kind:
    """Say what changes: the family of the law, its scale, or its scale by the number of residual branches."""
    if "branch" in wanted.reason or "residual" in wanted.reason:
        return "depth scaling"
    laws = (own.law if own is not None else None), wanted.law
    if laws[0] is not None and laws[1] is not None and laws[0].name == laws[1].name and laws[0].std and laws[1].std:
        return "gain"
    return "law"


def _rate(seen: Seen, flight: Flight | None, *, lawful: bool) -> tuple[float, str]:
    """Return the factor of the learning rate, and why: 1.0 where it may stay."""
    medians = list(_medians(seen))
    if flight is not None and lawful and flight.step != seen.frames[0].step:
        return 0.1, f"step {flight.step}: {flight.where}, and the first frames were sound"
    if len(medians) < _SETTLED:
        return 1.0, ""
    middle = median(medians[1:])
    if _SLOW <= middle <= _FAST or (middle < _SLOW and (middle == 0.0 or not lawful)):
        return 1.0, ""  # what stands still because no signal comes through moves when the laws let it through
    factor = min(max(_AIM / middle, 1e-3), 1e3)
    digits = 10 ** math.floor(math.log10(factor))
    return round(factor / digits) * digits, f"the median of |update| / |weight| over matrices is {middle:.2g}"


def _medians(seen: Seen) -> Iterator[float]:
    for frame in seen.frames:
        ratios = [
            row.update_ratio for row in frame.parameters if row.name in seen.matrices and row.update_ratio is not None
        ]
        if ratios and not frame.skipped:
            yield median(ratios)


def _of_rate(seen: Seen, factor: float, why: str) -> Change:
    now = next((frame.rate for frame in reversed(seen.frames) if frame.rate), None)
    old, new = ("1", f"times {factor:g}") if now is None else (f"{now:.3g}", f"{now * factor:.3g}")
    return Change("learning rate", "", old, new, why)


def _changed(plan: Plan | None, rows: Mapping[str, Row]) -> Plan | None:
    """Return the plan with other laws for some parameters; the stream's names and the seed stay."""
    if plan is None or not rows:
        return None
    changed = (
        replace(
            row,
            initializer=rows[row.name].initializer,
            axes=rows[row.name].axes or row.axes,
            blocks=rows[row.name].blocks or row.blocks,
            rule="monitor.suggest",
            reason=rows[row.name].reason,
        )
        if row.name in rows
        else row
        for row in plan
    )
    return replace(plan, rows=tuple(changed))


def _evidence(finding: Finding) -> str:
    return f"{finding.code}: {finding.message}"
