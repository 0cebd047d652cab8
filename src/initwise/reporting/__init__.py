"""Rendering: any table, finding or report as text for people or JSON for machines, without knowing who made it."""

from initwise.findings import CATALOGUE, Code, Column, Finding, Severity, Table
from initwise.reporting._fingerprint import fingerprint
from initwise.reporting._json import plain, to_json
from initwise.reporting._report import Report, Suppressed
from initwise.reporting._text import text

__all__ = [
    "CATALOGUE",
    "Code",
    "Column",
    "Finding",
    "Report",
    "Severity",
    "Suppressed",
    "Table",
    "fingerprint",
    "plain",
    "text",
    "to_json",
]
