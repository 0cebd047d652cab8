"""What the first run of each list gave, before anything was mended: kept as it was."""

from collections.abc import Mapping

AT = ""
FIRST_RUN: Mapping[tuple[str, str], Mapping[str, int]] = {}
