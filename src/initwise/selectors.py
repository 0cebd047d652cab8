"""Selectors: frozen values that pick parameters or modules, composed with `&`, `|` and `~`.

A selector is asked in two ways: about a parameter (its names, and the types of the modules that own it), or about a
module (its name and type). It answers with a specificity, or None where it does not match.
"""

from __future__ import annotations

import fnmatch
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from torch import Tensor, nn

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model import Parameter

Specificity = tuple[int, int]
"""What matched and how nearly: (4, 1) exact name of the parameter, (4, 0) of its module, (3, 0) glob or regular
expression, (2, -distance) module type by its distance in the inheritance order, (1, 0) predicate, (0, 0) negation. The
greater one wins."""

NAME, PATTERN, TYPE, PREDICATE, NEGATION = 4, 3, 2, 1, 0
WILDCARDS = frozenset("*?[")


class Selector(ABC):
    """What rules select with. `a & b` matches where both do, `a | b` where one does, `~a` where `a` does not."""

    def parameter(self, parameter: Parameter) -> Specificity | None:
        """Return how specifically this selects `parameter`, or None."""
        return self._parameter(parameter)

    def module(self, name: str, module: nn.Module) -> Specificity | None:
        """Return how specifically this selects `module`, called `name` (empty for the root), or None."""
        return self._module(name, module)

    @abstractmethod
    def _parameter(self, parameter: Parameter) -> Specificity | None: ...

    @abstractmethod
    def _module(self, name: str, module: nn.Module) -> Specificity | None: ...

    def __and__(self, other: Any) -> Selector:
        return And((*_parts(And, self), *_parts(And, as_selector(other))))

    def __rand__(self, other: Any) -> Selector:
        return as_selector(other) & self

    def __or__(self, other: Any) -> Selector:
        return Or((*_parts(Or, self), *_parts(Or, as_selector(other))))

    def __ror__(self, other: Any) -> Selector:
        return as_selector(other) | self

    def __invert__(self) -> Selector:
        return self.part if isinstance(self, Not) else Not(self)


class _ByName(Selector):
    """Selects by name alone."""

    rank: ClassVar[int] = PATTERN

    @abstractmethod
    def _matches(self, name: str) -> bool: ...

    def among(self, names: Iterable[str]) -> Specificity | None:
        """Return the specificity if one of `names` matches."""
        return (self.rank, 0) if any(map(self._matches, names)) else None

    def _parameter(self, parameter: Parameter) -> Specificity | None:
        return self.among(parameter.names)

    def _module(self, name: str, module: nn.Module) -> Specificity | None:
        return self.among((name,))


@dataclass(frozen=True, repr=False)
class Name(_ByName):
    """One exact name; of a tied parameter any of its names, of a wrapped or parametrized one its path too."""

    name: str
    rank: ClassVar[int] = NAME

    def __post_init__(self) -> None:
        _check_text("Name", "name", self.name)

    def _matches(self, name: str) -> bool:
        return name == self.name

    def _parameter(self, parameter: Parameter) -> Specificity | None:
        found = self.among((*parameter.names, parameter.path, *parameter.originals))
        return None if found is None else (NAME, 1)  # nearer than the name of its module, which `_module` answers

    def __repr__(self) -> str:
        return f"Name({self.name!r})"


@dataclass(frozen=True, repr=False)
class Glob(_ByName):
    """A whole name with wildcards: `*` (across dots too), `?`, and `[...]` as in `fnmatch`.

    >>> Glob("*norm*.weight").among(["layers.3.norm1.weight"])
    (3, 0)
    """

    pattern: str

    def __post_init__(self) -> None:
        _check_text("Glob", "pattern", self.pattern)

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(fnmatch.translate(self.pattern))

    def _matches(self, name: str) -> bool:
        return self._compiled.match(name) is not None

    def __repr__(self) -> str:
        return f"Glob({self.pattern!r})"


@dataclass(frozen=True, repr=False)
class Regex(_ByName):
    r"""A regular expression, found anywhere in the name as `re.search` does; anchor it with `^` and `$`.

    >>> Regex(r"layers\.[0-3]\.").among(["layers.2.weight"])
    (3, 0)
    """

    pattern: str
    flags: int = 0

    def __post_init__(self) -> None:
        _check_text("Regex", "pattern", self.pattern)
        object.__setattr__(self, "flags", int(self.flags))
        try:
            _ = self._compiled
        except re.error as error:
            raise ArgumentError(f"Regex: {self.pattern!r} is no regular expression: {error}") from error

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, self.flags)

    def _matches(self, name: str) -> bool:
        return self._compiled.search(name) is not None

    def __repr__(self) -> str:
        return f"Regex({self.pattern!r}, {self.flags})" if self.flags else f"Regex({self.pattern!r})"


@dataclass(frozen=True, repr=False)
class Type(Selector):
    """Modules of a class, subclasses included, and all parameters they own; the nearer the class, the more specific.

    >>> Type(nn.Module).module("", nn.Linear(1, 1)), Type(nn.Linear).module("", nn.Linear(1, 1))
    ((2, -1), (2, 0))
    """

    kind: type

    def __post_init__(self) -> None:
        if not isinstance(self.kind, type):
            raise ArgumentTypeError(f"Type: kind is {self.kind!r}; give a class such as nn.Linear")
        if issubclass(self.kind, Tensor):
            raise ArgumentTypeError(
                f"Type: {self.kind.__name__} is a class of tensors; give a class of modules such as nn.Linear"
            )
        if self.kind.__module__ == "builtins" and self.kind is not object:
            raise ArgumentTypeError(f"Type: {self.kind.__name__} is no class of modules; give one such as nn.Linear")

    def _parameter(self, parameter: Parameter) -> Specificity | None:
        found = [self.module(owner.module_name, owner.module) for owner in parameter.owners]
        return max((specificity for specificity in found if specificity is not None), default=None)

    def _module(self, name: str, module: nn.Module) -> Specificity | None:
        if not isinstance(module, self.kind):
            return None
        order = type(module).__mro__
        return (TYPE, -order.index(self.kind)) if self.kind in order else (TYPE, -len(order))

    def __repr__(self) -> str:
        return f"Type({class_name(self.kind)})"


