"""The depth map: what one layer of an infinitely wide network does to a signal's variance and correlations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from torch import Tensor

from initwise._arguments import Arguments
from initwise.signals.theory import _moments
from initwise.signals.theory._correlations import ArcCosine, Series, series
from initwise.signals.theory._functions import Activation, resolved
from initwise.signals.theory._roots import brackets, root

Phase = Literal["ordered", "critical", "chaotic"]
CRITICAL = 1e-6  # how near to 1 chi is critical: it takes a million layers to show
_NOISE = 1e-10
_SMALL = 1e-12  # stands for a variance of 0, where a limit is meant
_GRID = [k / 100 for k in range(-99, 100)] + [1 - 10.0**-k for k in (2.5, 3, 3.5, 4, 5, 6)]


@dataclass(frozen=True)
class FixedPoint:
    """A variance q that a layer reproduces, the slope of the map there, and chi."""

    q: float
    slope: float
    chi: float

    @property
    def stable(self) -> bool:
        """Whether variances nearby come nearer, layer by layer."""
        return abs(self.slope) < 1 - _NOISE

    @property
    def length(self) -> float:
        """Over how many layers they do so by a factor e: -1 / ln |slope|; infinite where they do not."""
        if not self.stable:
            return math.inf
        return -1 / math.log(abs(self.slope)) if self.slope else 0.0

    @property
    def word(self) -> str:
        """Whether it is stable, in a word or two; "marginal" where the slope is 1."""
        return "stable" if self.stable else "marginal" if self.slope < 1 + _NOISE else "not stable"


@dataclass(frozen=True)
class FixedPoints:
    """All fixed points of a map, smallest first; `every` says that each q is one; `sentence` says it in words."""

    points: tuple[FixedPoint, ...]
    every: bool
    sentence: str

    def __iter__(self) -> Iterator[FixedPoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> FixedPoint:
        return self.points[index]


@dataclass(frozen=True)
class FixedCorrelation:
    """A correlation c between two signals that a layer reproduces, and the slope of the map there."""

    c: float
    slope: float

    @property
    def stable(self) -> bool:
        """Whether correlations nearby come nearer, layer by layer."""
        return self.slope < 1 - CRITICAL


@dataclass(frozen=True)
class DepthMap:
    """One layer x -> W f(x) + b of infinite width, as a map of the variance q of x: q' = sw2 E f(sqrt(q) z)^2 + sb2.

    From Poole et al. 2016 (arXiv 1606.05340) and Schoenholz et al. 2017 (arXiv 1611.01232).

    Args:
        activation: f: a name that `initwise.gain` knows, a module, or an element-wise function of a tensor.
        weight_variance: sw2 = fan_in * Var w; not negative.
        bias_variance: sb2 = Var b; not negative.

    Raises:
        ArgumentError: an activation that is unknown or not element-wise, a negative variance.

    >>> layer = DepthMap("tanh", (5 / 3) ** 2)
    >>> point = layer.fixed_points()[-1]
    >>> round(point.q, 5), round(point.chi, 5), layer.phase(point.q)
    (1.17848, 1.20983, 'chaotic')
    """

    activation: str | Callable[..., Any] | Activation
    weight_variance: float
    bias_variance: float = 0.0

    def __post_init__(self) -> None:
        check = Arguments("DepthMap")
        for name in ("weight_variance", "bias_variance"):
            if check.number(name, getattr(self, name)) < 0:
                check.refuse(f"{name} is {getattr(self, name)}, and a variance is not negative")
        check.done()
        object.__setattr__(self, "_f", resolved("DepthMap", self.activation))

    @property
    def f(self) -> Activation:
        """The activation, as a pure function."""
        found: Activation = self._f  # type: ignore[attr-defined]
        return found

    def variance(self, q: float) -> float:
        """Return the next layer's variance, sw2 E f(sqrt(q) z)^2 + sb2."""
        return self.weight_variance * _moments.square(self.f, _variance("variance", q)) + self.bias_variance

    def slope(self, q: float) -> float:
        """Return the derivative of `variance`: below 1 at a fixed point, deviations die out."""
        return self.weight_variance * _moments.square_slope(self.f, _variance("slope", q))

    def chi(self, q: float) -> float:
        """Return chi = sw2 E f'(sqrt(q) z)^2: by which a layer multiplies squared gradients and small differences."""
        return self.weight_variance * _moments.slope_square(self.f, _variance("chi", q))

    def trajectory(self, q0: float, depth: int) -> tuple[float, ...]:
        """Return the variances from q0 on, after 0, 1, ... `depth` layers; it is cut where they leave all bounds."""
        found = [_variance("trajectory", q0)]
        for _ in range(_depth("trajectory", depth)):
            if not found[-1] < 1e30:
                break
            found.append(self.variance(found[-1]))
        return tuple(found)

    def fixed_points(self) -> FixedPoints:
        """Return the variances that a layer reproduces: 0 where it is one, and those from 1e-6 to 1e6.

        Each is a crossing; one that the map only touches, such as `half_stable` gives, is not among them.
        """
        if self.f.is_homogeneous:
            return self._of_homogeneous()
        found = [0.0] if self.bias_variance == 0 and self.f.at_zero == 0 else []
        growth = (self.weight_variance * self._scan[0] + self.bias_variance) / _moments.SCAN
        for low, high in brackets(_moments.SCAN.log().tolist(), (growth - 1).tolist(), 1e-9):
            place = root(lambda log: self.variance(math.exp(log)) / math.exp(log) - 1, low, high)
            found += [] if place is None else [math.exp(place)]
        points = tuple(map(self._point, found))
        return FixedPoints(points, False, _in_words(points))

    def _of_homogeneous(self) -> FixedPoints:
        gain = self.slope(1.0)
        if self.bias_variance == 0 and abs(gain - 1) < _NOISE:
            return FixedPoints((), True, f"{self.f.name} is homogeneous and each layer keeps every variance")
        if self.bias_variance and gain > 1 - _NOISE:
            return FixedPoints((), False, f"{self.f.name} is homogeneous and every variance grows, {gain:.6g} a layer")
        points = (self._point(self.bias_variance / (1 - gain)),)
        return FixedPoints(points, False, f"{self.f.name} is homogeneous: {_in_words(points)}")

    def _point(self, q: float) -> FixedPoint:
        return FixedPoint(q, self.slope(q), self.chi(q))

    def correlation(self, c: float, q: float) -> float:
        """Return the correlation after a layer, of two signals with the variance q and the correlation c before it."""
        _correlation(c)
        after = self.variance(q)
        return 1.0 if c == 1 or after == 0 else self._covariance(c, q) / after

    def correlation_slope(self, c: float, q: float) -> float:
        """Return the derivative of `correlation` by c; at c = 1 and a fixed q it is chi."""
        _correlation(c)
        if c == 1 or q == 0:
            return self.chi(q) * (q / self.variance(q) if q else 1.0)
        return self.weight_variance * self._series(q).slope(c) / self.variance(q)

    def fixed_correlations(self, q: float) -> tuple[FixedCorrelation, ...]:
        """Return the correlations that a layer at the variance q reproduces, smallest first; 1 is always one."""
        q = q or _SMALL
        after = self.variance(q)
        found = []
        if after > 0:
            off = [self._covariance(c, q) / after - c for c in _GRID]
            for low, high in brackets(_GRID, off, _NOISE):
                found.append(root(lambda c: self._covariance(c, q) / after - c, low, high))
        return tuple(FixedCorrelation(c, self.correlation_slope(c, q)) for c in (*found, 1.0) if c is not None)

    def _covariance(self, c: float, q: float) -> float:
        return self.weight_variance * self._series(q).value(c) + self.bias_variance

    def correlation_length(self, q: float) -> float:
        """Return over how many layers the correlation of two signals comes nearer to its end by a factor e.

        It is -1 / ln chi in the ordered phase, -1 / ln |slope at c*| in the chaotic one, and infinite between them;
        networks train up to about six times this depth. It is NaN where no correlation below 1 is a stable end, as
        at a variance that layers do not keep.
        """
        phase = self.phase(q)
        if phase == "critical":
            return math.inf
        rate = self.chi(q)
        if phase == "chaotic":
            ends = [each for each in self.fixed_correlations(q) if each.c < 1 and each.stable]
            rate = abs(ends[-1].slope) if ends else math.nan
        return 0.0 if rate == 0 else -1 / math.log(rate)

    def phase(self, q: float) -> Phase:
        """Return whether signals become alike ("ordered", chi < 1), come apart ("chaotic") or neither ("critical")."""
        return phase_of(self.chi(q))

    @cached_property
    def _scan(self) -> tuple[Tensor, Tensor, Tensor]:
        return _moments.scanned(self.f)

    @cached_property
    def _known(self) -> dict[float, Series | ArcCosine]:
        return {}

    def _series(self, q: float) -> Series | ArcCosine:
        if q not in self._known:
            self._known[q] = series(self.f, q)
        return self._known[q]


def phase_of(chi: float) -> Phase:
    """Return the phase that goes with chi."""
    return "critical" if abs(chi - 1) < CRITICAL else "ordered" if chi < 1 else "chaotic"


def _in_words(points: tuple[FixedPoint, ...]) -> str:
    words = [f"q = {each.q:.6g} ({each.word})" for each in points]
    return f"fixed at {', '.join(words)}" if words else "no variance from 1e-6 to 1e6 is fixed"


def _variance(operation: str, q: float) -> float:
    check = Arguments(f"DepthMap.{operation}")
    found = check.number("q", q)
    if found < 0:
        check.refuse(f"q is {q}, and a variance is not negative")
    check.done()
    return found


def _depth(operation: str, depth: int) -> int:
    check = Arguments(f"DepthMap.{operation}")
    found = check.integer("depth", depth, least=0)
    check.done()
    return found


def _correlation(c: float) -> None:
    check = Arguments("DepthMap.correlation")
    if abs(check.number("c", c)) > 1:
        check.refuse(f"c is {c}, and a correlation lies from -1 to 1")
    check.done()
