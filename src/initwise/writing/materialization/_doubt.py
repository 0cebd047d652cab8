"""Does a class further out write into a buffer of a module below it, after that module was built?"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap

from torch import nn

from initwise.writing.materialization._arguments import unsharded

_LIBRARIES = ("torch.", "timm.", "torchvision.", "transformers.", "lightning.", "accelerate.")


def writer(modules: tuple[nn.Module, ...], name: str) -> str:
    """Return the class among these modules' own whose source writes into `...name`, empty if none does.

    Libraries are trusted to build their layers whole.
    """
    for module in modules:
        for kind in unsharded(type(module)).__mro__:
            if not f"{kind.__module__}.".startswith(_LIBRARIES) and kind is not object and name in written_by(kind):
                return kind.__qualname__
    return ""


@functools.cache
def written_by(kind: type, *, itself: bool = False) -> frozenset[str]:
    """Return the names of attributes of other objects into which a class's source writes: `x.name = `, `x.name.mul_()`.

    With `itself` those of `self` count too.

    A class whose source is not at hand writes nowhere, as far as is known.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                found |= _attributes(target, itself)
        elif isinstance(node, ast.Call):
            called = node.func
            ending = str(getattr(called, "attr", getattr(called, "id", "")))
            if ending.endswith("_") and not ending.endswith("__"):
                for part in (called.value if isinstance(called, ast.Attribute) else called, *node.args):
                    found |= _attributes(part, itself)
    return frozenset(found)


def _attributes(node: ast.AST, itself: bool) -> set[str]:
    """Return the attributes that one expression names; those of `self` only if `itself`."""
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute)
        and (itself or not (isinstance(each.value, ast.Name) and each.value.id == "self"))
    }
