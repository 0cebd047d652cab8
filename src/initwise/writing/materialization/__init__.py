"""From the meta device to memory: parameters by plan, everything else as its constructor computes it."""

from initwise.writing.materialization._materialize import materialize

__all__ = ["materialize"]
