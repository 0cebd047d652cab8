"""`--set name=value`: arguments for a target, written as Python or JSON literals."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from typing import Any

from initwise.errors import TargetError


def assignments(settings: Sequence[str]) -> dict[str, Any]:
    """The arguments that `settings` spell; each is "name=value", and no name may come twice.

    >>> assignments(["width=64", "bias=false", "act=gelu", "sizes=[1, 2]"])
    {'width': 64, 'bias': False, 'act': 'gelu', 'sizes': [1, 2]}
    """
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.isidentifier():
            raise TargetError(f"--set {setting}: write it as name=value, such as --set width=64.")
        if name in values:
            raise TargetError(f"--set {setting}: {name} was already set to {values[name]!r}; give it once.")
        values[name] = literal(text)
    return values


def literal(text: str) -> Any:
    """`text` as a Python literal, else as JSON, else as the string it is."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
