"""All lints, in the order in which `check` asks them."""

from __future__ import annotations

from initwise.lints._subject import Lint
from initwise.lints.measured import MEASURED
from initwise.lints.scale import SCALE
from initwise.lints.shared import SHARED
from initwise.lints.symmetry import SYMMETRY
from initwise.lints.values import VALUES
from initwise.lints.zeros import ZEROS

LINTS: tuple[Lint, ...] = (*VALUES, *SYMMETRY, *ZEROS, *SCALE, *SHARED, *MEASURED)
