"""Targets in Python code: find a module or file, the callable in it, and call it; every failure says what to do."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from initwise._arguments import nearest
from initwise.errors import TargetError


def resolve(target: str, place: str, name: str) -> tuple[Any, Path]:
    """The object `name` of the module or file `place`, and the folder to be on the import path while it runs."""
    is_file = place.endswith(".py") or "/" in place or "\\" in place
    search = Path(place).resolve().parent if is_file else Path.cwd()
    with import_path(search):
        module = _file(target, place) if is_file else _module(target, place)
    return _attribute(target, module, name), search


def call(target: str, found: Any, arguments: Mapping[str, Any], search: Path) -> Any:
    """What `found` gives: itself if it is a model already, else what it returns for `arguments`."""
    if isinstance(found, nn.Module) or not callable(found):
        if arguments:
            raise TargetError(
                f"target {target!r}: it is a {type(found).__name__}, which takes no arguments; leave --set"
                f" {', '.join(arguments)} away, or name the class or function that builds it."
            )
        return found
    _check_arguments(target, found, arguments)
    try:
        with import_path(search):
            return found(**arguments)
    except (Exception, SystemExit) as error:
        raise TargetError(f"target {target!r}: calling it {done(error)}") from error


def done(error: BaseException) -> str:
    """What the user's own code did instead of its work: it raised an error, or tried to end the process."""
    if not isinstance(error, SystemExit):
        return f"raised {told(error)}"
    return (
        f"called sys.exit({'' if error.code is None else repr(error.code)}){_where(error)}; keep what only a script"
        ' does under if __name__ == "__main__"'
    )


def told(error: BaseException) -> str:
    """An error of the user's own code: its type, its message, and the last line of theirs that it passed."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}:{error.lineno})"
    return f"{type(error).__name__}: {error}{_where(error)}{_root(error)}"


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if "importlib" not in frame.filename and frame.filename != __file__]
    return f" ({theirs[-1].filename}:{theirs[-1].lineno}, in {theirs[-1].name})" if theirs else ""


def _root(error: BaseException) -> str:
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return "" if cause is error else f"; the cause: {type(cause).__name__}: {cause}"


def attribute(target: str, owner: Any, name: str) -> Any:
    """The attribute `name` of `owner`, or None; libraries that import what is asked for may fail while they do."""
    try:
        return getattr(owner, name, None)
    except (Exception, SystemExit) as error:
        raise TargetError(f"target {target!r}: importing {name} {done(error)}") from error


@contextmanager
def import_path(folder: Path) -> Iterator[None]:
    """Let code import what lies in `folder`, as Python does for the script that it runs."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))


def _module(target: str, place: str) -> ModuleType:
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not (place == error.name or place.startswith(error.name + ".")):
            raise TargetError(f"target {target!r}: importing {place} {done(error)}") from error
        raise TargetError(
            f"target {target!r}: there is no module {error.name!r} in {Path.cwd()} or among the installed packages;"
            " check the spelling, install it, or give the path of its file: path/to/file.py:callable."
        ) from error
    except (Exception, SystemExit) as error:
        raise TargetError(f"target {target!r}: importing {place} {done(error)}") from error


def _file(target: str, place: str) -> ModuleType:
    path = Path(place)
    if not path.is_file():
        beside = sorted(entry.name for entry in path.parent.glob("*.py")) if path.parent.is_dir() else []
        raise TargetError(f"target {target!r}: there is no file {place!r}; check the path{nearest(path.name, beside)}")
    name = _module_name(path)
    known = sys.modules.get(name)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"target {target!r}: {place!r} is no Python file; give one that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Dataclasses look their module up there while they are made.
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise TargetError(f"target {target!r}: running {place} {done(error)}") from error
    return module


def _module_name(path: Path) -> str:
    """The name that an import would give the file, so that its classes exist once; another if that is taken."""
    file = str(path.resolve())
    taken = sys.modules.get(path.stem)
    free = taken is None and path.stem not in sys.stdlib_module_names
    same = taken is not None and getattr(taken, "__file__", None) == file
    return path.stem if path.stem.isidentifier() and (free or same) else f"_initwise_target_{file}"


def _attribute(target: str, module: ModuleType, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        owner, found = found, attribute(target, found, part)
        if found is None:
            raise TargetError(
                f"target {target!r}: {getattr(owner, '__name__', owner)!r} has no {part!r}; name a module class,"
                f" a function that returns a model, or a model{nearest(part, _offered(owner))}"
            )
    return found


def _offered(owner: Any) -> list[str]:
    return [name for name in dir(owner) if not name.startswith("_")]


def _check_arguments(target: str, found: Any, arguments: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return  # Some callables written in C have none; the call itself will tell.
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise TargetError(
            f"target {target!r}: {error}; it is called as {name_of(found)}{signature}: give its arguments with --set"
            " name=value."
        ) from None


def name_of(found: Any) -> str:
    """The name of a callable, for messages."""
    return str(getattr(found, "__name__", type(found).__name__))
