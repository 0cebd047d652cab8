"""Both lists, and where a model is found by its name."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.signals._case import Case
from benchmarks.signals._developed import DEVELOPED
from benchmarks.signals._unseen import UNSEEN

LISTS: Mapping[str, tuple[Case, ...]] = {"developed": DEVELOPED, "unseen": UNSEEN}

__all__ = ["DEVELOPED", "LISTS", "UNSEEN"]
