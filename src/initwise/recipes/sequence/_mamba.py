"""`mamba` and `mamba-ssm`: state-space models as transformers draws them, and as the authors' own code does.

Departures from transformers 5.23, which are defects there and are not copied:

- `out_proj` is divided by sqrt(layers) always. transformers does so only where `rescale_prenorm_residual=True`, which
  its configurations leave off and the authors' code has on.
- `A_log` of Mamba-2 is ln U(1, 16), as in the authors' code. transformers takes ln(1 ... heads), so that of 128 heads
  most forget everything within a step of 0.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from torch import nn

from initwise.initializers import Constant, Initializer, Normal, TimeStepBias, Uniform, VarianceScaling, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._by_type import plain
from initwise.recipes._rates import LAWS, rate, time_step
from initwise.recipes._recipe import Decision, Recipe

TRANSFORMERS_STD = 0.1  # `initializer_range` of its Mamba configurations
AUTHORS_STD = 0.02  # of the authors' embeddings
PYTORCH = VarianceScaling(1 / 3, "fan_in", "uniform")  # U(±1/sqrt(fan_in))


@dataclass(frozen=True)
class _Style:
    """What the two codes disagree about."""

    std: float
    linear: Initializer | None  # None: normal, like the embeddings
    configured: bool  # whether the model's configuration gives `std`
    conv_bias: bool  # whether the convolution keeps PyTorch's bias


def _decide(style: _Style) -> Callable[[Reading], Callable[[Parameter], Decision]]:
    def decide(reading: Reading) -> Callable[[Parameter], Decision]:
        model = _Model(reading, style)
        return model.decision

    return decide


class _Model:
    """A model that was read, with its mixers: the modules that own an `A_log`."""

    def __init__(self, reading: Reading, style: _Style) -> None:
        self.reading, self.style = reading, style
        self.mixers = {parameter.module_name for parameter in reading.parameters if parameter.attribute == "A_log"}
        given = _configured(reading.modules.get(""), "initializer_range") if style.configured else None
        self.normal = Normal(std=given or style.std)

    def decision(self, parameter: Parameter) -> Decision:
        mixer, _, part = parameter.module_name.rpartition(".")
        if parameter.module_name in self.mixers:
            found = rate(parameter, self._steps(parameter.module_name))
            return found or self._raw(parameter)
        if mixer in self.mixers:
            return self._within(parameter, mixer, part)
        return self._around(parameter)

    def _raw(self, parameter: Parameter) -> Decision:
        if parameter.attribute == "dt_proj_weight":
            return _step_projection(parameter, parameter.shape[-1], None)
        return self._around(parameter)

    def _within(self, parameter: Parameter, mixer: str, part: str) -> Decision:
        if part == "dt_proj":
            if parameter.role == "bias":
                return time_step(parameter, self._steps(mixer))
            return _step_projection(parameter, parameter.shape[-1], self.reading.modules.get(mixer))
        if part == "out_proj" and parameter.role == "weight":
            return self._writer(parameter)
        if part == "conv1d":
            return self._convolution(parameter)
        return self._around(parameter)

    def _around(self, parameter: Parameter) -> Decision:
        subject = f"{parameter.kind} {parameter.attribute}"
        if parameter.role == "weight" and self.style.linear is not None:
            return self.style.linear, f"{subject}: U(±1/sqrt(fan_in)), as PyTorch draws"
        if parameter.role in ("weight", "embedding"):
            return self.normal, f"{subject}: N(0, {self.normal.std:g}²)"
        return plain(parameter)

    def _writer(self, parameter: Parameter) -> Decision:
        residual = parameter.usage.residual if parameter.usage is not None else None
        count = residual.writers if residual is not None else len(self.mixers)
        why = f"{parameter.kind} {parameter.attribute}, residual projection: U(±1/sqrt(fan_in)) / sqrt({count} layers)"
        return VarianceScaling(1 / (3 * count), "fan_in", "uniform"), why

    def _convolution(self, parameter: Parameter) -> Decision:
        """A depthwise convolution: each channel sums its kernel, and PyTorch bounds weight and bias by that."""
        subject = f"{parameter.kind} {parameter.attribute}, depthwise"
        if parameter.role == "weight":
            return PYTORCH, f"{subject}: U(±1/sqrt(kernel)), as PyTorch draws"
        if not self.style.conv_bias:
            return Zeros(), f"{subject}: zero"
        bound = 1 / math.sqrt(math.prod(getattr(parameter.module, "kernel_size", (1,))))
        return Uniform(-bound, bound), f"{subject}: U(±1/sqrt(kernel)), as PyTorch draws"

    def _steps(self, mixer: str) -> TimeStepBias:
        """Return the time steps that the mixer was configured for, else those of the paper's code."""
        module, default = self.reading.modules.get(mixer), TimeStepBias()
        low, high, floor = (_configured(module, f"time_step_{name}") for name in ("min", "max", "floor"))
        return TimeStepBias(low or default.low, high or default.high, floor or default.floor)


