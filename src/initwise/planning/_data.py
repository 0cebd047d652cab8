"""A plan as JSON values, and back. Strict: other versions, unknown keys and wrong values are told all together."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from initwise._arguments import nearest, show
from initwise.axes import Axes, Blocks
from initwise.errors import InitwiseError, ProblemsError, SchemaError
from initwise.initializers import Custom, Initializer, from_data, to_data
from initwise.planning._row import Row
from initwise.random import STREAM_VERSION
from initwise.recipes import Multiplier

if TYPE_CHECKING:
    from initwise.planning._value import Plan

SCHEMA_VERSION = 1
VERSIONS = {"schema": SCHEMA_VERSION, "stream": STREAM_VERSION}
READING = "Plan.from_dict"
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in vars(torch).values() if isinstance(dtype, torch.dtype)}


def to_dict(plan: Plan) -> dict[str, Any]:
    """Return the whole plan as JSON values."""
    custom = [row.name for row in plan.rows if _functions(row.initializer)]
    if custom:
        raise SchemaError("Plan.to_dict", [f"{name!r} is drawn by a function, which is no data" for name in custom])
    head = VERSIONS | {"seed": plan.seed, "recipe": plan.recipe, "notes": list(plan.notes)}
    head |= {"multipliers": [dataclasses.asdict(each) for each in plan.multipliers]}
    return head | {"parameters": [_row_data(row) for row in plan.rows]}


def decisions(plan: Plan) -> dict[str, Any]:
    """Return what a plan decides, without the words about it; a `Custom` function is told by its name."""
    rows = [
        {key: value for key, value in _row_data(row).items() if key not in {"path", "requires_grad", *WORDS}}
        for row in plan.rows
    ]
    return VERSIONS | {"seed": plan.seed, "parameters": rows}


def from_dict(data: Any) -> dict[str, Any]:
    """Return the arguments of the `Plan` that `to_dict` described."""
    if not isinstance(data, Mapping):
        raise SchemaError(READING, [f"a plan is a mapping with the keys {', '.join(KEYS)}; this is {show(data)}"])
    other = [
        f"{name} version is {data.get(name)!r}; this initwise reads {version}. Plan again"
        for name, version in VERSIONS.items()
        if data.get(name) != version
    ]
    if other:
        raise SchemaError(READING, other)
    reader = _Reader()
    plan = reader.mapping("", data, KEYS)
    reader.finish(plan.get("parameters", ()))
    return {"rows": plan["parameters"], **{key: plan[key] for key in ("seed", "recipe", "notes", "multipliers")}}


def _row_data(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "canonical": row.canonical,
        "path": row.path,
        "aliases": list(row.aliases),
        "shape": list(row.shape),
        "dtype": str(row.dtype).removeprefix("torch."),
        "requires_grad": row.requires_grad,
        "initializer": _initializer_data(row.initializer),
        "axes": None if row.axes is None else _axes_data(row.axes),
        "blocks": None
        if row.blocks is None
        else {"axis": row.blocks.axis, "names": list(row.blocks.names), "sizes": list(row.blocks.sizes)},
        "padding": row.padding,
        "operation": row.operation,
        "role": row.role,
        "rule": row.rule,
        "reason": row.reason,
        "source": row.source,
        "line": row.line,
        "context": list(row.context),
    }


def _initializer_data(initializer: Initializer) -> dict[str, Any]:
    if _functions(initializer):
        return {"kind": "Custom", "function": repr(initializer)}
    return to_data(initializer)


def _functions(initializer: Initializer) -> bool:
    inner = [each for _, each in getattr(initializer, "blocks", ())]
    inner += [getattr(initializer, name, None) for name in ("rest", "inner")]
    return any(isinstance(each, Custom) for each in (initializer, *inner))


def _axes_data(axes: Axes) -> dict[str, Any]:
    roles = {role: list(getattr(axes, role)) for role in ("fan_in", "fan_out", "batch", "kernel")}
    whole = roles | {"groups": axes.groups, "stride": axes.stride}
    return whole | {"split": [list(pair) for pair in axes.split]} if axes.split else whole


class _Reader:
    """Reads values by their expected kind and notes each that is something else, with its place."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def mapping(self, place: str, data: Any, keys: Mapping[str, Kind]) -> dict[str, Any]:
        """Return the values of all `keys`, each as its kind says."""
        if not isinstance(data, Mapping):
            self.problems.append(f"{place}: found {show(data)}; a mapping with the keys {', '.join(keys)} is needed")
            return {}
        for key in data:
            if key not in keys:
                self.problems.append(f"{_at(place, key)}: unknown key{nearest(key, keys)}; known are {', '.join(keys)}")
        return {key: self._value(_at(place, key), data, key, kind) for key, kind in keys.items()}

    def _value(self, place: str, data: Mapping[str, Any], key: str, kind: Kind) -> Any:
        if key not in data:
            self.problems.append(f"{place}: missing")
            return None
        try:
            return kind(self, place, data[key])
        except ProblemsError as error:
            self.problems += [f"{place}: {problem}" for problem in error.problems]
        except (InitwiseError, ValueError) as error:
            self.problems.append(f"{place}: {error}")
        return None

    def finish(self, rows: Sequence[Row | None]) -> None:
        """Raise everything that was noted."""
        known = [row for row in rows or () if row is not None]
        self.problems += [
            f"{name!r} stands there twice" for name, count in Counter(row.name for row in known).items() if count > 1
        ]
        for row in known:
            try:
                _ = row.parts, row.law
            except InitwiseError as error:
                self.problems.append(f"{row.name!r}: {error}")
        if self.problems:
            raise SchemaError(READING, self.problems)


