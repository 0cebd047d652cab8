"""Rules: a selector, what its parameters get, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from initwise.axes import Axes
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.initializers import Initializer, as_initializer
from initwise.model import Parameter
from initwise.selectors import Glob, Name, Selector, Specificity, Type, as_selector, class_name


class Match(NamedTuple):
    """What a rule says about a parameter, and how specifically; `owner` is the place of a tie that it matched."""

    specificity: Specificity
    initializer: Initializer
    keyword: str | None
    owner: int


@dataclass(frozen=True, repr=False)
class Rule:
    """A selector with either one initializer for the parameters it picks, or initializers by attribute for modules.

    Made by `initwise.rule`. `origin` names the recipe that a rule comes from; it is empty for a rule of yours, and a
    rule of yours wins over any rule of a recipe.
    """

    selector: Selector
    initializer: Initializer | None = None
    keywords: tuple[tuple[str, Initializer], ...] = ()
    axes: Axes | None = None
    optional: bool = False
    why: str = ""
    origin: str = ""

    def match(self, parameter: Parameter) -> Match | None:
        """Return what this rule says about `parameter`, or None; of several owners the most specific answers."""
        if self.initializer is not None:
            specificity = self.selector.parameter(parameter)
            return None if specificity is None else Match(specificity, self.initializer, None, 0)
        found = [match for match in self._by_owner(parameter) if match is not None]
        return max(found, key=lambda match: match.specificity, default=None)

    def ties(self, parameter: Parameter) -> list[Match]:
        """Return all matches through different owners that are as specific as the best one."""
        best = self.match(parameter)
        if best is None or best.keyword is None:
            return [] if best is None else [best]
        return [match for match in self._by_owner(parameter) if match and match.specificity == best.specificity]

    def keyword_for(self, attribute: str) -> str | None:
        """Return the longest keyword that means `attribute`: the same name, or the start of it up to an underscore.

        >>> from torch import nn
        >>> from initwise.initializers import Orthogonal, Zeros
        >>> rule(nn.LSTM, weight_hh=Orthogonal(), bias=Zeros()).keyword_for("weight_hh_l0_reverse")
        'weight_hh'
        """
        fitting = [
            keyword for keyword, _ in self.keywords if attribute == keyword or attribute.startswith(f"{keyword}_")
        ]
        return max(fitting, key=len, default=None)

    def from_recipe(self, name: str) -> Rule:
        """Return the same rule as part of the recipe `name`."""
        return replace(self, origin=name)

    def _by_owner(self, parameter: Parameter) -> Iterator[Match | None]:
        for index, owner in enumerate(parameter.owners):
            keyword = self.keyword_for(owner.attribute)
            specificity = self.selector.module(owner.module_name, owner.module) if keyword is not None else None
            if keyword is not None and specificity is not None:
                yield Match(specificity, dict(self.keywords)[keyword], keyword, index)

    def __repr__(self) -> str:
        parts = [_written(self.selector)]
        parts += [repr(self.initializer)] if self.initializer is not None else []
        parts += [f"{keyword}={initializer!r}" for keyword, initializer in self.keywords]
        parts += [f"axes={self.axes!r}"] if self.axes is not None else []
        parts += ["optional=True"] if self.optional and not self.origin else []
        parts += [f"why={self.why!r}"] if self.why and not self.origin else []
        return f"rule({', '.join(parts)})"


def rule(
    select: Any,
    initializer: Any = None,
    *,
    axes: Axes | None = None,
    optional: bool = False,
    why: str = "",
    **keywords: Any,
) -> Rule:
    """Return a rule for `plan`.

    With one initializer the selector picks parameters: by name or glob, by the type of the module that owns them, or by
    a predicate. With keywords it picks modules (by type, or by name or glob over module names, `""` being the root),
    and each keyword names an attribute there: exactly, or as the start of it up to an underscore, so that `weight_hh`
    also means `weight_hh_l0`. The longest keyword wins.

    Args:
        select: a name, a glob, a compiled regular expression, a module class, a predicate, a selector, or a tuple of
            these.
        initializer: what the selected parameters get. A function `(shape, fans, draw) -> values` is taken as `Custom`.
        axes: the roles of the parameters' axes, where the module's type does not tell them or tells them wrong.
        optional: the rule may match nothing.
        why: the reason that the plan shows.
        **keywords: an initializer for each attribute.

    Raises:
        ArgumentError: neither or both of `initializer` and keywords, or an argument of a wrong type or value.

    >>> from torch import nn
    >>> from initwise.initializers import Ones, XavierUniform, Zeros
    >>> rule("*.norm*.weight", Ones())
    rule('*.norm*.weight', Ones())
    >>> rule(nn.Linear, weight=XavierUniform(), bias=Zeros())
    rule(nn.Linear, weight=XavierUniform(), bias=Zeros())
    """
    if (initializer is None) == (not keywords):
        found = "neither" if initializer is None else "both"
        raise ArgumentError(
            f"rule: found {found} an initializer and keywords; give one initializer for the selected parameters, such "
            'as rule("*.bias", Zeros()), or keywords for the attributes of the selected modules, such as '
            "rule(nn.Linear, weight=XavierUniform(), bias=Zeros())"
        )
    _check_options(axes, optional, why)
    named = tuple((keyword, as_initializer(value)) for keyword, value in keywords.items())
    one = None if initializer is None else as_initializer(initializer)
    return Rule(as_selector(select), one, named, axes, optional, why)


def _check_options(axes: object, optional: object, why: object) -> None:
    if axes is not None and not isinstance(axes, Axes):
        raise ArgumentTypeError(f"rule: axes is {axes!r}; give iw.Axes(fan_in=(1,), fan_out=(0,)) or the like, or None")
    if not isinstance(optional, bool):
        raise ArgumentTypeError(f"rule: optional is {optional!r}; give True or False")
    if not isinstance(why, str):
        raise ArgumentTypeError(f"rule: why is {why!r}; give a string")


def _written(selector: Selector) -> str:
    """Return a selector as one would write it: strings and classes bare."""
    if isinstance(selector, Name) and as_selector(selector.name) == selector:
        return repr(selector.name)
    if isinstance(selector, Glob) and as_selector(selector.pattern) == selector:
        return repr(selector.pattern)
    return class_name(selector.kind) if isinstance(selector, Type) else repr(selector)
