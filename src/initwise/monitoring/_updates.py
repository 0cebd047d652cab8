"""Alerts about parameters: without a gradient, moved too far, not moved at all."""

from __future__ import annotations

from collections.abc import Iterator

from initwise.findings import Finding, found
from initwise.monitoring._frame import Frame, ParameterRow
from initwise.monitoring._laws import drawn_from, starts_at_zero
from initwise.monitoring._seen import Seen

_LARGE, _TWICE = 0.1, 2
_SMALL, _OFTEN = 1e-8, 5


def without_gradient(seen: Seen) -> Iterator[Finding]:
    """GRD601: in five sampled steps in a row no gradient arrived, or only zeros, while others had theirs."""
    frames = _stepped(seen)[-_OFTEN:]
    if len(frames) < _OFTEN or not any(row.grad_second_moment for row in frames[-1].parameters):
        return
    histories = _histories(frames)
    for name, rows in histories.items():
        none = all(row.grad_second_moment is None and not (row.grad_nan or row.grad_infinite) for row in rows)
        if len(rows) == _OFTEN and (none or all(row.grad_second_moment == 0.0 for row in rows)):
            yield found(
                "GRD601",
                name,
                f"{'no gradient' if none else 'only a gradient of zeros'} arrived in {_OFTEN} sampled steps in a row",
                "none" if none else "0",
                "a gradient",
            )


def large(seen: Seen) -> Iterator[Finding]:
    """TRN902: a matrix moves by more than a tenth of its norm, twice in a row."""
    frames = _stepped(seen)[-_TWICE:]
    found_ = []
    for name, rows in _histories(frames).items():
        ratios = [row.update_ratio for row in rows if row.update_ratio is not None]
        if (
            name not in seen.matrices
            or len(ratios) < _TWICE
            or min(ratios) <= _LARGE
            or starts_at_zero(name, seen.plan)
        ):
            continue
        law = drawn_from(name, seen.plan)
        found_.append((ratios[-1], name, law))
    for size, name, law in sorted(found_, reverse=True):
        rate = seen.now.rate
        yield found(
            "TRN902",
            name,
            f"each step moves it by {size:.0%} of its norm" + (f"; {law}" if law else ""),
            f"|update| / |weight| {size:.3g}" + (f" at the learning rate {rate:g}" if rate is not None else ""),
            f"at most {_LARGE:g}; about 0.001 is usual",
        )


def standing(seen: Seen) -> Iterator[Finding]:
    """TRN903: no optimizer holds a parameter, or the one that does moves it by nothing."""
    if seen.held is not None:
        for row in seen.now.parameters:
            if row.name not in seen.held:
                message = "it is trainable, and in none of the optimizers that were given"
                yield found("TRN903", row.name, message, "not held", "held by an optimizer, or requires_grad=False")
    for name, rows in _histories(_stepped(seen)[-_OFTEN:]).items():  # a rate of 0 is meant
        moved = [
            row.update_ratio for row in rows if row.update_ratio is not None and row.grad_second_moment and row.rate
        ]
        if len(moved) == _OFTEN and max(moved) < _SMALL and name in seen.matrices:
            yield found(
                "TRN903",
                name,
                f"a gradient arrives, and {_OFTEN} sampled steps in a row did not move it",
                f"|update| / |weight| at most {max(moved):.2g}",
                f"at least {_SMALL:g}",
            )


def _stepped(seen: Seen) -> list[Frame]:
    return [each for each in seen.frames if not each.skipped]


def _histories(frames: list[Frame]) -> dict[str, list[ParameterRow]]:
    found_: dict[str, list[ParameterRow]] = {}
    for frame in frames:
        for row in frame.parameters:
            found_.setdefault(row.name, []).append(row)
    return found_
