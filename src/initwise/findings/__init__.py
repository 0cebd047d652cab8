"""What results are made of: tables and findings as plain frozen values, and the codes of findings. No torch."""

from initwise.findings._code import Code, Severity
from initwise.findings._finding import Finding, found
from initwise.findings._tables import Align, Column, Table
from initwise.findings.catalogue import CATALOGUE

__all__ = ["CATALOGUE", "Align", "Code", "Column", "Finding", "Severity", "Table", "found"]