@dataclass(frozen=True, repr=False)
class Where(Selector):
    """A predicate: called with the `Parameter` (`name`, `shape`, `ndim`, `module`, `role`, ...), or with the module
    where a rule's keywords pick modules.
    """

    predicate: Callable[[Any], Any]

    def __post_init__(self) -> None:
        if not callable(self.predicate):
            raise ArgumentTypeError(f"Where: predicate is {self.predicate!r}; give a function of one argument")

    def _parameter(self, parameter: Parameter) -> Specificity | None:
        return (PREDICATE, 0) if self.predicate(parameter) else None

    def _module(self, name: str, module: nn.Module) -> Specificity | None:
        return (PREDICATE, 0) if self.predicate(module) else None

    def __repr__(self) -> str:
        return f"Where({getattr(self.predicate, '__qualname__', None) or repr(self.predicate)})"


@dataclass(frozen=True, repr=False)
class And(Selector):
    """All of several selectors; as specific as the most specific of them."""

    parts: tuple[Selector, ...]

    def _parameter(self, parameter: Parameter) -> Specificity | None:
        return _all(part.parameter(parameter) for part in self.parts)

    def _module(self, name: str, module: nn.Module) -> Specificity | None:
        return _all(part.module(name, module) for part in self.parts)

    def __repr__(self) -> str:
        return " & ".join(f"({part!r})" if isinstance(part, Or) else repr(part) for part in self.parts)


@dataclass(frozen=True, repr=False)
class Or(Selector):
    """Any of several selectors; as specific as the most specific one that matches."""

    parts: tuple[Selector, ...]

    def _parameter(self, parameter: Parameter) -> Specificity | None:
        found = [part.parameter(parameter) for part in self.parts]
        return max((specificity for specificity in found if specificity is not None), default=None)

    def _module(self, name: str, module: nn.Module) -> Specificity | None:
        found = [part.module(name, module) for part in self.parts]
        return max((specificity for specificity in found if specificity is not None), default=None)

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.parts))


@dataclass(frozen=True, repr=False)
class Not(Selector):
    """What another selector does not match; less specific than anything else."""

    part: Selector

    def _parameter(self, parameter: Parameter) -> Specificity | None:
        return (NEGATION, 0) if self.part.parameter(parameter) is None else None

    def _module(self, name: str, module: nn.Module) -> Specificity | None:
        return (NEGATION, 0) if self.part.module(name, module) is None else None

    def __repr__(self) -> str:
        return f"~({self.part!r})" if isinstance(self.part, (And, Or)) else f"~{self.part!r}"


def as_selector(value: Any) -> Selector:
    """Return `value` as a selector.

    A string with `*`, `?` or `[` is a `Glob`, any other an exact `Name`; a compiled pattern is a `Regex`, a class a
    `Type`, a function a `Where`; a tuple, list or set of these selects what any of them does.

    Raises:
        ArgumentTypeError: `value` is none of these.

    >>> as_selector(("head.*", nn.Linear))
    Glob('head.*') | Type(nn.Linear)
    """
    if isinstance(value, Selector):
        return value
    if isinstance(value, str):
        return Glob(value) if WILDCARDS & set(value) else Name(value)
    if isinstance(value, re.Pattern):
        return Regex(value.pattern, value.flags & ~re.UNICODE.value)
    if isinstance(value, type):
        return Type(value)
    if isinstance(value, (tuple, list, set, frozenset)) and value:
        parts = [as_selector(part) for part in (value if isinstance(value, (tuple, list)) else sorted(value, key=repr))]
        return parts[0] if len(parts) == 1 else Or(tuple(parts))
    if callable(value) and not isinstance(value, nn.Module):
        return Where(value)
    raise ArgumentTypeError(
        f"a selector cannot be made of {_shown(value)}; give a name or glob, a compiled pattern, a module class, "
        "a predicate, a selector, or a tuple of these"
    )


def class_name(kind: type) -> str:
    """Return how a class is written: `nn.Linear` for PyTorch's own, else its qualified name."""
    if getattr(nn, kind.__name__, None) is kind:
        return f"nn.{kind.__name__}"
    return f"{kind.__module__}.{kind.__qualname__}"


def _all(found: Iterable[Specificity | None]) -> Specificity | None:
    best: Specificity | None = None
    for specificity in found:
        if specificity is None:
            return None
        best = specificity if best is None else max(best, specificity)
    return best


def _parts(kind: type[And | Or], selector: Selector) -> tuple[Selector, ...]:
    return selector.parts if isinstance(selector, (And, Or)) and isinstance(selector, kind) else (selector,)


def _check_text(operation: str, argument: str, value: object) -> None:
    if not isinstance(value, str):
        raise ArgumentTypeError(f"{operation}: {argument} is {value!r} of type {type(value).__name__}; give a string")


def _shown(value: object) -> str:
    kind = type(value).__name__
    if isinstance(value, nn.Module):
        return f"a module ({kind}): select it by its name or its type"
    return f"{value!r}" if kind in str(value) else f"{value!r} of type {kind}"
