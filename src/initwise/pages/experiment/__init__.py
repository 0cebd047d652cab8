"""The report about an experiment: what a `Comparison` showed, on one page."""

from initwise.pages.experiment._page import ComparisonPage

__all__ = ["ComparisonPage"]
