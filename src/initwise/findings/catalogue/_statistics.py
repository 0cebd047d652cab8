"""STA: the values as a sample of a law."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = ()
