"""`icnr` and `bilinear-upsampling`: He normal everywhere, and layers that enlarge without a checkerboard."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.conv import _ConvTransposeNd

from initwise.errors import ArgumentError
from initwise.initializers import ICNR, BilinearKernel, KaimingNormal, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._by_type import SHARED
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import Decide, role_of, subject, supporting

_LAWS = (("other weights", "N(0, 2 / fan_in)"), *SHARED)


def _he(parameter: Parameter) -> Decision:
    if role_of(parameter) == "weight":
        return KaimingNormal(), f"{subject(parameter)}: N(0, 2 / fan_in)"
    return supporting(parameter)


def _icnr(reading: Reading) -> Decide:
    scales = _before_shuffles(reading)

    def decide(parameter: Parameter) -> Decision:
        scale = scales.get(parameter.module_name)
        if scale is None:
            return _he(parameter)
        if role_of(parameter) != "weight":
            return Zeros(), f"{subject(parameter)}: zero, equal within each run of {scale**2} channels"
        return ICNR(scale), f"{subject(parameter)}: ICNR, {scale} times larger by the pixel shuffle that follows"

    return decide


def _before_shuffles(reading: Reading) -> dict[str, int]:
    """Return the convolution that is registered before each pixel shuffle, with its factor."""
    found: dict[str, int] = {}
    before: tuple[str, nn.Module] | None = None
    for name, module in reading.modules.items():
        if isinstance(module, nn.PixelShuffle):
            found[_convolution(before, name, module)] = module.upscale_factor
        elif module._parameters.get("weight") is not None and not _keeps_channels(module):  # noqa: SLF001 - read only
            before = name, module
    if not found:
        raise ArgumentError(
            "the model has no nn.PixelShuffle (functional ones cannot be seen). "
            "Write a rule for the convolution before it, such as iw.rule(NAME, weight=iw.ICNR(2), bias=iw.Zeros())"
        )
    return found


def _convolution(before: tuple[str, nn.Module] | None, name: str, shuffle: nn.PixelShuffle) -> str:
    if before is not None and isinstance(before[1], nn.Conv2d):
        conv, factor = before[1], shuffle.upscale_factor
        if conv.out_channels % (conv.groups * factor**2) == 0:
            return before[0]
    what = f"{before[0]!r}, a {type(before[1]).__name__}" if before is not None else "no layer with a weight"
    raise ArgumentError(
        f"before the pixel shuffle {name!r} stands {what}; a Conv2d with a multiple of "
        f"{shuffle.upscale_factor}² output channels in each group is needed. Write rules instead of the recipe"
    )


def _keeps_channels(module: nn.Module) -> bool:
    """Norms and activations with a weight, which hold equal channels equal."""
    return isinstance(module, nn.modules.batchnorm._NormBase | nn.PReLU | nn.GroupNorm | nn.LayerNorm)  # noqa: SLF001


def _bilinear(reading: Reading) -> Decide:
    fitting, _ = _transposed(reading)
    if not fitting:
        raise ArgumentError(
            "no transposed convolution has as many inputs as outputs in each group, "
            "and a kernel of 2r - r % 2 for its stride r. Write rules instead of the recipe"
        )

    def decide(parameter: Parameter) -> Decision:
        if parameter.module_name in fitting and role_of(parameter) == "weight":
            return BilinearKernel(), f"{subject(parameter)}: linear interpolation to the stride"
        return _he(parameter)

    return decide


def _transposed(reading: Reading) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the transposed convolutions that can interpolate, and those that cannot."""
    layers = {name: module for name, module in reading.modules.items() if isinstance(module, _ConvTransposeNd)}
    fitting = frozenset(name for name, module in layers.items() if _fits(module))
    return fitting, tuple(name for name in layers if name not in fitting)


def _fits(layer: _ConvTransposeNd) -> bool:
    sides = zip(layer.kernel_size, layer.stride, strict=True)
    return layer.in_channels == layer.out_channels and all(kernel == 2 * r - r % 2 for kernel, r in sides)


def _unfit(reading: Reading) -> tuple[str, ...]:
    others = _transposed(reading)[1]
    return (
        (f"these transposed convolutions cannot interpolate and get He's law: {', '.join(others)}",) if others else ()
    )


ICNR_RECIPE = Recipe(
    name="icnr",
    summary="He normal, and each convolution before a pixel shuffle starts as nearest-neighbour enlargement",
    source="Aitken et al. 2017 (arXiv:1707.02937)",
    laws=(
        ("convolutions before nn.PixelShuffle", "one kernel N(0, 2 / fan_in), each channel scale² times; bias 0"),
        *_LAWS,
    ),
    decide=_icnr,
)

BILINEAR_UPSAMPLING = Recipe(
    name="bilinear-upsampling",
    summary="He normal, and transposed convolutions start as bilinear interpolation",
    source="Long, Shelhamer, Darrell 2015 (arXiv:1411.4038)",
    laws=(
        ("transposed convolutions with kernel 2r - r % 2 for stride r, in = out", "linear interpolation, bias 0"),
        *_LAWS,
    ),
    decide=_bilinear,
    warnings=_unfit,
)