Kind = Callable[[_Reader, str, Any], Any]


def _at(place: str, key: object) -> str:
    return f"{place}.{key}" if place else str(key)


def _text(reader: _Reader, place: str, value: Any) -> str:
    text: str = _checked(value, str, "a string")
    return text


def _flag(reader: _Reader, place: str, value: Any) -> bool:
    flag: bool = _checked(value, bool, "true or false")
    return flag


def _count(reader: _Reader, place: str, value: Any) -> int:
    number: int = _checked(value, int, "an integer")
    if isinstance(value, bool) or number < 0:
        raise ValueError(f"found {show(value)}; a non-negative integer is needed")
    return number


def _number(reader: _Reader, place: str, value: Any) -> float:
    return float(_checked(value, (int, float), "a number"))


def _axis(reader: _Reader, place: str, value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError(f"found {value}; an integer is needed")
    axis: int = _checked(value, int, "an integer")
    return axis


def _seed(reader: _Reader, place: str, value: Any) -> int:
    number = _count(reader, place, value)
    if number >= 2**64:
        raise ValueError(f"found {number}; a seed is below 2**64")
    return number


def _dtype(reader: _Reader, place: str, value: Any) -> torch.dtype:
    if value not in DTYPES:
        raise ValueError(f"found {show(value)}; a dtype of torch such as 'float32' is needed{nearest(value, DTYPES)}")
    return DTYPES[value]


def _initializer(reader: _Reader, place: str, value: Any) -> Initializer:
    return from_data(value)


def _optional(kind: Kind) -> Kind:
    return lambda reader, place, value: None if value is None else kind(reader, place, value)


def _several(kind: Kind) -> Kind:
    def read(reader: _Reader, place: str, value: Any) -> tuple[Any, ...]:
        entries = _checked(value, (list, tuple), "a list")
        return tuple(kind(reader, f"{place}[{index}]", entry) for index, entry in enumerate(entries))

    return read


def _made(make: Callable[..., Any], keys: Mapping[str, Kind]) -> Kind:
    def read(reader: _Reader, place: str, value: Any) -> Any:
        before = len(reader.problems)
        arguments = reader.mapping(place, value, keys)
        return make(**arguments) if len(reader.problems) == before else None

    return read


def _checked(value: Any, kind: type | tuple[type, ...], needed: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"found {show(value)}; {needed} is needed")
    return value


def _list_of_rows(reader: _Reader, place: str, value: Any) -> tuple[Row | None, ...]:
    entries = _checked(value, (list, tuple), "a list")
    return tuple(_named_row(reader, f"{place}[{index}]", entry) for index, entry in enumerate(entries))


def _named_row(reader: _Reader, place: str, entry: Any) -> Row | None:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    whole = {**LATER, **entry} if isinstance(entry, Mapping) else entry
    row: Row | None = ROW(reader, f"{place} ({name})" if isinstance(name, str) else place, whole)
    return row


WORDS = ("operation", "role", "rule", "reason", "source", "line", "context")
LATER = {"source": "", "line": "", "context": []}  # plans that were stored before these were there
AXES_KEYS = dict.fromkeys(("fan_in", "fan_out", "batch", "kernel"), _several(_axis)) | {
    "groups": _count,
    "stride": _count,
    "split": _several(_several(_axis)),
}


def _axes(reader: _Reader, place: str, value: Any) -> Axes | None:
    """Read axes; `split` is written only where an axis is split."""
    whole = {"split": [], **value} if isinstance(value, Mapping) else value
    axes: Axes | None = _made(Axes, AXES_KEYS)(reader, place, whole)
    return axes


MULTIPLIER = _made(Multiplier, {"target": _text, "kind": _text, "value": _number, "why": _text})
BLOCKS = _made(Blocks, {"axis": _axis, "names": _several(_text), "sizes": _several(_count)})
ROW = _made(
    Row,
    {
        "name": _text,
        "canonical": _text,
        "path": _text,
        "aliases": _several(_text),
        "shape": _several(_count),
        "dtype": _dtype,
        "requires_grad": _flag,
        "initializer": _initializer,
        "axes": _optional(_axes),
        "blocks": _optional(BLOCKS),
        "padding": _optional(_axis),
        "operation": _optional(_text),
        "role": _optional(_text),
        "rule": _text,
        "reason": _text,
        "source": _text,
        "line": _text,
        "context": _several(_text),
    },
)
KEYS: dict[str, Kind] = {
    "schema": _axis,
    "stream": _axis,
    "seed": _seed,
    "recipe": _text,
    "notes": _several(_text),
    "multipliers": _several(MULTIPLIER),
    "parameters": _list_of_rows,
}
