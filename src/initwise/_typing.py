"""Type aliases that several rooms share."""

from __future__ import annotations

from typing import Literal

FanMode = Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]
Convention = Literal["exact", "torch"]
