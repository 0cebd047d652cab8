"""Two models: bit for bit, by law, and how far apart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from statistics import NormalDist

import torch
from torch import Tensor

from initwise.differences._bits import Apart, apart, identical
from initwise.differences._match import matched, name_of, names
from initwise.differences._samples import finite, has_values, model_words, sample, sample_of, values_words
from initwise.differences._value import Compared, Difference
from initwise.model import Parameter, Reading, canonical_name, is_parallel, walk
from initwise.shards import local
from initwise.statistics import Sample

_FALSE_ALARM = 1e-4  # at most: the chance that any two parameters of one law are said to differ
_MARGIN = 0.02  # of the std: what is off by less is one law, however surely it can be measured
_RELATED = 64  # values from which on a correlation is told


def models(a: Reading, b: Reading) -> Difference:
    """Compare the parameters and buffers of two models."""
    sigmas = -NormalDist().inv_cdf(_FALSE_ALARM / (4 * max(1, len(a), len(b))))
    rows = [_parameters(one, other, sigmas) for one, other in matched(a.parameters, b.parameters)]
    return Difference(model_words(a), model_words(b), (*rows, *_buffers(a, b, sigmas)))


def _parameters(a: Parameter | None, b: Parameter | None, sigmas: float) -> Compared:
    if a is None or b is None:
        there, side = (a, "a") if a is not None else (b, "b")
        return _only(there, side)  # type: ignore[arg-type]
    if not (has_values(a) and has_values(b)):
        side = "b" if has_values(a) else "a"
        return Compared(name_of(a, b), "no values", a.shape, reason=f"it is on the meta device in {side}")
    try:
        values = [side.values().detach() for side in (a, b)]
    except Exception as error:  # noqa: BLE001 - a parametrization is any code
        said = f"the weight cannot be computed: {type(error).__name__}: {error}"
        return Compared(name_of(a, b), "no values", a.shape, reason=said)
    found = _values(name_of(a, b), values[0], values[1], sigmas)
    if names(a) != names(b) and (a.aliases or b.aliases):
        one, other = (", ".join(each.aliases) or "nothing" for each in (a, b))
        said = f"tied with {one} in a, with {other} in b"
        return _with(found, "ties differ" if found.same else found.status, said)
    return found


def _only(parameter: Parameter, side: str) -> Compared:
    if not has_values(parameter):
        return Compared(parameter.name, f"only in {side}", parameter.shape)
    held = sample_of(parameter)
    mean, std = finite(held.mean), finite(held.std)
    found = Compared(parameter.name, "only in a", parameter.shape, values_words(held), mean_a=mean, std_a=std)
    return found if side == "a" else found.turned()


def _buffers(a: Reading, b: Reading, sigmas: float) -> Iterator[Compared]:
    left, right = dict(_registered(a)), dict(_registered(b))
    for name in dict.fromkeys((*left, *right)):
        if name not in right or name not in left:
            yield Compared(name, f"only in {'a' if name in left else 'b'}", reason="a buffer")
        elif left[name].is_meta or right[name].is_meta:
            side = "a" if left[name].is_meta else "b"
            yield Compared(name, "no values", reason=f"a buffer on the meta device in {side}")
        else:
            found = _values(name, left[name], right[name], sigmas)
            # What a buffer holds is computed or counted, and follows no law.
            status = "differs" if found.status == "same law" else found.status
            yield _with(found, status, "a buffer")


def _registered(reading: Reading) -> Iterator[tuple[str, Tensor]]:
    parallel = is_parallel(reading.model)
    for path, module in walk(reading.model):
        for name, buffer in module.named_buffers(recurse=False, remove_duplicate=False):
            if buffer.layout == torch.strided:
                yield canonical_name(f"{path}.{name}" if path else name, parallel=parallel), local(buffer.detach())


def _values(name: str, a: Tensor, b: Tensor, sigmas: float) -> Compared:
    whole = a.shape == b.shape
    if whole and (a.dtype == b.dtype) and local(a).shape == local(b).shape and identical(local(a), local(b)):
        one = other = sample(local(a))
        distance: Apart | None = Apart(0.0, 1.0)
    else:
        one, other = sample(local(a)), sample(local(b))
        distance = apart(one.tensor, other.tensor) if one.tensor.shape == other.tensor.shape else None
    status, reason = _status(a, b, one, other, distance, sigmas)
    return Compared(
        name,
        status,
        tuple(a.shape),
        values_words(one),
        values_words(other),
        finite(one.mean),
        finite(other.mean),
        finite(one.std),
        finite(other.std),
        largest=distance.largest if distance is not None else None,
        reason=reason,
    )


def _status(a: Tensor, b: Tensor, one: Sample, other: Sample, distance: Apart | None, sigmas: float) -> tuple[str, str]:
    if a.shape != b.shape:
        return "shape differs", f"{tuple(a.shape)} in a, {tuple(b.shape)} in b"
    if distance is None:
        shards = f"{tuple(one.tensor.shape)} here in a, {tuple(other.tensor.shape)} in b"
        return "shape differs", f"sharded otherwise: {shards}"
    if one is other:
        return "same", ""
    law = _law_differs(one, other, sigmas)
    related = _related(distance, one.count)
    if a.dtype != b.dtype:
        dtypes = f"{a.dtype} in a, {b.dtype} in b".replace("torch.", "")
        return "dtype differs", "; ".join(filter(None, (dtypes, law, related)))
    return ("differs", "; ".join(filter(None, (law, related)))) if law else ("same law", related)


def _law_differs(one: Sample, other: Sample, sigmas: float) -> str:
    """Return in what two samples differ by more than samples of one law do; "" where they do not."""
    if not one.finite or not other.finite:
        return "values are not finite"
    if one.constant or other.constant:
        return "" if one.std == other.std and one.mean == other.mean else "one number everywhere"
    spread = math.hypot(*(_error(each) for each in (one, other)))
    if abs(math.log(other.std / one.std)) > max(sigmas * spread, _MARGIN):
        return "the std differs"
    error = math.hypot(*(each.std / math.sqrt(each.count) for each in (one, other)))
    if abs(one.mean - other.mean) > max(sigmas * error, _MARGIN * max(one.std, other.std)):
        return f"the mean differs: {one.mean:.4g} in a, {other.mean:.4g} in b"
    families = {values_words(one), values_words(other)} - {""}
    return "the shape of the law differs" if len(families) > 1 else ""


def _error(sample: Sample) -> float:
    """Return the relative error of a std; a normal law's at least, since few values have no kurtosis to speak of."""
    return max(sample.error, math.sqrt(0.5 / sample.count))


def _related(distance: Apart, count: int) -> str:
    """Say where one tensor was made from the other, such as by training."""
    known = count >= _RELATED and math.isfinite(distance.correlation)
    if known and abs(distance.correlation) > max(0.1, 6 / math.sqrt(count)):
        return "correlated: one comes from the other"
    return ""


def _with(found: Compared, status: str, said: str) -> Compared:
    return replace(found, status=status, reason="; ".join(filter(None, (said, found.reason))))
