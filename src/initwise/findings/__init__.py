"""What results are made of: tables and findings as plain frozen values, and the codes of findings. No torch."""

from initwise.findings._code import Code, Severity
from initwise.findings._finding import Finding, found
from initwise.findings._place import Place, bare
from initwise.findings._select import SEVERITIES, at_least, matching
from initwise.findings._tables import Align, Column, Table
from initwise.findings.catalogue import CATALOGUE, CATALOGUE_VERSION

__all__ = [
    "CATALOGUE",
    "CATALOGUE_VERSION",
    "SEVERITIES",
    "Align",
    "Code",
    "Column",
    "Finding",
    "Place",
    "Severity",
    "Table",
    "at_least",
    "bare",
    "found",
    "matching",
]
