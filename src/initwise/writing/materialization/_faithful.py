"""Does an attribute say what the argument of its name was, or what its constructor made of it meanwhile?"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator

from initwise.writing.materialization._sources import is_generated, is_self, methods, of_a_library, tree_of


def unfaithful(kind: type, name: str) -> str:
    """Return why the attribute `name` may be another value than the argument `name` that built it; empty if it is it.

    A constructor may keep an argument as it came, or after giving it another value (`if base is None: base = 1e4`), or
    changed (`self.base = int(base)`), or hand it on to its parent's. It must not use what came before that anywhere
    else, since a buffer computed from it would become another one. Constructors of libraries are trusted.
    """
    kinds = [each for each in kind.__mro__ if "__init__" in vars(each)]
    maker = kinds[0]
    constructor = inspect.unwrap(vars(maker)["__init__"])
    if of_a_library(maker) or is_generated(maker, constructor):
        return ""
    tree = tree_of(constructor)
    if tree is None:
        return f"the source of {maker.__qualname__}.__init__ is not at hand"
    for each in kind.__mro__:
        if method := _other_writer(each, name):
            return f"{each.__qualname__}.{method} writes into {name!r}, so that it may not be what its constructor got"
    uses = _Uses(tree, name)
    if uses.kept and not uses.faithful():
        return f"its constructor keeps another {name!r} than it was given, and uses what it was given too"
    if not uses.kept:
        if not uses.handed_on(kinds[1]):
            return f"its constructor does not keep argument {name!r} itself"
        return unfaithful(kinds[1], name)
    return ""


def _other_writer(kind: type, name: str) -> str:
    """Return the method of a class, other than its constructor, that writes into an attribute of `self`."""
    for method, tree in () if of_a_library(kind) else methods(kind):
        if method != "__init__" and tree is not None and _Uses(tree, name).kept:
            return method
    return ""


class _Uses:
    """Where a constructor reads one of its arguments, gives it another value, and keeps it in an attribute."""

    def __init__(self, tree: ast.AST, name: str) -> None:
        self.name = name
        nodes = list(ast.walk(tree))
        names = [each for each in nodes if isinstance(each, ast.Name) and each.id == name]
        self.reads = [each for each in names if isinstance(each.ctx, ast.Load)]
        self.last_rebound = max((each.lineno for each in names if isinstance(each.ctx, ast.Store)), default=0)
        self.calls = [each for each in nodes if isinstance(each, ast.Call) and _is_parents_init(each)]
        self.kept = [each for each in nodes if any(map(self._is_own, _targets(each)))]
        self.rebinding = [each for each in nodes if self._only_rebinds(each)]

    def faithful(self) -> bool:
        """Tell whether what is kept is all that was used."""
        if all(map(self._keeps_as_it_is, self.kept)):
            free = _within(self.rebinding)
            return all(each in free or each.lineno > self.last_rebound for each in self.reads)
        changing = [each for each in self.kept if all(map(self._is_own, _targets(each)))]
        free = _within([*self.rebinding, *changing])
        return all(each in free for each in self.reads)

    def handed_on(self, parent: type) -> bool:
        """Tell whether the parent's constructor gets it as it came, as its argument of that name, and nobody else."""
        names = list(inspect.signature(parent.__init__).parameters)[1:]  # type: ignore[misc]
        given = []
        for call in self.calls:
            given += [value for value, name in zip(call.args, names, strict=False) if name == self.name]
            given += [each.value for each in call.keywords if each.arg == self.name]
        return bool(given) and not self.last_rebound and all(each in given for each in self.reads)

    def _is_own(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and is_self(node.value) and node.attr.removeprefix("_") == self.name

    def _is_it(self, node: ast.AST | None) -> bool:
        return isinstance(node, ast.Name) and node.id == self.name

    def _keeps_as_it_is(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Assign):
            pairs = [pair for target in node.targets for pair in _pairs(target, node.value)]
            return all(self._is_it(value) for target, value in pairs if self._is_own(target))
        return isinstance(node, ast.AnnAssign) and self._is_it(node.value)

    def _only_rebinds(self, node: ast.AST) -> bool:
        """Tell whether a statement gives the argument another value, or may, and does nothing else."""
        if isinstance(node, ast.If):
            inside = [*node.body, *node.orelse]
            return all(isinstance(each, (ast.Raise, ast.Pass)) or self._only_rebinds(each) for each in inside)
        targets = _targets(node)
        return bool(targets) and all(map(self._is_it, targets))


def _targets(node: ast.AST) -> list[ast.expr]:
    """Return what a statement assigns to, one by one."""
    if isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        return [node.target]
    return [one for each in node.targets for one, _ in _pairs(each, each)] if isinstance(node, ast.Assign) else []


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what is assigned to what; all of the value where it is not written out."""
    if isinstance(target, (ast.Tuple, ast.List)):
        values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
        for index, each in enumerate(target.elts):
            yield from _pairs(each, values[index] if len(values) == len(target.elts) else value)
    else:
        yield target, value


def _is_parents_init(node: ast.Call) -> bool:
    called = node.func
    if not isinstance(called, ast.Attribute) or called.attr != "__init__" or not isinstance(called.value, ast.Call):
        return False
    return isinstance(called.value.func, ast.Name) and called.value.func.id == "super"


def _within(statements: Iterable[ast.AST]) -> set[ast.AST]:
    return {each for statement in statements for each in ast.walk(statement)}
