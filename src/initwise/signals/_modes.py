"""The mode of the measured pass: batch norms as in training, everything that draws random numbers as in evaluation."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

_RANDOM = ("Dropout", "DropPath", "StochasticDepth", "DropBlock")  # in the names of classes


def set_modes(model: nn.Module, *, training: bool = False) -> None:
    """Put a model into evaluation mode, its batch norms into training mode; `restored` undoes it.

    At initialization running statistics are zeros and ones, with which a batch norm does nothing; its batch's own
    statistics show what training will see. Dropout and stochastic depth are off, so that two passes agree.

    Args:
        training: put all into training mode but what draws: for models whose backward pass asks for it.
    """
    for module in model.modules():
        asks = training and not any(word in type(module).__name__ for word in _RANDOM)
        module.training = asks or _has_statistics(module) or isinstance(module, nn.RNNBase)
        if isinstance(module, nn.RNNBase):
            module.dropout = 0.0  # cuDNN has no backward pass of recurrent layers in evaluation mode


def _has_statistics(module: nn.Module) -> bool:
    return isinstance(module, _NormBase) or "running_mean" in vars(module).get("_buffers", {})
