"""Outliers: values that a sample of this size never holds, such as the spikes of a truncation gone wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.model import Parameter
from initwise.statistics import Sample

_ROLES = {"weight", "recurrent", "embedding", "position", "token", "bias"}
_FEWEST = 1024
_ALARM = 1e-6  # the chance that a normal sample has a value beyond the quantile
_BEYOND = 1.5  # and so far beyond it must lie
_SHARE = 1e-3  # more of them are a heavy tail, unless they are all equal to one bound or two
_PILED, _BOUNDS = 0.05, 2
_RARE = 1e-5
_HEAVY = 3.4  # kurtosis of the rest; heavier ones are no sample of a law that anybody draws from
_CHUNK = 2**20


class _Spikes(NamedTuple):
    """The values of one parameter that lie far out: how many, how many sigma, and what so many values may reach."""

    parameter: Parameter
    sample: Sample
    number: int
    sigmas: float
    quantile: float

    @property
    def lone(self) -> bool:
        return self.number < _RARE * self.sample.count


def outliers(subject: Subject) -> Iterator[Finding]:
    """STA204: a few values lie far beyond the extreme-value quantile, and nothing lies between."""
    lone: list[_Spikes] = []
    for parameter in subject.parameters:
        sample = subject.sample(parameter)
        if parameter.role in _ROLES and sample.count >= _FEWEST and sample.finite and not sample.constant:
            spikes = _spikes(parameter, sample)
            if spikes is not None and spikes.lone:
                lone.append(spikes)
            elif spikes is not None:
                yield _finding(spikes)
    if lone:
        subject.notes.append(_remark(lone))


def _spikes(parameter: Parameter, sample: Sample) -> _Spikes | None:
    centre, spread = _robust(sample.some)
    quantile = -NormalDist().inv_cdf(_ALARM / (2 * sample.count))
    bound = _BEYOND * quantile * spread
    if not spread or max(sample.moments.high - centre, centre - sample.moments.low) <= bound:
        return None
    far = _beyond(sample.tensor, centre, bound)
    count, nearest = far.numel(), float((far - centre).abs().min()) if far.numel() else 0.0
    between = _beyond(sample.tensor, centre, quantile * spread).numel() - count
    at_bounds = far.unique().numel() <= _BOUNDS  # a truncation gone wrong piles up there
    most = max(1.0, (_PILED if at_bounds else _SHARE) * sample.count)
    if count > most or between or _kurtosis_within(sample.some, centre, bound) > _HEAVY:
        return None
    return _Spikes(parameter, sample, count, nearest / spread, quantile)


def _finding(spikes: _Spikes) -> Finding:
    low, high = spikes.sample.moments.low, spikes.sample.moments.high
    return found(
        "STA204",
        spikes.parameter.name,
        f"{spikes.number:,} of {spikes.sample.count:,} values lie {spikes.sigmas:.3g} sigma or more from the others",
        f"{low:.3g} to {high:.3g}",
        f"at most {spikes.quantile:.3g} sigma in so many values",
    )


def _remark(lone: Sequence[_Spikes]) -> str:
    """Return one remark on single spikes among millions, which do little harm."""
    total = sum(spikes.number for spikes in lone)
    names = ", ".join(spikes.parameter.name for spikes in lone[:3]) + (", ..." if len(lone) > 3 else "")
    far = max(spikes.sigmas for spikes in lone)
    many = f"{total} lone values lie" if total > 1 else "one lone value lies"
    return f"{many} up to {far:.3g} sigma out in {names}: truncation by erfinv in float32 leaves such (STA204)"


def _robust(values: Tensor) -> tuple[float, float]:
    """Return the median, and the distance from it that half of the values have, as the sigma of a normal law."""
    centre = float(values.median())
    return centre, float((values - centre).abs().median()) / NormalDist().inv_cdf(0.75)


def _beyond(values: Tensor, centre: float, bound: float) -> Tensor:
    """Return the values beyond a distance from the centre."""
    chunks = (chunk.float() for chunk in values.detach().reshape(-1).split(_CHUNK))
    return torch.cat([chunk[(chunk - centre).abs() > bound] for chunk in chunks])


def _kurtosis_within(values: Tensor, centre: float, bound: float) -> float:
    kept = values[(values - centre).abs() <= bound]
    centred = kept - kept.mean()
    return float(centred.pow(4).mean() / centred.square().mean() ** 2)
