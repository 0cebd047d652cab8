"""Baselines: the findings that a project knows already, so that a check fails on new ones only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from initwise.errors import SchemaError
from initwise.findings import CATALOGUE_VERSION, Finding
from initwise.reporting import Report, fingerprint, to_json

SCHEMA = 1


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One known finding; only the fingerprint is compared, the rest is for people."""

    fingerprint: str
    code: str
    parameter: str
    message: str = ""


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a baseline file.

    Attributes:
        schema: the version of this form.
        catalogue: the version of the catalogue of codes that it was written with.
        findings: what is known.
    """

    schema: int
    catalogue: int
    findings: tuple[Entry, ...]

    @classmethod
    def of(cls, report: Report) -> Baseline:
        """Return what a report found, known findings included; suppressed ones have their own reason."""
        found = [
            Entry(fingerprint(each, report), each.code, each.parameter, each.message)
            for finding in (*report.findings, *report.known)
            for each in finding.each()
        ]
        return cls(SCHEMA, CATALOGUE_VERSION, tuple(sorted(found, key=lambda each: (each.code, each.parameter))))

    def text(self) -> str:
        """Return the file's content, one finding after the other, ready for a diff."""
        return to_json(msgspec.to_builtins(self)) + "\n"


@dataclass(frozen=True)
class Known:
    """What a baseline says of one run: new findings, known ones, and entries that no longer occur."""

    new: tuple[Finding, ...]
    known: tuple[Finding, ...]
    gone: tuple[Entry, ...]


def read_baseline(path: str | Path) -> Baseline:
    """Read a baseline file.

    Raises:
        SchemaError: it cannot be read, is no JSON, is of another version, or has not the form of one.
    """
    place = Path(path)
    again = "write it anew with initwise check TARGET --write-baseline FILE"
    try:
        data = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise SchemaError(f"baseline {place}", [f"it cannot be read: {error.strerror or error}"]) from error
    except ValueError as error:
        raise SchemaError(f"baseline {place}", [f"it is no JSON: {error}; {again}"]) from error
    version = data.get("schema") if isinstance(data, dict) else None
    if version != SCHEMA:
        said = f"its schema version is {version!r}, and this initwise reads {SCHEMA}; {again}"
        raise SchemaError(f"baseline {place}", [said])
    return _converted(place, data, again)


def _converted(place: Path, data: Any, again: str) -> Baseline:
    try:
        return msgspec.convert(data, Baseline)
    except msgspec.ValidationError as error:
        raise SchemaError(f"baseline {place}", [f"{error}; {again}"]) from error


def compared(findings: Sequence[Finding], report: Report, baseline: Baseline) -> Known:
    """Hold findings against a baseline. What occurs more often than it is known is new."""
    left = Counter(entry.fingerprint for entry in baseline.findings)
    new: list[Finding] = []
    known: list[Finding] = []
    for finding in findings:
        mark = fingerprint(finding, report)
        (known if left[mark] > 0 else new).append(finding)
        left[mark] -= 1
    gone = []
    for entry in reversed(baseline.findings):
        if left[entry.fingerprint] > 0:
            left[entry.fingerprint] -= 1
            gone.append(entry)
    return Known(tuple(new), tuple(known), tuple(reversed(gone)))
