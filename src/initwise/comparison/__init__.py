"""Strategies compared on the user's task: a paired experiment with a known error rate."""

from initwise.comparison._cells import Cell, Outcome
from initwise.comparison._compare import arranged, assist, carried_out, compare
from initwise.comparison._comparison import Comparison
from initwise.comparison._curves import LearningCurve
from initwise.comparison._experiment import Experiment
from initwise.comparison._failures import CellError
from initwise.comparison._strategies import Strategy
from initwise.comparison.tasks import BUILTIN, Task, builtin, from_data, from_lightning, from_trainer

__all__ = [
    "BUILTIN",
    "Cell",
    "CellError",
    "Comparison",
    "Experiment",
    "LearningCurve",
    "Outcome",
    "Strategy",
    "Task",
    "arranged",
    "assist",
    "builtin",
    "carried_out",
    "compare",
    "from_data",
    "from_lightning",
    "from_trainer",
]
