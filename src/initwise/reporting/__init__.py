"""Rendering: tables, findings and reports, as text for people and in the forms of machines, whoever made them."""

from initwise.findings import CATALOGUE, Code, Column, Finding, Severity, Table
from initwise.reporting._fingerprint import fingerprint
from initwise.reporting._github import github
from initwise.reporting._json import plain, to_json
from initwise.reporting._junit import junit
from initwise.reporting._names import common_name, unnumbered
from initwise.reporting._report import Report, Suppressed
from initwise.reporting._sarif import sarif
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
    "common_name",
    "fingerprint",
    "github",
    "junit",
    "plain",
    "sarif",
    "text",
    "to_json",
    "unnumbered",
]
