"""The trial engine: cells in a storage that many processes share, and the processes."""

from initwise.comparison.engine._board import Board
from initwise.comparison.engine._processes import work_in_processes
from initwise.comparison.engine._storage import shown
from initwise.comparison.engine._worker import work

__all__ = ["Board", "shown", "work", "work_in_processes"]
