"""Callbacks that let a trainer's loop tell a monitor of its steps."""

from initwise.monitoring.callbacks._lightning import lightning_callback
from initwise.monitoring.callbacks._transformers import transformers_callback

__all__ = ["lightning_callback", "transformers_callback"]
