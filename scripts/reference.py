"""Write docs/reference.md from the public docstrings: `make docs`. A test fails where the page is not current."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import initwise as iw

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"
STREAM = ("words", "uniform", "normal", "truncated_normal")  # the room has more names, for the house itself
HEAD = """# Reference

Written by `make docs` from the docstrings; `help(iw.plan)` shows the whole of each. `import initwise as iw`.
"""


def signature(value: Any) -> str:
    """The arguments as one writes them, without types; nothing for what one does not call: errors are caught."""
    if not callable(value) or (isinstance(value, type) and issubclass(value, Exception)):
        return ""
    parameters = inspect.signature(value).parameters.values()
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(plain))


def entry(name: str, value: Any) -> str:
    """One line: the call, and the first sentence of its docstring."""
    first = (inspect.getdoc(value) or "").split("\n\n", maxsplit=1)[0]
    return f"- `{name}{signature(value)}`: {' '.join(first.split())}"


def section(title: str, module: ModuleType, names: Iterable[str], prefix: str) -> Iterator[str]:
    """Names of one module; those that are modules themselves have sections of their own."""
    yield f"\n## {title}\n"
    for name in sorted(names):
        value = getattr(module, name)
        if not inspect.ismodule(value):
            yield entry(f"{prefix}{name}", value)


def page() -> str:
    """The whole page."""
    lines = [HEAD.rstrip(), *section("initwise", iw, iw.__all__, "iw.")]
    lines += section("initwise.random", iw.random, STREAM, "")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
