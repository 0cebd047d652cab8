"""The sources of what classes do, as syntax trees."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import textwrap
import types
from collections.abc import Iterator
from typing import Any

_LIBRARIES = ("torch.", "timm.", "torchvision.", "transformers.", "lightning.", "accelerate.")


def of_a_library(kind: type) -> bool:
    """Tell whether a class comes from a library that is trusted to build its layers whole, and was tried."""
    return kind is object or f"{kind.__module__}.".startswith(_LIBRARIES)


def methods(kind: type) -> Iterator[tuple[str, ast.AST | None]]:
    """Yield the functions that a class itself has, by name; None where the source of one is not at hand."""
    for name, value in vars(kind).items():
        for each in _functions(value):
            if not is_generated(kind, each):
                yield name, tree_of(each)


def is_generated(kind: type, function: Any) -> bool:
    """Tell whether a function of a class was made for it as a data class."""
    code = getattr(function, "__code__", None)
    return dataclasses.is_dataclass(kind) and code is not None and code.co_filename == "<string>"


@functools.cache
def tree_of(function: Any) -> ast.AST | None:
    """Return the syntax tree of a function, None where its source is not at hand."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None


def _functions(value: Any) -> list[types.FunctionType]:
    of_a_property = (value.fget, value.fset, value.fdel) if isinstance(value, property) else ()
    given = of_a_property or (getattr(value, "__func__", value),)  # which static and class methods have
    found = [inspect.unwrap(each) for each in given if callable(each) and not isinstance(each, type)]
    return [each for each in found if isinstance(each, types.FunctionType)]


def is_self(node: ast.AST) -> bool:
    """Tell whether an expression is `self`."""
    return isinstance(node, ast.Name) and node.id == "self"
