"""What a comparison trains: a task of your own, made from what you have, or built in."""

from initwise.comparison.tasks._builtin import BUILTIN, builtin
from initwise.comparison.tasks._data import from_data
from initwise.comparison.tasks._lightning import from_lightning
from initwise.comparison.tasks._task import Task, adamw, rates, sgd
from initwise.comparison.tasks._trainer import from_trainer

__all__ = ["BUILTIN", "Task", "adamw", "builtin", "from_data", "from_lightning", "from_trainer", "rates", "sgd"]
