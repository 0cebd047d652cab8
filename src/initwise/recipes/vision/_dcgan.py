"""`dcgan`: small normal weights, and norms around one."""

from __future__ import annotations

from initwise.initializers import Normal
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import Decide, role_of, subject, supporting


def _decide(reading: Reading) -> Decide:
    def decide(parameter: Parameter) -> Decision:
        role = role_of(parameter)
        if role == "weight":
            return Normal(std=0.02), f"{subject(parameter)}: N(0, 0.02²)"
        if role == "norm_weight" and parameter.usage is not None and parameter.usage.neutral is not None:
            mean = parameter.usage.neutral
            return Normal(mean=mean, std=0.02), f"{subject(parameter)}: N({mean:g}, 0.02²)"
        return supporting(parameter)

    return decide


DCGAN = Recipe(
    name="dcgan",
    summary="N(0, 0.02) on all weights, N(1, 0.02) on the weights of norms, zero biases",
    source="Radford, Metz, Chintala 2015 (arXiv:1511.06434); norms as in PyTorch's DCGAN tutorial",
    laws=(
        ("weights", "N(0, 0.02²)"),
        ("norms", "weight N(1, 0.02²) (N(0, 0.02²) where the module adds 1 to it), bias 0"),
        ("biases", "0"),
    ),
    decide=_decide,
)
