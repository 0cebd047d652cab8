"""The only room that writes weights: into a tensor, or, plan in hand, into a model."""

from initwise.writing._apart import draw_sample, drawn, drawn_through
from initwise.writing._apply import apply
from initwise.writing._parts import mean_rows, part_of, write_parts
from initwise.writing._poison import poison, poisoned
from initwise.writing._rounding import rounded_once
from initwise.writing._through import tolerance
from initwise.writing._write import OBSERVERS, row_major, write, write_draw, write_values
from initwise.writing.files import write_weights
from initwise.writing.materialization import materialize

__all__ = [
    "OBSERVERS",
    "apply",
    "draw_sample",
    "drawn",
    "drawn_through",
    "materialize",
    "mean_rows",
    "part_of",
    "poison",
    "poisoned",
    "rounded_once",
    "row_major",
    "tolerance",
    "write",
    "write_draw",
    "write_parts",
    "write_values",
    "write_weights",
]
