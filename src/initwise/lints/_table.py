"""All lints, in the order in which `check` asks them."""

from __future__ import annotations

from initwise.lints._subject import Lint

LINTS: tuple[Lint, ...] = ()
