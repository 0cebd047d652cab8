"""Provenance: which operation wrote each parameter, and which were never written."""

from initwise.provenance._log import Log
from initwise.provenance._record import record
from initwise.provenance._rows import Row, Write

__all__ = ["Log", "Row", "Write", "record"]
