"""What a measured pass raises."""

from __future__ import annotations

from initwise.errors import InitwiseError


class ProbeError(InitwiseError, RuntimeError):
    """The measured pass failed: in the model, in the loss, or because it left something changed."""
