"""Names that differ only in numbers, as one."""

from __future__ import annotations

import re
from collections.abc import Sequence


def unnumbered(name: str) -> str:
    """Return a name with 0 for each of its numbers, the same for names that differ only in these."""
    return re.sub(r"\d+", "0", name)


def common_name(names: Sequence[str]) -> str:
    """Return names that differ only in numbers as one, with the numbers that they take.

    >>> common_name(["h.0.weight", "h.1.weight", "h.2.weight"]), common_name(["h.0.a.1", "h.4.a.1"])
    ('h.0-2.weight', 'h.0,4.a.1')
    """
    columns = list(zip(*(re.split(r"(\d+)", name) for name in names), strict=True))
    return "".join(column[0] if index % 2 == 0 else _numbers(column) for index, column in enumerate(columns))


def _numbers(values: Sequence[str]) -> str:
    numbers = sorted({int(value) for value in values})
    if len(numbers) == 1:
        return str(numbers[0])
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]}-{numbers[-1]}"
    return ",".join(map(str, numbers)) if len(numbers) <= 4 else f"{numbers[0]}..{numbers[-1]}"
