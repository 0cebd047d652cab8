"""The report: one page about a plan and its signals, or about an experiment, for people, offline."""

from initwise.pages._page import ENDINGS, Page, checked_path
from initwise.pages._report import report

__all__ = ["ENDINGS", "Page", "checked_path", "report"]
