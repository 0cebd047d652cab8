"""What results are made of: tables and findings as plain frozen values, and the codes of findings. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from initwise.errors import ArgumentError

__all__ = ["CATALOGUE", "Align", "Code", "Column", "Finding", "Severity", "Table"]

Severity = Literal["error", "warning", "info"]
Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its heading, the side its cells stand on, and whether a narrow terminal may do without."""

    name: str
    align: Align = "left"
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A result as text cells, ready to be rendered for a terminal, a file or a page; `str` is plain aligned text."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for index, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ArgumentError(
                    f"Table: row {index} of {self.title!r} has {len(row)} cells, but there are {len(self.columns)}"
                    f" columns; give one cell for each of {[column.name for column in self.columns]}."
                )

    def __str__(self) -> str:
        heads = tuple(column.name for column in self.columns)
        widths = [max(map(len, cells)) for cells in zip(heads, *self.rows, strict=True)]
        lines = [self.title, ""] if self.title else []
        rule = tuple("-" * width for width in widths)
        lines += [self._line(row, widths) for row in (heads, rule, *self.rows)]
        return "\n".join([*lines, "", *self.notes] if self.notes else lines)

    def _line(self, row: tuple[str, ...], widths: list[int]) -> str:
        cells = (
            cell.rjust(width) if column.align == "right" else cell.ljust(width)
            for cell, width, column in zip(row, widths, self.columns, strict=True)
        )
        return "  ".join(cells).rstrip()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was asked for: where, measured, expected, and what to do.

    `code` is a key of `CATALOGUE`; `confidence` is the probability, 0 to 1, that this is no accident of the draw.
    """

    code: str
    severity: Severity
    confidence: float
    parameter: str
    message: str
    measured: str
    expected: str
    fix: str

    def __post_init__(self) -> None:
        if self.code not in CATALOGUE:
            raise ArgumentError(f"Finding: code {self.code!r} is unknown; the catalogue holds {', '.join(CATALOGUE)}.")
        if self.severity not in get_args(Severity):
            raise ArgumentError(f"Finding: severity {self.severity!r} is not one of {', '.join(get_args(Severity))}.")
        if not 0.0 <= self.confidence <= 1.0:
            raise ArgumentError(f"Finding: confidence must lie in 0 to 1, got {self.confidence!r}.")

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain data, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.severity} {self.code} {self.parameter}: {self.message}\n"
            f"    measured {self.measured}; expected {self.expected}\n"
            f"    fix: {self.fix}"
        )


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of the catalogue: what a code means, why it matters, and how to mend it."""

    code: str
    title: str
    severity: Severity
    meaning: str
    harm: str
    fix: str


_CODES = (
    Code(
        code="INI101",
        title="a value is not finite",
        severity="error",
        meaning="The parameter holds at least one NaN or infinity.",
        harm="One such value spreads through the first forward pass and makes the loss NaN.",
        fix="Look for memory that was never written (torch.empty, to_empty) and apply the plan to the whole model.",
    ),
    Code(
        code="INI102",
        title="a value lies outside the law's support",
        severity="error",
        meaning="At least one value is smaller or larger than the planned law can produce. This check is exact: no"
        " draw of that law, however unlucky, gives such a value.",
        harm="Other code wrote the parameter, or the truncation that was asked for did not happen.",
        fix="Look for code that writes the parameter after the plan was applied, and apply the plan again.",
    ),
    Code(
        code="INI103",
        title="the mean is off",
        severity="error",
        meaning="The mean of the values lies outside the interval that holds it, at this sample size, for the planned"
        " law; a rightly drawn model has such a finding less than once in ten thousand times.",
        harm="A shifted mean adds the same constant to every unit's input and grows from layer to layer.",
        fix="Compare the measured mean with the planned law (plan[name].law), and apply the plan again.",
    ),
    Code(
        code="INI104",
        title="the standard deviation is off",
        severity="error",
        meaning="The standard deviation of the values lies outside the interval that holds it, at this sample size,"
        " for the planned law; a rightly drawn model has such a finding less than once in ten thousand times.",
        harm="The signal shrinks or grows by the same factor in every layer: gradients vanish or explode with depth.",
        fix="A factor of sqrt(2) or sqrt(3) points at a gain or at swapped fans: see the plan's fan_in and fan_out.",
    ),
    Code(
        code="INI105",
        title="a fixed value or an invariant does not hold",
        severity="error",
        meaning="The law fixes the values (zeros, ones, identity) or a property of them (orthonormal rows, so many"
        " zeros a unit), and the parameter does not have it.",
        harm="Biases that should be zero, gates that should be one or matrices that should keep lengths do not.",
        fix="Look for code that writes the parameter after the plan was applied, and apply the plan again.",
    ),
    Code(
        code="INI106",
        title="a parameter is missing, extra or of another shape or dtype",
        severity="error",
        meaning="Plan, model and weights do not name the same parameters with the same shapes and dtypes.",
        harm="What is not named is not initialized: it keeps whatever its memory held.",
        fix="Make a new plan for this model, or map renamed parameters with names={here: planned}.",
    ),
    Code(
        code="INI107",
        title="a padding row is not zero",
        severity="error",
        meaning="The row at padding_idx of an embedding is not all zeros.",
        harm="Padding receives no gradient, so that row adds its noise to every padded input forever.",
        fix="Apply the plan again: it sets padding rows to zero after it drew the rest.",
    ),
)

CATALOGUE: Mapping[str, Code] = MappingProxyType({code.code: code for code in _CODES})
