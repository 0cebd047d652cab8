"""Statements of generated code for time steps, decays and gates by their time scale."""

from __future__ import annotations

from initwise.initializers import ChronoBias, LogOfUniform, LogRange, RingDecay, RingGain, TimeStepBias
from initwise.planning._row import Part, Row


def rate_line(p: str, part: Part, row: Row) -> str | None:
    """Return the statement that draws a rate into the tensor called `p`; None for other initializers."""
    asked = part.initializer
    if isinstance(asked, TimeStepBias):
        return f"_time_step_bias({p}, {asked.low!r}, {asked.high!r}, floor={asked.floor!r})"
    if isinstance(asked, LogOfUniform):
        return f"{p}.copy_(_uniform({p}, {asked.low!r}, {asked.high!r}).log())"
    if isinstance(asked, ChronoBias):
        return _chrono(p, asked, part, row)
    if isinstance(asked, RingDecay):
        return f"{p}.copy_((-0.5 * _uniform({p}, {asked.r_min**2!r}, {asked.r_max**2!r}).log()).log())"
    if isinstance(asked, RingGain):
        return f"{p}.copy_(_ring_gain(parameters[''.join(name.rpartition('.')[:2]) + {asked.beside!r}]))"
    if isinstance(asked, LogRange):
        return f"{p}.copy_(torch.arange(1, {p}.shape[-1] + 1, dtype=torch.float64).log())"
    return None


def reads_another(statements: tuple[str, ...]) -> bool:
    """Return whether one of the statements needs another parameter to be drawn before."""
    return any("_ring_gain(" in statement for statement in statements)


def _chrono(p: str, asked: ChronoBias, part: Part, row: Row) -> str:
    """The first such block is drawn; those that read the same numbers copy it, with their sign."""
    same = (
        other
        for other in row.parts
        if isinstance(other.initializer, ChronoBias)
        and (other.initializer.t_max, other.target.shape) == (asked.t_max, part.target.shape)
    )
    first = next(same, part)
    if first.start != part.start and isinstance(first.initializer, ChronoBias):
        sign = "" if first.initializer.sign == asked.sign else "-"
        return f"{p}.copy_({sign}p.narrow({first.axis}, {first.start}, {first.stop - first.start}))"
    drawn = f"_uniform({p}, 1.0, {asked.t_max - 1!r}).log()"
    return f"{p}.copy_({'-' if asked.sign < 0 else ''}{drawn})"
