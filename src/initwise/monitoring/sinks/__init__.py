"""Where frames and alerts go: JSON lines, CSV, TensorBoard, Weights & Biases, or your own."""

from initwise.monitoring.sinks._csv import Csv
from initwise.monitoring.sinks._jsonl import JsonLines
from initwise.monitoring.sinks._sink import Onlooker, Sink, as_sinks, label, scalars
from initwise.monitoring.sinks._tensorboard import TensorBoard
from initwise.monitoring.sinks._wandb import WandB

__all__ = ["Csv", "JsonLines", "Onlooker", "Sink", "TensorBoard", "WandB", "as_sinks", "label", "scalars"]
