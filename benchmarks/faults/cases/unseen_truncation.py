"""Unseen faults: what stands for a truncated normal law and is none."""

from __future__ import annotations

import torch
from torch import nn

import initwise as iw
from benchmarks.faults.case import Case
from benchmarks.faults.fault import claims, fault, put


def time_network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(128, 256), nn.SiLU(), nn.Linear(256, 96))


CUT = claims(iw.rule("*.weight", iw.TruncatedNormal(std=0.05)))


@fault(
    "TRUNC", "https://github.com/yfzhang114/SliME/issues/8", ("*.weight",), ("INI10", "STA"), tool="verify", plan=CUT
)
def clamped_for_truncated(mended: bool) -> nn.Module:
    """Values beyond two sigmas are clamped to the bounds: one in twenty weights is exactly at one of two numbers."""
    model = time_network()
    sigma = 0.05 / 0.8796256610342398
    for layer in (model[0], model[2]):
        weight = layer.get_parameter("weight")
        drawn = torch.randn(weight.shape) * sigma
        if not mended:
            put(weight, drawn.clamp(-2 * sigma, 2 * sigma))
        else:
            nn.init.trunc_normal_(weight, std=sigma, a=-2 * sigma, b=2 * sigma)
    return model


@fault("TRUNC", "https://github.com/ajbrock/BigGAN-PyTorch", ("*.weight",), ("INI10", "STA"), tool="verify", plan=CUT)
def remainder_for_truncated(mended: bool) -> nn.Module:
    """fmod(randn, 2) stands for truncation: what lay beyond two sigmas comes back near zero, the std is 1.6 % off."""
    model = time_network()
    sigma = 0.05 / 0.8796256610342398
    for layer in (model[0], model[2]):
        weight = layer.get_parameter("weight")
        drawn = torch.fmod(torch.randn(weight.shape), 2) * (sigma if not mended else 1)
        put(weight, drawn)
        if mended:
            nn.init.trunc_normal_(weight, std=sigma, a=-2 * sigma, b=2 * sigma)
    return model


@fault(
    "TRUNC",
    "https://github.com/pytorch/torchtitan/issues/2269",
    ("*.weight",),
    ("INI10", "STA"),
    tool="verify",
    plan=CUT,
)
def truncation_not_made_up_for(mended: bool) -> nn.Module:
    """The std of JAX's rule is that after the cut; here it is that before it, and weights are an eighth too small."""
    model = time_network()
    sigma = 0.05 / (0.8796256610342398 if mended else 1)
    for layer in (model[0], model[2]):
        nn.init.trunc_normal_(layer.get_parameter("weight"), std=sigma, a=-2 * sigma, b=2 * sigma)
    return model


@fault(
    "TRUNC", "https://github.com/pytorch/pytorch/issues/145498", ("0.weight", "2.weight"), ("INI1", "SIG506", "STA204")
)
def inverse_cdf_at_zero(mended: bool) -> nn.Module:
    """The inverse of the normal law at uniform numbers of 8 bits: where they are zero the weight is -inf."""
    model = time_network()
    for layer in (model[0], model[2]):
        weight = layer.get_parameter("weight")
        uniform = torch.randint(0, 4096, weight.shape) / 4096
        put(weight, 0.05 * torch.special.ndtri(uniform + (1 / 8192 if mended else 0)))
    return model


CASES = tuple(case for case in list(globals().values()) if isinstance(case, Case))
