"""DST: shards and ranks."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = ()
