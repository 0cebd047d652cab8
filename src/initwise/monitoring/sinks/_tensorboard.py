"""TensorBoard, where it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from initwise.errors import NotSupportedError
from initwise.monitoring._alert import Alert
from initwise.monitoring._frame import Frame
from initwise.monitoring.sinks._sink import scalars


class TensorBoard:
    """Writes curves ("initwise/layer/blocks.3.mlp/dead") and alerts as text.

    Args:
        folder: where the events go; or a `SummaryWriter` that is open already, which stays open.

    Raises:
        NotSupportedError: the package `tensorboard` is not installed.
    """

    def __init__(self, folder: str | Path | Any) -> None:
        self._own = isinstance(folder, str | Path)
        self._writer: Any = _writer(folder) if isinstance(folder, str | Path) else folder

    def frame(self, frame: Frame) -> None:
        """Add a point to each curve."""
        for name, value in scalars(frame).items():
            self._writer.add_scalar(f"initwise/{name}", value, frame.step)

    def alert(self, alert: Alert) -> None:
        """Add the alert as text."""
        lines = str(alert).splitlines()
        self._writer.add_text(f"initwise/alerts/{alert.code}", "  \n".join(lines), alert.step)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left; close the writer where it is ours."""
        self._writer.flush()
        if self._own:
            self._writer.close()


def _writer(folder: str | Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise NotSupportedError(
            "monitoring.TensorBoard: the package tensorboard is not installed; pip install tensorboard, or"
            " pip install 'initwise[monitor]', or write to monitoring.JsonLines(path)"
        ) from error
    return SummaryWriter(str(folder))
