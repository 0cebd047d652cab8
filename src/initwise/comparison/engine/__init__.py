"""The trial engine: cells in a storage that many processes share, and the processes."""

from initwise.comparison.engine._board import Board, CellError
from initwise.comparison.engine._processes import work_in_processes
from initwise.comparison.engine._storage import shown
from initwise.comparison.engine._worker import work

__all__ = ["Board", "CellError", "shown", "work", "work_in_processes"]
