"""Signals as people see them: tables with bars, sentences, and fragments for notebooks."""

from initwise.signals.shown._bars import Bars
from initwise.signals.shown._html import html
from initwise.signals.shown._lines import Rows
from initwise.signals.shown._sentences import classes
from initwise.signals.shown._text import compared, document, text

__all__ = ["Bars", "Rows", "classes", "compared", "document", "html", "text"]
