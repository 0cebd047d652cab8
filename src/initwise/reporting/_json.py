"""Results as JSON: dataclasses, tuples, mappings and objects with `to_dict`; infinities and NaN as strings."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from typing import Any


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """`value` as strict JSON text, without a final line break.

    >>> print(to_json({"std": 0.02, "support": (float("-inf"), 1)}, indent=None))
    {"std": 0.02, "support": ["-inf", 1]}
    """
    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """`value` as dicts, lists, strings, numbers, booleans and None; what is none of these becomes its `str`."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _container(value)


def _container(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, AbstractSet):
        return sorted((plain(item) for item in value), key=str)
    return str(value)
