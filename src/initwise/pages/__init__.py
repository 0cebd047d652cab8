"""The report: one page about a plan and its signals, a training, or an experiment, for people, offline."""

from initwise.pages._page import ENDINGS, Page, checked_path
from initwise.pages._report import report
from initwise.pages.training import Html

__all__ = ["ENDINGS", "Html", "Page", "checked_path", "report"]
