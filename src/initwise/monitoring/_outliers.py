"""Weights that are out of proportion at the start, held against the plan of `auto` and against each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from initwise.monitoring._laws import drawn_from
from initwise.monitoring._seen import Seen
from initwise.planning import Plan, Row

_WRITER, _CLOSED = "writers into the stream", "scaled by the norm that closes the branch"
_HEAD = "makes the model's output"
_OUT = 2.5  # of one matrix, next to the others
_NEAR, _SHARE = 1.5, 1 / 3  # of so many matrices that are about as auto has them, auto is the measure
_FEW = 3
_DEEP = 9  # writers: with fewer, what depth scaling takes away is less than a factor of three
_GROWN = 4.0  # of the second moment of a stream, by its branches


def is_writer(row: Row) -> bool:
    """Tell whether a parameter writes into a residual stream, and no norm behind it sets the size."""
    return _WRITER in row.reason and _CLOSED not in row.reason


def is_inner(row: Row) -> bool:
    """Tell whether a matrix stands between others: its size is no matter of taste, as that of a head is."""
    return row.role == "weight" and not is_writer(row) and _HEAD not in row.reason


def outliers(seen: Seen, usual: Plan) -> Iterator[tuple[str, str]]:
    """Return single matrices that are too large or too small next to the others, and what was seen."""
    ratios = {row.name: ratio for row, ratio in _ratios(seen, usual) if is_inner(row)}
    if len(ratios) < _FEW:
        return
    near = sum(1 / _NEAR <= ratio <= _NEAR for ratio in ratios.values())
    middle = 1.0 if near >= _SHARE * len(ratios) else median(ratios.values())
    for name, ratio in ratios.items():
        if 1 / _OUT < ratio / middle < _OUT:
            continue
        law = drawn_from(name, seen.plan)
        yield (
            name,
            f"in step {seen.frames[0].step} its rms was {_rms(seen)[name]:.3g}, {_times(ratio / middle)} what the other"
            f" matrices lead to expect{_output(seen, name)}" + (f"; {law}" if law else ""),
        )


def unscaled(seen: Seen, usual: Plan) -> Iterator[tuple[str, str]]:
    """Return the writers into a residual stream that were drawn like all other matrices, though the stream is deep."""
    scales: dict[bool, list[float]] = {True: [], False: []}
    writers: list[str] = []
    for row, _ in _ratios(seen, usual):
        if row.fan_in and (is_writer(row) or is_inner(row)):
            scales[is_writer(row)].append(_rms(seen)[row.name] * math.sqrt(row.fan_in))
        writers += [row.name] * is_writer(row)
    if len(writers) < _DEEP or not scales[True] or not scales[False]:
        return
    own, wanted = median(scales[True]) / median(scales[False]), len(writers) ** -0.5
    growth = _growth(seen, writers, usual)
    if own < math.sqrt(wanted) or growth < _GROWN:
        return  # nearer to 1 / sqrt(writers) than to 1
    said = (
        f"{len(writers)} matrices write into the residual stream, and add {growth:.2g} times the second moment that it"
        f" starts with; next to the other matrices their scale is {own:.2g}, and 1 / sqrt({len(writers)}) ="
        f" {wanted:.2g} keeps the stream's size"
    )
    yield from ((name, said) for name in writers)


def dead_products(seen: Seen) -> Iterator[tuple[str, str]]:
    """Return the first of two matrices in a row that are zero, and stay so, because each waits for the other."""
    zero = {row.name for row in seen.frames[0].parameters if row.rms == 0.0 and row.name in seen.matrices}
    zero &= {row.name for row in seen.now.parameters if row.rms == 0.0}
    zero -= {row.name for frame in seen.frames for row in frame.parameters if row.grad_second_moment}
    order = [name for row in seen.frames[0].layers if not row.call for name in row.parameters if name in seen.matrices]
    place = 0
    while place + 1 < len(order):
        one, other = order[place], order[place + 1]
        if one in zero and other in zero:
            yield (
                one,
                f"{one} and {other} behind it are zero, so that neither gets a gradient, in any of"
                f" {len(seen.frames)} steps: one of them must not be",
            )
            place += 1
        place += 1


def _ratios(seen: Seen, usual: Plan) -> Iterator[tuple[Row, float]]:
    """Return the rows of matrices, with the measured rms over the size that `auto` gives."""
    rms = _rms(seen)
    for row in usual:
        size = 0.0 if row.law is None else math.hypot(row.law.mean, row.law.std)
        if row.name in seen.matrices and size and rms.get(row.name):
            yield row, rms[row.name] / size


def _rms(seen: Seen) -> dict[str, float]:
    return {row.name: row.rms for row in seen.frames[0].parameters if row.rms is not None and math.isfinite(row.rms)}


def _growth(seen: Seen, writers: Sequence[str], usual: Plan) -> float:
    """Return what the writers add to a stream, over what it starts with: the embeddings' rows, or the first output."""
    rows = [row for row in seen.frames[0].layers if not row.call and row.parameters and row.second_moment is not None]
    added = sum(row.second_moment or 0.0 for row in rows if set(row.parameters) & set(writers))
    tables = {row.name for row in usual if row.role == "embedding"}
    start = sum(row.second_moment or 0.0 for row in rows[:-1] if set(row.parameters) & tables)
    start = start or next((row.second_moment or 0.0 for row in rows), 0.0)
    return added / start if start else 0.0


def _output(seen: Seen, name: str) -> str:
    """Say how large the output is, and that of the layer before it."""
    rows = [row for row in seen.frames[0].layers if not row.call and set(row.parameters) & seen.matrices]
    for before, row in zip([None, *rows], rows, strict=False):
        if name in row.parameters and row.second_moment is not None:
            was = "" if before is None or before.second_moment is None else f", that of {before.module} before it"
            number = "" if not was or before is None else f" {before.second_moment:.3g}"
            return f"; its output has the second moment {row.second_moment:.3g}{was}{number}"
    return ""


def _times(ratio: float) -> str:
    return f"{ratio:.2g} times" if ratio > 1 else f"1 / {1 / ratio:.2g} of"
