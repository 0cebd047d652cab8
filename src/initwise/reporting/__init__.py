"""Rendering: tables, findings and reports, as text for people and in the forms of machines, whoever made them."""

from initwise.findings import CATALOGUE, Code, Column, Finding, Severity, Table
from initwise.reporting._fingerprint import fingerprint
from initwise.reporting._github import github
from initwise.reporting._html import LONG, Markup, bars_svg, details, fragment, paragraph, table_html
from initwise.reporting._json import plain, to_json
from initwise.reporting._junit import junit
from initwise.reporting._markdown import markdown, markdown_line
from initwise.reporting._names import common_name, unnumbered
from initwise.reporting._report import Report, Suppressed
from initwise.reporting._sarif import sarif
from initwise.reporting._text import text

__all__ = [
    "CATALOGUE",
    "LONG",
    "Code",
    "Column",
    "Finding",
    "Markup",
    "Report",
    "Severity",
    "Suppressed",
    "Table",
    "bars_svg",
    "common_name",
    "details",
    "fingerprint",
    "fragment",
    "github",
    "junit",
    "markdown",
    "markdown_line",
    "paragraph",
    "plain",
    "sarif",
    "table_html",
    "text",
    "to_json",
    "unnumbered",
]
