"""YAML, TOML and JSON as one tree in which every value knows where it stands, so that an error can say so."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from initwise.errors import SchemaError

_FLOAT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+")


@dataclass(frozen=True)
class Located:
    """A value of a file and its place: "rules.yaml:4", or for TOML "rules.toml, rules[0].weight".

    `value` is a dict of `Located`, a list of `Located`, or a string, number, boolean or None.
    """

    value: Any
    where: str

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {name: item.plain() for name, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


def read(path: Path) -> Located:
    """Read a .yaml, .yml, .toml or .json file; a file that cannot be read or parsed is a `SchemaError`."""
    readers = {".yaml": _yaml, ".yml": _yaml, ".toml": _toml, ".json": _json}
    if path.suffix.lower() not in readers:
        raise _refused(path, f"{path}: its name must end in .yaml, .yml, .toml or .json, to say what it is")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _refused(path, f"{path}: it cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _refused(path, f"{path}: it is no UTF-8 text: {error}") from error
    return readers[path.suffix.lower()](path, text)


def _refused(path: Path, problem: str) -> SchemaError:
    return SchemaError(f"rule file {path}", [problem])


def _toml(path: Path, text: str) -> Located:
    try:
        return _keyed(tomllib.loads(text), str(path), "")
    except tomllib.TOMLDecodeError as error:
        raise _refused(path, f"{path}: it is no TOML: {error}") from error


def _keyed(value: Any, file: str, path: str) -> Located:
    where = f"{file}, {path}" if path else file
    if isinstance(value, dict):
        return Located({key: _keyed(item, file, f"{path}.{key}".lstrip(".")) for key, item in value.items()}, where)
    if isinstance(value, list):
        return Located([_keyed(item, file, f"{path}[{index}]") for index, item in enumerate(value)], where)
    return Located(value, where)


def _json(path: Path, text: str) -> Located:
    """JSON is YAML but for tabs, which JSON allows between values and nowhere else."""
    try:
        json.loads(text)
    except ValueError as error:
        raise _refused(path, f"{path}: it is no JSON: {error}") from error
    return _yaml(path, text.replace("\t", " "))


def _yaml(path: Path, text: str) -> Located:
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return Located(None, str(path)) if node is None else _Nodes(path).located(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise _refused(path, f"{where}: it is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise _refused(path, f"{path}: it is no YAML: {error}") from error


class _Nodes:
    """Turns YAML's nodes, which carry their line, into located values."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open: set[int] = set()

    def located(self, node: Any) -> Located:
        """The node as a located value; an alias that holds itself and a key given twice are refused."""
        where = f"{self.path}:{node.start_mark.line + 1}"
        if id(node) in self.open:
            raise _refused(self.path, f"{where}: this alias contains itself")
        self.open.add(id(node))
        try:
            return Located(self._value(node, where), where)
        finally:
            self.open.remove(id(node))

    def _value(self, node: Any, where: str) -> Any:
        if node.id == "mapping":
            return self._mapping(node)
        if node.id == "sequence":
            return [self.located(item) for item in node.value]
        return self._scalar(node, where)

    def _mapping(self, node: Any) -> dict[str, Located]:
        found: dict[str, Located] = {}
        for key, item in node.value:
            name, where = str(key.value), f"{self.path}:{key.start_mark.line + 1}"
            if key.id != "scalar":
                raise _refused(self.path, f"{where}: a key must be a word, found a {key.id}")
            if name in found:
                raise _refused(self.path, f"{where}: key {name!r} is given twice, first at {found[name].where}")
            found[name] = self.located(item)
        return found

    def _scalar(self, node: Any, where: str) -> Any:
        import yaml

        # YAML 1.1 reads 1e-3 as a string, because it has no dot; nobody means that.
        if node.style is None and _FLOAT.fullmatch(node.value):
            return float(node.value)
        try:
            return yaml.SafeLoader("").construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise _refused(self.path, f"{where}: {node.value!r} cannot be read: {error}") from error
