"""From the meta device to memory: parameters by plan, everything else as its constructor computes it."""

from initwise.writing.materialization._arguments import is_pretrained
from initwise.writing.materialization._ladder import Ladder
from initwise.writing.materialization._materialize import materialize
from initwise.writing.materialization._rebuilt import Unknown
from initwise.writing.materialization._wanted import find_wanted

__all__ = ["Ladder", "Unknown", "find_wanted", "is_pretrained", "materialize"]
