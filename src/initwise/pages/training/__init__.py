"""The report about a training: what a `Monitor` saw, on one page, also while it goes on."""

from initwise.pages.training._content import gather
from initwise.pages.training._page import TrainingPage
from initwise.pages.training._sink import Html

__all__ = ["Html", "TrainingPage", "gather"]
