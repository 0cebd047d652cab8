"""Rule files: the rules of `iw.rule` in YAML, TOML or JSON, by one strict schema; docs/rules-file.md states it.

Everything that is wrong with a file is told in one error, each problem with its line (TOML: its key path).
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from initwise._arguments import nearest, show
from initwise.axes import Axes
from initwise.cli._located import Located, read
from initwise.cli._rule_values import SELECTORS, Problems, as_axes, as_initializer, as_selector
from initwise.errors import ArgumentError, SchemaError
from initwise.initializers import Initializer
from initwise.recipes import RECIPES
from initwise.rules import Rule, rule

_TOP = ("seed", "recipe", "rules")
_OPTIONS = {"optional": bool, "why": str}
_RESERVED = ("select", "initializer", "axes", *_OPTIONS)


@dataclass(frozen=True)
class RuleFile:
    """What a rule file says."""

    rules: tuple[str | Rule, ...]  # the recipe's name first, where the file starts from one
    seed: int | None = None


def read_rules(path: Path) -> RuleFile:
    """Read and check a rule file.

    Raises:
        SchemaError: all problems of the file together.
    """
    tree = read(path)
    problems = Problems()
    found = _file(tree, problems)
    if problems.found:
        raise SchemaError(f"rule file {path}", problems.found)
    return found


def _file(tree: Located, problems: Problems) -> RuleFile:
    if not isinstance(tree.value, dict):
        problems.add(tree, "a rule file is a mapping with the key 'rules', a list of rules")
        return RuleFile(())
    for name, item in tree.value.items():
        if name not in _TOP:
            problems.add(item, f"unknown key {name!r}; allowed are {', '.join(_TOP)}{nearest(name, _TOP)}")
    seed = tree.value.get("seed")
    base, own = _recipe(tree.value.get("recipe"), problems), _rules(tree, problems)
    return RuleFile((*base, *own), None if seed is None else problems.typed(seed, int, "seed", None))


def _recipe(item: Located | None, problems: Problems) -> tuple[str, ...]:
    name = None if item is None else problems.typed(item, str, "recipe", None)
    if item is None or name is None:
        return ()
    if name not in RECIPES:
        problems.add(item, f"there is no recipe {name!r}; there are {', '.join(RECIPES)}{nearest(name, RECIPES)}")
    return (name,)


def _rules(tree: Located, problems: Problems) -> tuple[Rule, ...]:
    listed = tree.value.get("rules")
    if listed is None or not isinstance(listed.value, list) or not listed.value:
        problems.add(listed or tree, "rules: give a list of rules, each with the key 'select'")
        return ()
    made = [_rule(item, problems) for item in listed.value]
    return tuple(each for each in made if each is not None)


def _rule(item: Located, problems: Problems) -> Rule | None:
    before = len(problems.found)
    if not isinstance(item.value, dict):
        problems.add(item, f"a rule is a mapping with the key 'select', found {show(item.plain())}")
        return None
    fields = dict(item.value)
    options = {
        name: problems.typed(fields.pop(name), kind, name, kind()) for name, kind in _OPTIONS.items() if name in fields
    }
    axes = as_axes(fields.pop("axes"), problems) if "axes" in fields else None
    selector = _selector(item, fields.pop("select", None), problems)
    one = as_initializer(fields.pop("initializer"), problems) if "initializer" in fields else None
    keywords = _keywords(item, fields, problems)
    return None if len(problems.found) > before else _made(item, problems, selector, one, axes, options, keywords)


def _selector(item: Located, found: Located | None, problems: Problems) -> Any:
    if found is None:
        problems.add(item, "this rule has no 'select': a name, a glob, or {type: torch.nn.Linear}")
        return None
    return as_selector(found, problems)


def _keywords(item: Located, fields: dict[str, Located], problems: Problems) -> dict[str, Initializer]:
    """The remaining keys name attributes; one that nearly is an option's name was meant to be that option."""
    found = {}
    for name, value in fields.items():
        meant = _meant(name)
        if meant:
            problems.add(value, f"unknown key {name!r}; {meant}")
        elif not name.isidentifier():
            problems.add(
                value, f"unknown key {name!r}; besides {', '.join(_RESERVED)} a key names an attribute, as weight does"
            )
        else:
            initializer = as_initializer(value, problems)
            found.update({name: initializer} if initializer is not None else {})
    return found


def _meant(name: str) -> str:
    """What was meant by a key that is hardly an attribute's name; empty for any other."""
    if name.lower() in SELECTORS:
        return f"write select: {{{name.lower()}: ...}}"
    if name.lower() in ("init", "initialize"):
        return "did you mean 'initializer'?"
    near = get_close_matches(name.lower(), _RESERVED, n=1, cutoff=0.75)
    return f"did you mean {near[0]!r}? An attribute of that name is selected by its whole name" if near else ""


def _made(
    item: Located,
    problems: Problems,
    selector: Any,
    one: Initializer | None,
    axes: Axes | None,
    options: dict[str, Any],
    keywords: dict[str, Any],
) -> Rule | None:
    try:
        return rule(selector, one, axes=axes, **options, **keywords)
    except ArgumentError as error:
        problems.add(item, str(error))
        return None
