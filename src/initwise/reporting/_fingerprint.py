"""Fingerprints: what stays of a finding from one run to the next."""

from __future__ import annotations

import hashlib

from initwise.findings import Finding
from initwise.reporting._report import Report


def fingerprint(finding: Finding, report: Report) -> str:
    """Return 32 hex digits of a finding's code, parameter and shape; numbers that were measured play no part."""
    place = report.place(finding.parameter)
    shape = "x".join(map(str, place.shape)) if place else ""
    return hashlib.sha256(f"{finding.code}\n{finding.parameter}\n{shape}".encode()).hexdigest()[:32]
