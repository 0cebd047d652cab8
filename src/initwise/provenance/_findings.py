"""What a log finds: memory that nobody wrote, work that was overwritten, truncation that does not truncate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from initwise.findings import Finding, found
from initwise.provenance._rows import Row, Write

_LOADED = "load_state_dict"
_ZEROS = frozenset({"zeros_", "zero_"})
_DRAWS = frozenset(
    """normal_ uniform_ trunc_normal_ xavier_normal_ xavier_uniform_ kaiming_normal_ kaiming_uniform_ orthogonal_
    """.split()
)
_FAR = 5.0  # one of 1.7 million normal numbers lies beyond so many sigmas


def findings_of(rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield the findings of all rows, the worst first."""
    for check in (_never_written, _no_truncation, _overwritten):
        for row in rows:
            yield from check(row)


def _never_written(row: Row) -> Iterator[Finding]:
    if row.state not in {"never", "partly"}:
        return
    maker = f"memory from {row.memory}" if row.memory else "its memory"
    said = f"{maker} was never written" if row.state == "never" else f"a part of {maker} was never written"
    touched = "; ".join(f"{write} at {write.where}" for write in row.writes)
    verb = "only part of it was written by" if row.state == "partly" else "what was never written was used by"
    fix = f"{verb} {touched}; write all of it first" if touched else ""
    yield found("INI112", row.name, said, f"{row.unwritten:,} of {row.elements:,} elements unwritten", "0", fix)


def _overwritten(row: Row) -> Iterator[Finding]:
    """A constructor's draw that a recipe overwrites is the common way; what was set on purpose and is lost is not."""
    if row.kind == "parameter" and row.replaced and row.last is not None:
        meant = [write for write in row.replaced if _is_lost(write, row.last)]
        first = meant[-1] if meant else row.replaced[-1]
        said = f"{first} at {first.where} was overwritten by {row.last} at {row.last.where}"
        told = f"{1 + len(row.replaced)} full writes"
        yield found("INI113", row.name, said, told, "1", severity="warning" if meant else None)


def _is_lost(write: Write, last: Write) -> bool:
    """Tell whether loaded or computed values, or zeros that were set by hand, gave way to a draw."""
    if last.operation == _LOADED or write.function.endswith("reset_parameters"):
        return False
    given = write.operation == "copied" and "before the block" in write.arguments
    by_hand = given or write.operation in _ZEROS or (not write.born and write.operation[-1:] != "_")
    return write.operation == _LOADED or (by_hand and last.operation in _DRAWS)


def _no_truncation(row: Row) -> Iterator[Finding]:
    for write in row.writes:
        sigmas = _bounds(write)
        if sigmas is not None and write not in row.replaced:
            said = f"{write} at {write.where} truncates nothing: its bounds are values, not sigmas"
            fix = f"say what is meant: normal_(std={write.values['std']:g}), or bounds of two sigmas: {_two(write)}"
            yield found("INI114", row.name, said, f"the nearer bound at {sigmas:.3g} sigmas", "below 5", fix)


def _bounds(write: Write) -> float | None:
    """Return how many sigmas away the nearer bound is, where it is so far that it cuts nothing."""
    if write.operation != "trunc_normal_":
        return None
    mean, std, low, high = (write.values.get(name) for name in ("mean", "std", "a", "b"))
    if not std or mean is None or low is None or high is None:
        return None
    nearer = min(mean - low, high - mean) / std
    return nearer if nearer > _FAR else None


def _two(write: Write) -> str:
    mean, std = write.values["mean"], write.values["std"]
    return f"a={mean - 2 * std:g}, b={mean + 2 * std:g}"
