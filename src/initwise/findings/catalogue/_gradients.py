"""GRD: what a measured backward pass shows."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = ()
