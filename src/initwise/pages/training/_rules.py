"""The suggestion as code that can be copied."""

from __future__ import annotations

import re

from initwise.pages.training._content import Training
from initwise.rules import Rule

_CLASS = re.compile(r"(?<![\w.'\"])([A-Z]\w*|rule)(?=\()")
_QUOTED = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
_MOST = 60


def code(training: Training) -> str:
    """Return the rules of the suggestion, and what to do with them; "" where there are none."""
    suggestion = training.suggestion
    if not suggestion.rules:
        return ""
    left = len(suggestion.rules) - _MOST
    lines = [f"    {written(each)}," for each in suggestion.rules[:_MOST]]
    lines += [f"    *monitor.suggest().rules[{_MOST}:],  # {left} more"] if left > 0 else []
    return "\n".join(
        [
            "import initwise as iw",
            "",
            "rules = [",
            *lines,
            "]",
            'plan = iw.plan(model, [*rules, "auto"])  # or your rules in the place of "auto"',
            *([f"# and the learning rate times {suggestion.rate:g}"] if suggestion.rate != 1.0 else []),
        ]
    )


def written(rule: Rule) -> str:
    """Return a rule as one writes it behind `import initwise as iw`, without the reason.

    >>> from initwise.initializers import Normal, Scaled
    >>> from initwise.rules import rule
    >>> written(rule("0.weight", Scaled(Normal(std=0.02), 2.0), why="Normal(std=0.02) is too small"))
    "iw.rule('0.weight', iw.Scaled(iw.Normal(std=0.02), 2.0))"
    """
    plain = Rule(rule.selector, rule.initializer, rule.keywords, rule.axes, rule.optional)
    parts = _QUOTED.split(repr(plain))
    return "".join(part if place % 2 else _CLASS.sub(r"iw.\1", part) for place, part in enumerate(parts))
