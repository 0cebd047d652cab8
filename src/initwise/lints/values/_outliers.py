"""Outliers: values that a sample of this size never holds, such as the spikes of a truncation gone wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist

from torch import Tensor

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.model import Parameter
from initwise.statistics import Sample

_ROLES = {"weight", "recurrent", "embedding", "position", "token", "bias"}
_FEWEST = 1024
_ALARM = 1e-6  # the chance that a normal sample has a value beyond the quantile
_BEYOND = 1.5  # and so far beyond it must lie
_SHARE = 1e-3  # more of them are a heavy tail
_RARE = 1e-5  # fewer do little harm: float32 trunc_normal_ leaves one at its bound in some ten million draws
_HEAVY = 3.4  # kurtosis of the rest; heavier ones are no sample of a law that anybody draws from
_CHUNK = 2**20


def outliers(subject: Subject) -> Iterator[Finding]:
    """STA204: a few values lie far beyond the extreme-value quantile, and nothing lies between."""
    for parameter in subject.parameters:
        sample = subject.sample(parameter)
        if parameter.role in _ROLES and sample.count >= _FEWEST and sample.finite and not sample.constant:
            yield from _outliers(parameter, sample)


def _outliers(parameter: Parameter, sample: Sample) -> Iterator[Finding]:
    centre, spread = _robust(sample.some)
    quantile = -NormalDist().inv_cdf(_ALARM / (2 * sample.count))
    bound = _BEYOND * quantile * spread
    if not spread or max(sample.moments.high - centre, centre - sample.moments.low) <= bound:
        return
    count, nearest = _beyond(sample.tensor, centre, bound)
    between = _beyond(sample.tensor, centre, quantile * spread)[0] - count
    if count > max(1.0, _SHARE * sample.count) or between or _kurtosis_within(sample.some, centre, bound) > _HEAVY:
        return
    far = nearest / spread
    yield found(
        "STA204",
        parameter.name,
        f"{count:,} of {sample.count:,} values lie {far:.3g} sigma or more from the others' centre",
        f"{sample.moments.low:.3g} to {sample.moments.high:.3g}, std of the others {spread:.3g}",
        f"at most {quantile:.3g} sigma in so many values",
        severity="info" if count < _RARE * sample.count else None,
    )


def _robust(values: Tensor) -> tuple[float, float]:
    """Return the median, and the distance from it that half of the values have, as the sigma of a normal law."""
    centre = float(values.median())
    return centre, float((values - centre).abs().median()) / NormalDist().inv_cdf(0.75)


def _beyond(values: Tensor, centre: float, bound: float) -> tuple[int, float]:
    """Return how many values lie beyond a distance, and the least distance of those."""
    count, nearest = 0, math.inf
    for chunk in values.detach().reshape(-1).split(_CHUNK):
        distance = (chunk.float() - centre).abs()
        far = distance[distance > bound]
        if far.numel():
            count, nearest = count + far.numel(), min(nearest, float(far.min()))
    return count, nearest


def _kurtosis_within(values: Tensor, centre: float, bound: float) -> float:
    kept = values[(values - centre).abs() <= bound]
    centred = kept - kept.mean()
    return float(centred.pow(4).mean() / centred.square().mean() ** 2)
