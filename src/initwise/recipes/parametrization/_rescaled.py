"""An initializer at another width: the same family, with the standard deviation that a rule asks for."""

from __future__ import annotations

import math
from dataclasses import replace

from initwise.errors import ArgumentError
from initwise.initializers import (
    ICNR,
    DeltaOrthogonal,
    Initializer,
    KaimingNormal,
    KaimingUniform,
    Keep,
    LecunNormal,
    LecunUniform,
    Normal,
    Orthogonal,
    PerBlock,
    Sparse,
    Target,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    XavierNormal,
    XavierUniform,
)
from initwise.model import Parameter

_SCHEMES = (KaimingNormal, KaimingUniform, LecunNormal, LecunUniform, XavierNormal, XavierUniform)


def at_width(initializer: Initializer, parameter: Parameter, base: Parameter, factor: float) -> Initializer:
    """Return what `parameter` gets, so that its std is `factor` times the one that `initializer` has on `base`.

    Raises:
        ArgumentError: the initializer cannot be scaled, as a function without a law.
    """
    here, there = _targets(parameter, initializer), _targets(base, initializer)
    if here.keys() != there.keys():
        here, there = {"": _target(parameter, parameter.shape)}, {"": _target(base, base.shape)}
    each = {label: _block(initializer, label, here[label], there[label], factor) for label in here}
    return next(iter(each.values())) if len(set(each.values())) == 1 else PerBlock(**each)


def rescaled(initializer: Initializer, factor: float) -> Initializer:
    """Return the initializer whose values are `factor` times those of `initializer`.

    Raises:
        ArgumentError: it is not a random law with a scale.

    >>> rescaled(Normal(std=0.02), 0.5)
    Normal(std=0.01)
    """
    if isinstance(initializer, _SCHEMES):
        return rescaled(initializer.scaling, factor)
    if isinstance(initializer, VarianceScaling):
        return replace(initializer, scale=initializer.scale * factor**2)
    if isinstance(initializer, (Normal, TruncatedNormal)):
        return replace(initializer, mean=initializer.mean * factor, std=initializer.std * factor)
    if isinstance(initializer, Uniform):
        return Uniform(initializer.low * factor, initializer.high * factor)
    if isinstance(initializer, (Orthogonal, DeltaOrthogonal)):
        return replace(initializer, gain=initializer.gain * factor)
    if isinstance(initializer, Sparse):
        return replace(initializer, std=initializer.std * factor)
    if isinstance(initializer, ICNR):
        return replace(initializer, inner=rescaled(initializer.inner, factor))
    raise ArgumentError(f"{initializer!r} has no scale that could follow the width; give rules= with a random law")


def _block(initializer: Initializer, label: str, here: Target, there: Target, factor: float) -> Initializer:
    inner = initializer.block(label) if isinstance(initializer, PerBlock) else initializer
    if inner is None or isinstance(inner, Keep):
        return Keep()
    wanted = inner.law(there)
    if wanted is None:
        raise ArgumentError(f"{inner!r} declares no law, so its std at the base's width is not known")
    found = inner.law(here) if wanted.std > 0 else None
    if found is None or math.isclose(factor * wanted.std, found.std, rel_tol=1e-9):
        return inner
    return rescaled(inner, factor * wanted.std / found.std)


def _targets(parameter: Parameter, initializer: Initializer) -> dict[str, Target]:
    """Return what is drawn at once: each block of a packed parameter, one matrix of a stack, or the whole."""
    shape = parameter.shape
    if parameter.blocks is not None:
        axis = parameter.blocks.axis
        cut = {label: (*shape[:axis], stop - start, *shape[axis + 1 :]) for label, start, stop in parameter.blocks}
        return {label: _target(parameter, each) for label, each in cut.items()}
    batch = parameter.axes.normalized(shape).batch if parameter.axes is not None else ()
    if len(batch) == 1 and isinstance(initializer, (Orthogonal, DeltaOrthogonal, Sparse)):
        shape = (*shape[: batch[0]], 1, *shape[batch[0] + 1 :])
    return {"": _target(parameter, shape)}


def _target(parameter: Parameter, shape: tuple[int, ...]) -> Target:
    return Target(shape, parameter.dtype, axes=parameter.axes)