def _step_projection(parameter: Parameter, rank: int, mixer: nn.Module | None) -> Decision:
    bound = (_configured(mixer, "time_step_scale") or 1.0) / math.sqrt(rank)
    subject = f"{parameter.kind} {parameter.attribute}, of the time step"
    if getattr(getattr(mixer, "config", None), "time_step_init_scheme", "random") == "constant":
        return Constant(bound), f"{subject}: 1/sqrt(rank {rank}), as configured"
    return Uniform(-bound, bound), f"{subject}: U(±1/sqrt(rank {rank}))"


def _configured(module: nn.Module | None, name: str) -> float | None:
    """Return a number above zero that a module or its configuration holds under a name."""
    places: tuple[Any, ...] = (module, getattr(module, "config", None))
    found = next((value for place in places if (value := getattr(place, name, None)) is not None), None)
    number = float(found) if isinstance(found, Real) else 0.0
    return number if number > 0 else None


_WRITERS = ("out_proj", "U(±1/sqrt(fan_in)) / sqrt(layers)")
_STEP = ("dt_proj weight", "U(±1/sqrt(rank))")
_NORMS = ("norms", "weight 1 (0 where the module adds 1 to it), bias 0")

MAMBA = Recipe(
    name="mamba",
    summary="Mamba and Mamba-2 as transformers draws them, residual projections divided by sqrt(layers)",
    source="MambaPreTrainedModel and Mamba2PreTrainedModel of transformers 5.23; Gu, Dao 2023 (arXiv:2312.00752)",
    laws=(
        ("weights and embeddings", "N(0, 0.1²), or the initializer_range of the model's configuration"),
        *LAWS,
        _STEP,
        _WRITERS,
        ("depthwise convolution", "U(±1/sqrt(kernel)), bias 0"),
        _NORMS,
        ("other biases", "0"),
    ),
    decide=_decide(_Style(TRANSFORMERS_STD, None, configured=True, conv_bias=False)),
)

MAMBA_SSM = Recipe(
    name="mamba-ssm",
    summary="Mamba and Mamba-2 as their authors' code draws them: PyTorch's own laws, embeddings N(0, 0.02²)",
    source="Gu, Dao 2023 (arXiv:2312.00752), Dao, Gu 2024 (arXiv:2405.21060); code of state-spaces/mamba",
    laws=(
        ("embeddings", "N(0, 0.02²)"),
        ("weights", "U(±1/sqrt(fan_in)), as PyTorch draws"),
        *LAWS,
        _STEP,
        _WRITERS,
        ("depthwise convolution", "weight and bias U(±1/sqrt(kernel)), as PyTorch draws"),
        _NORMS,
        ("other biases", "0"),
    ),
    decide=_decide(_Style(AUTHORS_STD, PYTORCH, configured=False, conv_bias=True)),
)
