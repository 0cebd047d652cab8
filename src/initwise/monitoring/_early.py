"""What the first frame says of initialization: signals and gradients that grow or shrink from layer to layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from initwise.monitoring._frame import LayerRow
from initwise.monitoring._laws import weight_of
from initwise.monitoring._seen import Seen

_FAR = 16.0  # the second moment from the first layer to the last hidden one
_OUT, _FEW = 10.0, 4
_BIG = 6.0  # of the second moment of the output


def suspects(seen: Seen) -> Iterator[tuple[str, str]]:
    """Return the parameters against which the first frame speaks, and what it says."""
    rows = [row for row in seen.frames[0].layers if row.call == 0 and row.parameters and row.second_moment is not None]
    rows = [row for row in rows if weight_of(row.parameters, seen.plan) in seen.matrices]
    if not _interrupted(seen):
        yield from _chain(rows[:-1], seen)
    yield from _output(rows, seen)
    yield from _siblings(seen)


def _chain(rows: Sequence[LayerRow], seen: Seen) -> Iterator[tuple[str, str]]:
    """Layers along which the signal grows or shrinks together."""
    if len(rows) < _FEW or not rows[0].second_moment:
        return
    factor = (rows[-1].second_moment or 0.0) / rows[0].second_moment
    if 1 / _FAR <= factor <= _FAR:
        return
    word = f"grows {factor:.2g} times" if factor > 1 else f"shrinks {1 / factor:.2g} times" if factor else "vanishes"
    said = (
        f"in step {seen.frames[0].step} the second moment {word} from {rows[0].module} to"
        f" {rows[-1].module}, over {len(rows)} layers"
    )
    yield from ((weight_of(row.parameters, seen.plan), said) for row in rows)


def _interrupted(seen: Seen) -> bool:
    """Tell whether sizes of outputs do not follow one from the other: norms set them anew, or a part is frozen."""
    owners = [row for row in seen.frames[0].layers if row.parameters]
    trained = {row.name for row in seen.frames[0].parameters}
    return any("Norm" in row.operation or not trained & set(row.parameters) for row in owners)


def _output(rows: Sequence[LayerRow], seen: Seen) -> Iterator[tuple[str, str]]:
    """The last layer, where it makes large numbers of a good signal."""
    if len(rows) > 1 and (rows[-1].second_moment or 0.0) > _BIG * max(rows[-2].second_moment or 0.0, 1.0):
        last = rows[-1]
        yield (
            weight_of(last.parameters, seen.plan),
            f"in step {seen.frames[0].step} the output of {last.module} has the second moment {last.second_moment:.3g}",
        )


def _siblings(seen: Seen) -> Iterator[tuple[str, str]]:
    """A matrix that moves far more or less, for its size, than most others do."""
    frame = next((each for each in seen.frames if not each.skipped and each.rate), None)
    if frame is None:
        return
    pairs = ((row.name, row.update_ratio) for row in frame.parameters if row.name in seen.matrices)
    ratios = {name: ratio for name, ratio in pairs if ratio}
    if len(ratios) < _FEW:
        return
    middle = median(ratios.values())
    for name, ratio in ratios.items():
        if not middle / _OUT <= ratio <= middle * _OUT:
            yield (
                name,
                f"in step {frame.step} |update| / |weight| is {ratio:.2g}, and {middle:.2g} for the middle matrix",
            )
