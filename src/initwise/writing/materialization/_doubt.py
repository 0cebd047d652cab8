"""Does a class further out write into a buffer of a module below it, after that module was built?"""

from __future__ import annotations

import ast
import functools

from torch import nn

from initwise.writing.materialization._arguments import unsharded
from initwise.writing.materialization._sources import is_self, methods, of_a_library

ANY = "*"
_SETTERS = {"register_buffer", "register_parameter", "setattr", "__setattr__"}


def writes(modules: tuple[nn.Module, ...], name: str) -> str:
    """Return which class among these modules' own writes, or may write, into `...name`; empty if none does.

    Libraries are trusted to build their layers whole.
    """
    for module in modules:
        for kind in unsharded(type(module)).__mro__:
            written = frozenset() if of_a_library(kind) else written_by(kind)
            if name in written:
                return f"{kind.__qualname__} writes into {name!r} after its module was built"
            if ANY in written:
                return (
                    f"{kind.__qualname__} may write into {name!r} after its module was built, its source does not say"
                )
    return ""


@functools.cache
def written_by(kind: type, *, itself: bool = False) -> frozenset[str]:
    """Return the names of attributes of other objects into which a class's source writes: `x.name = `, `x.name.mul_()`.

    With `itself` those of `self` count too. "*" stands for a name that the source does not say, or that has no source.
    """
    found: set[str] = set()
    for _, tree in methods(kind):
        found |= {ANY} if tree is None else _written_in(tree, itself)
    return frozenset(found)


def _written_in(tree: ast.AST, itself: bool) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                found |= _attributes(target, itself)
        elif isinstance(node, ast.Call):
            found |= _written_by_call(node, itself)
    return found


def _written_by_call(node: ast.Call, itself: bool) -> set[str]:
    called = node.func
    name = str(getattr(called, "attr", getattr(called, "id", "")))
    if name in _SETTERS:
        given = [called.value, *node.args] if isinstance(called, ast.Attribute) else node.args
        if itself or not (given and is_self(given[0])):
            said = next((each.value for each in given if isinstance(each, ast.Constant)), ANY)
            return {str(said)}
    elif name.endswith("_") and not name.endswith("__"):
        parts = (called.value if isinstance(called, ast.Attribute) else called, *node.args)
        return {each for part in parts for each in _attributes(part, itself)}
    return set()


def _attributes(node: ast.AST, itself: bool) -> set[str]:
    """Return the attributes that one expression names; those of `self` only if `itself`."""
    return {
        each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute) and (itself or not is_self(each.value))
    }
