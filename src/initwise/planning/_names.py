"""Names here and there: what `names=` says about the parameters of a renamed or partial model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from initwise._arguments import nearest, show
from initwise.model import Reading

Names = Mapping[str, str] | Callable[[str], str]


def mapped(names: Any, reading: Reading, wanted: Iterable[str], problems: list[str]) -> dict[str, str]:
    """Return the name there of every wanted parameter; what is wrong with `names` is added to `problems`.

    A mapping's keys are names of parameters or of modules here; the longest that fits decides, and takes what is below
    a module along.
    """
    found = {name: name for name in wanted}
    if names is None:
        return found
    if isinstance(names, Mapping):
        return found | _by_mapping(names, reading, found, problems)
    if not callable(names):
        problems.append(f"names is {show(names)}; give a mapping from names here to canonical names, or a function")
        return found
    for name in found:
        there = names(name)
        if not isinstance(there, str) or not there:
            problems.append(f"names: {name!r} is mapped to {show(there)}; give a name")
        else:
            found[name] = there
    return found


def _by_mapping(
    names: Mapping[Any, Any], reading: Reading, wanted: Iterable[str], problems: list[str]
) -> dict[str, str]:
    exact: dict[str, str] = {}
    modules: dict[str, str] = {}
    for here, there in names.items():
        if here not in reading and here not in reading.modules:
            known = [*reading.by_name, *reading.modules]
            problems.append(f"names: the model has no parameter {here!r}{nearest(here, known)}")
        elif not isinstance(there, str) or (not there and here in reading):
            problems.append(f"names: {here!r} is mapped to {show(there)}; give a name")
        elif here in reading:
            exact[reading[here].name] = there
        else:
            modules[here] = there
    return {name: exact.get(name) or _below(name, modules) for name in wanted}


def _below(name: str, modules: Mapping[str, str]) -> str:
    prefix = name
    while prefix:
        prefix = prefix.rpartition(".")[0]
        if prefix in modules:
            rest = name[len(prefix) :].lstrip(".")
            return f"{modules[prefix]}.{rest}" if modules[prefix] else rest
    return name
