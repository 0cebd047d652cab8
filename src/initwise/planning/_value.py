"""`Plan`: decisions for all parameters of a model, as a value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import nn

from initwise._arguments import nearest, show
from initwise.errors import ArgumentTypeError
from initwise.findings import Table
from initwise.planning import _data, _python, _tables
from initwise.planning._explain import explained
from initwise.planning._names import Names
from initwise.planning._part import part
from initwise.planning._row import Row
from initwise.recipes import Multiplier
from initwise.reporting import text


@dataclass(frozen=True, repr=False)
class Plan:
    """What every parameter of a model shall hold, and why; made by `initwise.plan`, carried out by `initwise.apply`.

    Iterating gives the rows in `named_parameters()` order; `plan[name]` finds one by its name, path or an alias.
    Two plans are equal if they decide the same for the same parameters under the same seed.

    Attributes:
        rows: one decision for each parameter.
        seed: the seed of the random stream.
        recipe: the recipes that decided, or "" where the rules were all yours.
        notes: what is worth knowing but no error, such as a rule that others override everywhere, or a change of the
            forward pass that a recipe needs and initialization cannot make.
        multipliers: numbers that go with the weights and that they cannot hold (learning rates, output factors).
    """

    rows: tuple[Row, ...]
    seed: int
    recipe: str = field(default="", compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    multipliers: tuple[Multiplier, ...] = field(default=(), compare=False)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Row:
        try:
            return self._by_name[name]
        except KeyError:
            raise KeyError(f"the plan has no parameter {name!r}{nearest(name, self._by_name)}") from None

    def digest(self) -> str:
        """Return a hexadecimal digest of what is decided (not of the words about it): equal plans have the same.

        A `Custom` function counts by its name, since code has no digest.
        """
        return self._digest

    def part(self, model: nn.Module, names: Names | None = None) -> Plan:
        """Return the decisions about the parameters of `model`, which is a part of the model that was planned.

        A pipeline stage gets the weights that the whole model would have there: laws and random numbers are the
        whole's, also where a recipe looked at the depth.

        Args:
            model: the part, such as a stage that holds layers 12 to 23 under the names 0 to 11.
            names: what is called otherwise here: `{parameter or module here: name there}`, the longest that fits
                decides, or a function of the parameter's name here. All else has one name here and there.

        Raises:
            PlanError: a parameter that the plan does not have, two that are one there, other shapes; all together.

        >>> import initwise as iw
        >>> whole = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
        >>> stage = nn.Sequential(nn.Linear(4, 4))
        >>> stage_plan = iw.plan(whole, "kaiming").part(stage, {"0": "2"})
        >>> stage_plan["0.weight"].canonical
        '2.weight'
        """
        return part(self, model, names)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values, with the versions of schema and stream.

        Raises:
            SchemaError: a `Custom` function decides about a parameter; the message names all of them.
        """
        return _data.to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """Return the plan that `to_dict` described.

        Raises:
            SchemaError: another version, unknown or missing keys, wrong types or values; all of them together.
        """
        return cls(**_data.from_dict(data))

    def to_python(self) -> str:
        """Return plain PyTorch code: a function `initialize(model)` that draws from the same laws, without initwise.

        The numbers differ from those of `apply`: they come from torch's global generator.

        Raises:
            NotSupportedError: a `Custom` function decides about a parameter.
        """
        return _python.to_python(self.rows)

    def explain(self, name: str) -> str:
        """Return what is known of one parameter, and why it gets what it gets: operation, fans, rule, law, source line.

        Raises:
            KeyError: the plan has no parameter of this name, path or alias.

        >>> import initwise as iw
        >>> from torch import nn
        >>> print(iw.plan(nn.Linear(4, 2, bias=False), "xavier").explain("weight"))
        weight
          shape      2 x 4, float32
          operation  linear, by its module's type
          role       weight
          axes       axis 1 summed over, axis 0 kept
          fans       fan_in 4, fan_out 2
          rule       recipe xavier
          after      Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks
          law        U(±1): mean 0, std 0.57735, support [-1, 1]
          reason     Linear weight, fan_in 4, fan_out 2: std = 1 / sqrt((4 + 2) / 2)
        """
        return explained(self[name])

    def summary(self) -> Table:
        """Return the table with one line for all parameters whose names differ only in numbers."""
        return _tables.grouped(self.rows, self._footer())

    def table(self) -> Table:
        """Return the table with one line for each parameter, which `print(plan)` shows."""
        return _tables.full(self.rows, self._footer())

    def __str__(self) -> str:
        return text(self.table())

    def _repr_html_(self) -> str:
        """What notebooks show."""
        return _tables.html(self.rows, self._footer())

    def __repr__(self) -> str:
        recipe = f", recipe {self.recipe}" if self.recipe else ""
        return f"<Plan of {_tables.counted(len(self), 'parameter')}, seed {self.seed}{recipe}>"

    def _footer(self) -> tuple[str, ...]:
        return _tables.footer(self.rows, self.seed, self.recipe, self.digest()), *self.notes

    @cached_property
    def _digest(self) -> str:
        canonical = json.dumps(_data.decisions(self), sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()

    @cached_property
    def _by_name(self) -> dict[str, Row]:
        found = {row.path: row for row in self.rows}
        for row in self.rows:
            found.update(dict.fromkeys((row.name, *row.aliases), row))
        return found


def refuse_other_than_plan(operation: str, value: object) -> None:
    """Raise an `ArgumentTypeError` that says how to make a plan, unless `value` is one."""
    if not isinstance(value, Plan):
        made = "iw.Plan.from_dict(...)" if isinstance(value, Mapping) else "iw.plan(model, rules)"
        raise ArgumentTypeError(f"{operation}: plan is {show(value)} of type {type(value).__name__}; give {made}")
