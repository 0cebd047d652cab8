"""`resnet` and `resnet-zero-gamma`: as torchvision draws them."""

from __future__ import annotations

from collections.abc import Callable

from initwise.initializers import Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import (
    HE_FAN_OUT,
    NORM_LAWS,
    Decide,
    he_fan_out,
    is_convolution,
    layer_default,
    role_of,
    subject,
    supporting,
)
from initwise.recipes.vision._residual import doubts, ends_of_branches

_LAWS = (
    ("convolution kernels", HE_FAN_OUT),
    ("other weights and all biases", "as the constructors of torch.nn: U(±1/sqrt(fan_in))"),
    *NORM_LAWS,
)


def resnet(reading: Reading) -> Decide:
    """Decide as `resnet`: He normal by fan_out for convolutions, PyTorch's own laws for the classifier."""
    default = layer_default(reading)

    def decide(parameter: Parameter) -> Decision:
        if role_of(parameter) == "weight" and is_convolution(parameter):
            return he_fan_out(parameter)
        said = default(parameter) if role_of(parameter) in ("weight", "bias") else None
        return said or supporting(parameter)

    return decide


def _zero_gamma(reading: Reading) -> Callable[[Parameter], Decision]:
    plain = resnet(reading)
    last = {reading[name].module_name: block for name, block in ends_of_branches(reading).items()}

    def decide(parameter: Parameter) -> Decision:
        block = last.get(parameter.module_name)
        if block is None or role_of(parameter) not in ("weight", "bias", "norm_weight", "norm_bias"):
            return plain(parameter)
        return Zeros(), f"{subject(parameter)}, last of the residual branch of {block}: zero"

    return decide


RESNET = Recipe(
    name="resnet",
    summary="He normal by fan_out on convolutions, norms at one, the classifier as torch.nn draws it",
    source="He, Zhang, Ren, Sun 2015 (arXiv:1512.03385); torchvision 0.28, models/resnet.py",
    laws=_LAWS,
    decide=resnet,
)

RESNET_ZERO_GAMMA = Recipe(
    name="resnet-zero-gamma",
    summary="resnet, with the last norm of each residual branch zero, so that every block starts as its shortcut",
    source="Goyal et al. 2017 (arXiv:1706.02677, section 5.1); torchvision's zero_init_residual, timm's zero_init_last",
    laws=(*_LAWS, ("last norm (or, in a pre-activation block, convolution) of a residual branch", "weight and bias 0")),
    decide=_zero_gamma,
    warnings=doubts,
)
