"""Initializers as plain data, and back: what plans and rule files are made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from initwise._arguments import nearest, show
from initwise.errors import ArgumentError, SchemaError
from initwise.initializers._base import Initializer
from initwise.initializers._basic import Normal, TruncatedNormal, Uniform
from initwise.initializers._combining import Keep, PerBlock
from initwise.initializers._constant import Constant, Ones, Zeros
from initwise.initializers._given import Given
from initwise.initializers._identity import Dirac, Identity
from initwise.initializers._orthogonal import DeltaOrthogonal, Orthogonal
from initwise.initializers._ranges import LogRange
from initwise.initializers._rates import ChronoBias, LogOfUniform, TimeStepBias
from initwise.initializers._ring import RingDecay, RingGain
from initwise.initializers._rows import MeanOfRows, NewRows
from initwise.initializers._scaled import Scaled
from initwise.initializers._scaling import VarianceScaling
from initwise.initializers._schemes import (
    KaimingNormal,
    KaimingUniform,
    LecunNormal,
    LecunUniform,
    XavierNormal,
    XavierUniform,
)
from initwise.initializers._sparse import Sparse
from initwise.initializers._upsampling import ICNR, BilinearKernel

KINDS: dict[str, type[Initializer]] = {
    kind.__name__: kind
    for kind in (
        BilinearKernel,
        ChronoBias,
        Constant,
        DeltaOrthogonal,
        Dirac,
        Given,
        ICNR,
        Identity,
        KaimingNormal,
        KaimingUniform,
        Keep,
        LecunNormal,
        LecunUniform,
        LogOfUniform,
        LogRange,
        MeanOfRows,
        NewRows,
        Normal,
        Ones,
        Orthogonal,
        PerBlock,
        RingDecay,
        RingGain,
        Scaled,
        Sparse,
        TimeStepBias,
        TruncatedNormal,
        Uniform,
        VarianceScaling,
        XavierNormal,
        XavierUniform,
        Zeros,
    )
}


def to_data(initializer: Initializer) -> dict[str, Any]:
    """Return an initializer as a dictionary of JSON values, with every argument spelled out.

    Raises:
        SchemaError: a `Custom` function cannot be stored as data.

    >>> import initwise as iw
    >>> to_data(iw.Normal(std=0.02))
    {'kind': 'Normal', 'mean': 0.0, 'std': 0.02}
    """
    kind = type(initializer).__name__
    if KINDS.get(kind) is not type(initializer):
        raise SchemaError("initializer as data", [f"{initializer!r} is a function and cannot be stored as data"])
    if isinstance(initializer, PerBlock):
        blocks = {name: to_data(inner) for name, inner in initializer.blocks}
        return {"kind": kind, "blocks": blocks, "rest": to_data(initializer.rest) if initializer.rest else None}
    return {"kind": kind} | {f.name: _stored(getattr(initializer, f.name)) for f in dataclasses.fields(initializer)}


def from_data(data: Mapping[str, Any]) -> Initializer:
    """Return the initializer that `to_data` described; arguments with defaults may be left out, others not.

    Raises:
        SchemaError: an unknown kind, unknown or missing arguments, or values that the initializer refuses.

    >>> from_data({"kind": "Normal", "std": 0.02})
    Normal(std=0.02)
    """
    if not isinstance(data, Mapping):
        raise SchemaError("initializer from data", [f"{show(data)} is not a mapping with the key 'kind'"])
    name, arguments = data.get("kind"), {str(key): value for key, value in data.items() if key != "kind"}
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        known = ", ".join(KINDS)
        raise SchemaError("initializer from data", [f"kind is {name!r}{nearest(name, KINDS)}; known are {known}"])
    if kind is PerBlock:
        return _per_block(arguments)
    problems = _argument_problems(kind, arguments)
    read = {} if problems else _read_nested(arguments, problems)
    if problems:
        raise SchemaError("initializer from data", problems)
    try:
        return kind(**read)
    except ArgumentError as error:
        raise SchemaError("initializer from data", [str(error)]) from error


def _stored(value: Any) -> Any:
    """Return an argument as JSON values: an initializer within an initializer as its own dictionary."""
    if isinstance(value, Initializer):
        return to_data(value)
    return list(value) if isinstance(value, tuple) else value


def _read_nested(arguments: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """Return the arguments with every mapping among them read as an initializer; note what is wrong with one."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        try:
            found[name] = from_data(value) if isinstance(value, Mapping) else value
        except SchemaError as error:
            problems += [f"argument {name!r}: {problem}" for problem in error.problems]
    return found


def _argument_problems(kind: type[Initializer], arguments: Mapping[str, Any]) -> list[str]:
    fields = dataclasses.fields(kind)
    names = [field.name for field in fields]
    needed = [field.name for field in fields if field.default is dataclasses.MISSING]
    takes = f"it takes {', '.join(names)}" if names else "it takes none"
    unknown = [
        f"{kind.__name__} has no argument {name!r}{nearest(name, names)}; {takes}"
        for name in arguments
        if name not in names
    ]
    return unknown + [f"{kind.__name__} needs the argument {name!r}" for name in needed if name not in arguments]


def _per_block(arguments: Mapping[str, Any]) -> PerBlock:
    problems = [
        f"PerBlock has no argument {name!r}; it takes blocks, rest"
        for name in arguments
        if name not in {"blocks", "rest"}
    ]
    blocks, rest = arguments.get("blocks") or {}, arguments.get("rest")
    if not isinstance(blocks, Mapping):
        problems.append(f"PerBlock: blocks is {show(blocks)}, not a mapping from names to initializers")
        blocks = {}
    found: dict[str, Initializer] = {}
    for name, inner in [*blocks.items(), *([("rest", rest)] if rest is not None else [])]:
        try:
            found[str(name)] = from_data(inner)
        except SchemaError as error:
            problems += [f"block {name!r}: {problem}" for problem in error.problems]
    if not problems:
        try:
            return PerBlock(**found)
        except ArgumentError as error:
            problems.append(str(error))
    raise SchemaError("initializer from data", problems)
