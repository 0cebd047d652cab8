"""What starts a recurrence at the right time scales: decays, time steps and skips of state-space models."""

from __future__ import annotations

from initwise.initializers import LogOfUniform, LogRange, Ones, TimeStepBias
from initwise.model import Parameter
from initwise.recipes._recipe import Decision

STEPS = TimeStepBias()
DECAYS = LogOfUniform(1.0, 16.0)
LAWS = (
    ("A_log of Mamba, (channels, N)", "ln(1 ... N) in every channel: the decays of S4D-Real"),
    ("A_log of Mamba-2 and gated delta nets, one a head", "ln U(1, 16)"),
    ("time-step biases", "softplus⁻¹ of a log-uniform step between 0.001 and 0.1, at least 0.0001"),
    ("D, the skip", "1"),
)


def rate(parameter: Parameter, steps: TimeStepBias = STEPS) -> Decision:
    """Decide about a raw parameter of a state-space mixer; None for any other.

    `A_log` holds the logarithms of the decays: with a state axis those of S4D-Real, by head as Mamba-2 draws them. What
    softplus takes (`dt_bias`, or the bias of `dt_proj`) gets log-uniform time steps.
    """
    subject = f"{parameter.kind} {parameter.attribute}"
    if parameter.attribute == "A_log":
        if parameter.ndim > 1 and parameter.shape[-1] > 1:
            return LogRange(), f"{subject}: ln(1 ... {parameter.shape[-1]}), the decays of S4D-Real"
        return DECAYS, f"{subject}: ln U(1, 16), a decay a head"
    if parameter.attribute in ("dt_bias", "dt_proj_bias"):
        return time_step(parameter, steps)
    return (Ones(), f"{subject}, the skip: one") if parameter.attribute == "D" else None


def time_step(parameter: Parameter, steps: TimeStepBias = STEPS) -> Decision:
    """Return the bias whose softplus is a log-uniform time step."""
    low, high = f"{steps.low:g}", f"{steps.high:g}"
    return steps, f"{parameter.kind} {parameter.attribute}: its softplus is a log-uniform time step in [{low}, {high}]"
