"""TIE: parameters that share memory, or should."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = ()
