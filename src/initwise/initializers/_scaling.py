"""`VarianceScaling`: the general law that the named schemes are cases of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from initwise._arguments import Arguments
from initwise._typing import FanMode
from initwise.fans import Fans
from initwise.initializers._elementwise import ElementWise, centred
from initwise.initializers._target import Target
from initwise.random import Draw

Distribution = Literal["normal", "uniform", "truncated_normal"]
MODES: tuple[str, ...] = get_args(FanMode)


@dataclass(frozen=True, repr=False)
class VarianceScaling(ElementWise):
    """Mean zero and variance scale / fan, exactly, for each distribution.

    The truncated normal is cut at two sigmas of its parent, which is widened so that the variance still holds.

    Args:
        scale: variance times fan, above zero.
        mode: which fan: "fan_in", "fan_out", "fan_avg" (their mean) or "fan_geo_avg" (sqrt(fan_in * fan_out)).
        distribution: "normal", "uniform" or "truncated_normal".

    Raises:
        ArgumentError: an unknown mode or distribution, or a scale that is not positive and finite.

    >>> import initwise as iw
    >>> iw.VarianceScaling(scale=2.0, mode="fan_out")
    VarianceScaling(scale=2.0, mode='fan_out')
    """

    scale: float = 1.0
    mode: FanMode = "fan_in"
    distribution: Distribution = "normal"

    def __post_init__(self) -> None:
        check = Arguments("VarianceScaling")
        scale = check.number("scale", self.scale)
        if scale <= 0:
            check.refuse(f"scale is {scale}, and must be positive; use Zeros() instead")
        check.choice("mode", self.mode, MODES)
        check.choice("distribution", self.distribution, get_args(Distribution))
        check.done()
        self._store(scale=scale)

    def variance(self, target: Target) -> float:
        """Return the variance for `target`: scale / fan."""
        return self.scale / fan(target.known_fans(repr(self)), self.mode)

    def _real(self, target: Target) -> Draw:
        return centred(self.distribution, self.variance(target) / (2 if target.is_complex else 1))


def fan(fans: Fans, mode: FanMode) -> float:
    """Return the fan that `mode` names.

    >>> fan(Fans(2, 8), "fan_geo_avg")
    4.0
    """
    if mode == "fan_in":
        return fans.fan_in
    if mode == "fan_out":
        return fans.fan_out
    if mode == "fan_avg":
        return (fans.fan_in + fans.fan_out) / 2
    return math.sqrt(fans.fan_in * fans.fan_out)
