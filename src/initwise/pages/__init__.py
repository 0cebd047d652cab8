"""The report: one page about a plan and its signals, for people, offline."""

from initwise.pages._page import Page, checked_path
from initwise.pages._report import report

__all__ = ["Page", "checked_path", "report"]
