"""The values of a rule file: initializers, selectors and axes, from located data."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch

from initwise._arguments import nearest, show
from initwise.axes import Axes
from initwise.cli._located import Located
from initwise.errors import ArgumentError, SchemaError
from initwise.initializers import Initializer, from_data
from initwise.selectors import Glob, Name, Regex, Selector, Type
from initwise.selectors import as_selector as selector_of

SELECTORS = ("type", "glob", "regex", "name")
_AXES = {"fan_in": list, "fan_out": list, "batch": list, "kernel": list, "groups": int, "stride": int}


class Problems:
    """Collects what is wrong, each with its place."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, at: Located, problem: str) -> None:
        """Note a problem at a place."""
        self.found.append(f"{at.where}: {problem}")

    def typed(self, at: Located, kind: type, name: str, otherwise: Any) -> Any:
        """The plain value if it is of type `kind`, else `otherwise`, with the problem noted."""
        value = at.plain()
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        self.add(at, f"{name} is {show(value)}; give {_WORDS[kind]}")
        return otherwise


_WORDS = {int: "an integer", bool: "true or false", str: "a string", list: "a list"}


def as_initializer(item: Located, problems: Problems) -> Initializer | None:
    """`Zeros`, `{Normal: {std: 0.02}}` or `{PerBlock: {f: Ones, rest: Zeros}}` as an initializer."""
    try:
        return from_data(_data(item.plain()))
    except SchemaError as error:
        for problem in error.problems:
            problems.add(item, problem)
        return None


def _data(spec: Any) -> dict[str, Any]:
    """The same as the library's own data, which plans store: a dictionary with the key `kind`."""
    if isinstance(spec, str):
        return {"kind": spec}
    if isinstance(spec, Mapping) and "kind" in spec:
        raise SchemaError(
            "", [f"{show(spec)} is how a plan stores an initializer; in a rule file write {_short(spec)}"]
        )
    if not (isinstance(spec, Mapping) and len(spec) == 1):
        raise SchemaError("", [f"{show(spec)} is no initializer; write Zeros, or {{Normal: {{std: 0.02}}}}"])
    ((kind, arguments),) = spec.items()
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, Mapping):
        raise SchemaError("", [f"{kind}: its arguments are {show(arguments)}; give a mapping such as {{std: 0.02}}"])
    if "kind" in arguments:
        raise SchemaError("", [f"{kind} has no argument 'kind'"])
    if kind == "PerBlock":
        blocks = {name: _data(inner) for name, inner in arguments.items()}
        return {"kind": kind, "rest": blocks.pop("rest", None), "blocks": blocks}
    nested = {name: _data(inner) for name, inner in arguments.items() if name == "inner"}
    return {"kind": kind, **arguments, **nested}


def _short(spec: Mapping[Any, Any]) -> str:
    """How a rule file says what `{kind: Normal, std: 0.02}` says."""
    kind, arguments = spec["kind"], {name: value for name, value in spec.items() if name != "kind"}
    if kind == "PerBlock":
        return "{PerBlock: {f: Ones, rest: Zeros}}"
    if not isinstance(kind, str):
        return "{Normal: {std: 0.02}}"
    listed = ", ".join(f"{name}: {json.dumps(value, default=str)}" for name, value in arguments.items())
    return f"{{{kind}: {{{listed}}}}}" if arguments else kind


def as_selector(item: Located, problems: Problems) -> Selector | None:
    """A string (a glob or a name), `{type: ...}`, `{regex: ...}`, `{glob: ...}`, `{name: ...}`, or a list of these."""
    if isinstance(item.value, list) and item.value:
        parts = [as_selector(part, problems) for part in item.value]
        known = [part for part in parts if part is not None]
        return selector_of(tuple(known)) if len(known) == len(parts) else None
    if isinstance(item.value, str):
        return selector_of(item.value)
    if isinstance(item.value, dict) and len(item.value) == 1:
        ((kind, value),) = item.value.items()
        if kind in SELECTORS:
            return _of_kind(kind, value, problems)
        problems.add(
            value, f"select: unknown key {kind!r}; allowed are {', '.join(SELECTORS)}{nearest(kind, SELECTORS)}"
        )
        return None
    problems.add(
        item, f"select is {show(item.plain())}; give a name or glob, one of {{{'|'.join(SELECTORS)}: ...}}, or a list"
    )
    return None


def _of_kind(kind: str, value: Located, problems: Problems) -> Selector | None:
    text = problems.typed(value, str, f"select: {kind}", None)
    if text is None:
        return None
    if kind == "type":
        found = _class(text)
        if found is None:
            problems.add(
                value, f"select: there is no class {text!r}; write it with its module, as torch.nn.Linear{_near(text)}"
            )
        return None if found is None else Type(found)
    kinds: dict[str, Callable[[str], Selector]] = {"glob": Glob, "regex": Regex, "name": Name}
    try:
        return kinds[kind](text)
    except (ArgumentError, re.error) as error:
        problems.add(value, f"select: {error}")
        return None


def _class(path: str) -> type | None:
    module, _, name = path.rpartition(".")
    module = {"": "torch.nn", "nn": "torch.nn"}.get(module, module)
    try:
        found = getattr(importlib.import_module(module), name, None)
    except (Exception, SystemExit):  # noqa: BLE001 - whatever that module raises, the class is not there
        return None
    return found if isinstance(found, type) and issubclass(found, torch.nn.Module) else None


def _near(path: str) -> str:
    return nearest(path.rpartition(".")[2], [name for name in dir(torch.nn) if name[0].isupper()])


def as_axes(item: Located, problems: Problems) -> Axes | None:
    """`{fan_in: [1], fan_out: [0]}` and the other fields of `iw.Axes`."""
    if not isinstance(item.value, dict):
        problems.add(item, f"axes is {show(item.plain())}; give a mapping such as {{fan_in: [1], fan_out: [0]}}")
        return None
    before = len(problems.found)
    for name in item.value.keys() - _AXES.keys():
        problems.add(
            item.value[name], f"axes: unknown key {name!r}; allowed are {', '.join(_AXES)}{nearest(name, _AXES)}"
        )
    given = {name: item.value[name] for name in _AXES if name in item.value}
    values = {name: problems.typed(value, _AXES[name], f"axes: {name}", None) for name, value in given.items()}
    problems.found += [f"{item.where}: axes needs {name!r}" for name in ("fan_in", "fan_out") if name not in values]
    if len(problems.found) > before:
        return None
    arguments: dict[str, Any] = {name: tuple(x) if isinstance(x, list) else x for name, x in values.items()}
    try:
        return Axes(**arguments)
    except ArgumentError as error:
        problems.add(item, str(error))
        return None
