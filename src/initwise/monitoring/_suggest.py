"""From what was seen to the change to try: which parameters are suspect, and what `auto` would give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from initwise.findings import Finding
from initwise.monitoring import _early, _outliers, _rate, _usual
from initwise.monitoring._alert import Alert
from initwise.monitoring._flight import Flight
from initwise.monitoring._laws import by
from initwise.monitoring._seen import Seen
from initwise.monitoring._suggestion import Change, Kind, Suggestion
from initwise.planning import Plan, Row
from initwise.rules import Rule, rule
from initwise.selectors import Name

_OF_LAWS = frozenset({"SIG501", "SIG502", "SIG506", "GRD603"})


def suggestion(seen: Seen, usual: Plan | None, alerts: Sequence[Alert], flight: Flight | None) -> Suggestion:
    """Return the change that frames, alerts and the flight recorder speak for; `usual` is the plan of `auto`."""
    changes: list[Change] = []
    rules: list[Rule] = []
    rows: dict[str, Row] = {}
    notes: list[str] = []
    suspects = _suspects(seen, alerts, usual)
    if suspects and usual is None:
        notes.append("auto does not know this model, so that no law can be named; see the alerts")
    if usual is not None:
        for name, row in _wanted(usual, seen, suspects).items():
            changes.append(_change(row, seen, suspects[name]))
            rules.append(rule(Name(name), row.initializer, why=suspects[name]))
            rows[name] = row
        if suspects and not rows:
            notes.append("the laws of all suspects are about those of auto: the learning rate or the data are to blame")
    factor, why = _rate.rate(seen, flight, lawful=not rows)
    if factor != 1.0:
        changes.append(_rate.change(seen, factor, why))
    return Suggestion(tuple(changes), tuple(rules), _changed(seen.plan, rows), factor, tuple(notes))


def _suspects(seen: Seen, alerts: Sequence[Alert], usual: Plan | None) -> dict[str, str]:
    """Return the parameters that something speaks against, each with what it is."""
    names = {row.name for row in seen.now.parameters}
    found: dict[str, str] = {}
    for name, why in (*_held_against(seen, usual), *_outliers.dead_products(seen), *_early.suspects(seen)):
        found.setdefault(name, why)
    for finding in (each for alert in alerts for each in alert.finding.each()):
        if finding.code in _OF_LAWS and finding.parameter in names:
            found.setdefault(finding.parameter, _evidence(finding))
            bias = f"{finding.parameter.rpartition('.')[0]}.bias".removeprefix(".")
            if finding.code == "SIG501" and bias in names:
                found.setdefault(bias, _evidence(finding))
    return found


def _held_against(seen: Seen, usual: Plan | None) -> Iterator[tuple[str, str]]:
    if usual is not None:
        yield from _outliers.unscaled(seen, usual)
        yield from _outliers.outliers(seen, usual)


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
    """Say what changes: the family of the law, its scale, or its scale by the number of writers into a stream."""
    if _outliers.is_writer(wanted):
        return "depth scaling"
    laws = (own.law if own is not None else None), wanted.law
    if laws[0] is not None and laws[1] is not None and laws[0].name == laws[1].name and laws[0].std and laws[1].std:
        return "gain"
    return "law"


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
