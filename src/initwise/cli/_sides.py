"""The two sides of `initwise diff`, as the options say them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from initwise._arguments import nearest
from initwise.errors import TargetError
from initwise.recipes import RECIPES

PLAN, RECIPE, RULES, WEIGHTS = "--plan", "--recipe", "--rules", "--weights"


@dataclass(frozen=True)
class Side:
    """What one side is: the option that names its kind, its value, and how the user wrote it."""

    option: str
    value: str
    words: str

    @property
    def is_planned(self) -> bool:
        """True where a plan is made of it, from a recipe or from rules."""
        return self.option in {RECIPE, RULES}

    @property
    def file(self) -> str:
        """The file that it comes from; "" for a recipe."""
        return "" if self.option == RECIPE else self.value


def asked_for(given: Mapping[str, str | Path | None], against: str | None) -> list[Side]:
    """Return the sides that were given, the one after --against last."""
    sides = [Side(option, str(value), f"{option} {value}") for option, value in given.items() if value is not None]
    if against is not None:
        sides.append(Side(_kind(against), against, f"--against {against}"))
    return sides


def _kind(against: str) -> str:
    """Tell by what it is which option --against stands for."""
    if against in RECIPES:
        return RECIPE
    path = Path(against)
    if not path.is_file():
        raise TargetError(
            f"--against {against}: there is no such recipe, and no such file; give a recipe (`initwise recipes` lists "
            f"them), a rule file, a plan or a safetensors file{nearest(against, RECIPES)}"
        )
    if _is_safetensors(path):
        return WEIGHTS
    return PLAN if path.suffix == ".json" and _is_plan(path) else RULES


def _is_safetensors(path: Path) -> bool:
    """Tell whether a file starts with the length of a JSON header that it has room for."""
    with path.open("rb") as file:
        start = file.read(9)
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") <= path.stat().st_size


def _is_plan(path: Path) -> bool:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(data, dict) and "parameters" in data and "rules" not in data
