"""ZER: zeros that block what should learn."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = ()
