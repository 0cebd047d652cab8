"""`[tool.initwise]` in pyproject.toml: what a project suppresses, selects, and holds against a baseline."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from initwise._arguments import nearest, show
from initwise.errors import ArgumentError, SchemaError
from initwise.findings import SEVERITIES, Severity
from initwise.lints._baseline import Baseline
from initwise.lints._codes import unknown
from initwise.lints._suppression import Suppression

_FIELDS = ("code", "parameters", "reason")
_FORM = "{code = ..., parameters = ..., reason = ...}"


@dataclass(frozen=True)
class Configuration:
    """What a project has configured; None where it says nothing."""

    suppress: tuple[Suppression, ...] = ()
    select: tuple[str, ...] | None = None
    fail_on: Severity | None = None
    baseline: Path | Baseline | None = None


def read_configuration(path: str | Path) -> Configuration:
    """Read the table `[tool.initwise]` of a pyproject.toml; one without it configures nothing.

    Raises:
        SchemaError: all that is wrong with it, together.
    """
    place = Path(path)
    table = _table(place)
    problems: list[str] = []
    given: dict[str, Any] = {}
    for key, value in table.items():
        if key in _KEYS:
            given[key.replace("-", "_")] = _KEYS[key](value, problems)
        else:
            problems.append(f"unknown key {key!r}; allowed are {', '.join(_KEYS)}{nearest(key, _KEYS)}")
    if problems:
        raise SchemaError(f"{place}, [tool.initwise]", problems)
    if "baseline" in given:
        given["baseline"] = place.parent / given["baseline"]
    return Configuration(**given)


def nearest_configuration(folder: Path) -> Path | None:
    """Return the nearest pyproject.toml with a table `[tool.initwise]`, from a folder upward; None where none is."""
    for each in (folder, *folder.parents):
        place = each / "pyproject.toml"
        if place.is_file() and _table(place):
            return place
    return None


def _table(place: Path) -> Mapping[str, Any]:
    try:
        tools = tomllib.loads(place.read_text(encoding="utf-8")).get("tool", {})
    except OSError as error:
        raise SchemaError(f"{place}", [f"it cannot be read: {error.strerror or error}"]) from error
    except ValueError as error:
        raise SchemaError(f"{place}", [f"it is no TOML: {error}"]) from error
    table = tools.get("initwise", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise SchemaError(f"{place}", [f"tool.initwise is {show(table)}, and must be a table: [tool.initwise]"])
    return table


def _suppress(value: Any, problems: list[str]) -> tuple[Suppression, ...]:
    if not isinstance(value, list):
        problems.append(f"suppress is {show(value)}; give a list of tables {_FORM}")
        return ()
    made = [_suppression(f"suppress[{index}]", item, problems) for index, item in enumerate(value)]
    return tuple(each for each in made if each is not None)


def _suppression(where: str, item: Any, problems: list[str]) -> Suppression | None:
    if not isinstance(item, dict) or "code" not in item:
        problems.append(f"{where} is {show(item)}; give {_FORM}")
        return None
    strange = [key for key in item if key not in _FIELDS]
    problems += [f"{where}: unknown key {key!r}; allowed are {', '.join(_FIELDS)}" for key in strange]
    try:
        return None if strange else Suppression(**item)
    except ArgumentError as error:
        problems.append(f"{where}: {str(error).removeprefix('Suppression: ')}")
        return None


def _select(value: Any, problems: list[str]) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
        problems.append(f"select is {show(value)}; give a list of codes or beginnings, such as ['SYM', 'INI101']")
        return ()
    problems += [f"select: {problem}" for code in value if (problem := unknown(code))]
    return tuple(value)


def _fail_on(value: Any, problems: list[str]) -> Severity | None:
    if value not in SEVERITIES:
        problems.append(f"fail-on is {show(value)}, and must be one of {', '.join(SEVERITIES)}")
        return None
    return value  # type: ignore[no-any-return]


def _baseline(value: Any, problems: list[str]) -> str:
    if not isinstance(value, str) or not value:
        problems.append(f"baseline is {show(value)}; give the path of a file, from the folder of this one")
        return ""
    return value


_KEYS: dict[str, Callable[[Any, list[str]], Any]] = {
    "suppress": _suppress,
    "select": _select,
    "fail-on": _fail_on,
    "baseline": _baseline,
}
