"""SYM: units, rows and layers that are copies of each other."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = ()
