"""Unseen faults: convolutions over time, with weight norm, groups, Snake; feed-forward layers beside them; a scan."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

import initwise as iw
from benchmarks.faults.case import Case
from benchmarks.faults.control import classes, noise, squares
from benchmarks.faults.fault import claims, fault

WIDTH = 48


class Temporal(nn.Module):
    """Dilated causal convolutions with weight norm, ReLU between."""

    def __init__(self, depth: int = 8) -> None:
        super().__init__()
        sizes = [12] + [40] * depth
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv1d(a, b, 3, padding=2**i, dilation=2**i))
            for i, (a, b) in enumerate(itertools.pairwise(sizes))
        )
        self.out = nn.Conv1d(40, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x).relu()
        y: Tensor = self.out(x)
        return y.mean(2)


@fault(
    "SCALE", "https://github.com/jik876/hifi-gan/issues/145", ("layers.*.weight",), ("SIG50", "STA20", "GRD603"),
    inputs=noise(12, 12, 300), loss=classes,
)  # fmt: skip
def weight_norm_gains_of_eight(mended: bool) -> nn.Module:
    """The gains of weight norm are 8 where ReLU wants sqrt(2): eight layers multiply the signal by a million."""
    model = Temporal()
    for name, parameter in model.named_parameters():
        if name.endswith("original0"):
            nn.init.constant_(parameter, 2**0.5 if mended else 8.0)
    return model


def grouped() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv1d(8, 96, 1), nn.ReLU()]
    for dilation in (1, 2, 4, 8):
        layers += [nn.Conv1d(96, 96, 5, padding=2 * dilation, dilation=dilation, groups=12), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv1d(96, 5, 1))


@fault(
    "FAN", "https://github.com/pytorch/pytorch/issues/23854", tuple(f"{i}.weight" for i in (2, 4, 6, 8)),
    ("INI104", "STA"), tool="verify", plan=claims(iw.rule(iw.Regex(r"^[2468]\.weight"), iw.KaimingNormal())),
)  # fmt: skip
def grouped_fan_of_all_channels(mended: bool) -> nn.Module:
    """He's rule by hand for 12 groups counts all 96 channels as inputs of each unit: weights sqrt(12) too small."""
    model = grouped()
    for layer in model.children():
        if isinstance(layer, nn.Conv1d) and layer.groups > 1:
            nn.init.normal_(layer.weight, std=(2 / (5 * 96 / (12 if mended else 1))) ** 0.5)
    return model


class Forward(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 96), nn.SiLU(), nn.Linear(96, WIDTH))


class Conformer(nn.Module):
    """Half of a feed-forward layer, a depthwise convolution, half of another."""

    def __init__(self, before: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.before = before
        self.conv = nn.Conv1d(WIDTH, WIDTH, 7, padding=3, groups=WIDTH)
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        x = x + 0.5 * self.before(x)
        x = x + self.conv(x.mT).mT
        y: Tensor = x + 0.5 * self.after(x)
        return y


@fault("SHARED", "https://github.com/habla-liaa/encodecmae/issues/3", ("*.before.*", "*.after.*"), ("TIE702",))
def default_argument_made_once(mended: bool) -> nn.Module:
    """Both feed-forward layers are default arguments: Python made them once, and four blocks hold the same two."""
    once = (Forward(), Forward())
    make = [(Forward(), Forward()) if mended else once for _ in range(4)]
    return nn.Sequential(nn.Linear(20, WIDTH), *(Conformer(*pair) for pair in make), nn.Linear(WIDTH, 10))


class Snake(nn.Module):
    """x + sin(a x)^2 / a."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        alpha = self.alpha[:, None]
        return x + torch.sin(alpha * x) ** 2 / alpha


@fault(
    "OVERWRITTEN", "https://github.com/espnet/espnet/issues/4555", ("*.alpha",), ("SIG506", "ZER", "GRD", "INI1"),
    inputs=noise(4, 1, 256), loss=squares,
)  # fmt: skip
def snake_slopes_zeroed(mended: bool) -> nn.Module:
    """A rule zeroes every parameter of one axis as a bias, and with them the alpha that Snake divides by: NaN."""
    layers: list[nn.Module] = [nn.Conv1d(1, 24, 7, padding=3)]
    for dilation in (1, 3, 9):
        layers += [Snake(24), nn.Conv1d(24, 24, 7, padding=3 * dilation, dilation=dilation)]
    model = nn.Sequential(*layers, Snake(24), nn.Conv1d(24, 1, 1))
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1 and not (mended and "alpha" in name):
            nn.init.zeros_(parameter)
    return model


class Scan(nn.Module):
    """A selective scan, step by step."""

    def __init__(self, width: int = 32, states: int = 8) -> None:
        super().__init__()
        self.A_log = nn.Parameter(torch.arange(1.0, states + 1).log().repeat(width, 1))
        self.inside = nn.Linear(width, 2 * states + width)
        self.out = nn.Linear(width, width)
        self.sizes = (states, states, width)

    def forward(self, x: Tensor) -> Tensor:
        B, C, step = self.inside(x).split(self.sizes, -1)
        step, state, ys = nn.functional.softplus(step), 0, []
        for t in range(x.shape[1]):
            decay = torch.exp(-step[:, t, :, None] * self.A_log.exp())
            state = decay * state + (step[:, t] * x[:, t])[..., None] * B[:, t, None]
            ys.append((state * C[:, t, None]).sum(-1))
        y: Tensor = self.out(torch.stack(ys, 1))
        return y


@fault(
    "OVERWRITTEN", "https://github.com/fla-org/flash-linear-attention/issues/367", ("*.A_log",), ("INI1", "STA"),
    tool="verify", plan=claims(iw.rule("*.A_log", iw.LogRange())),
)  # fmt: skip
def scan_decays_drawn(mended: bool) -> nn.Module:
    """The model's rule draws every matrix N(0, 0.02), the logarithms of the decays too: all states forget alike."""
    model = nn.Sequential(nn.Linear(6, 32), Scan(), Scan(), nn.Linear(32, 3))
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2 and not (mended and name.endswith("A_log")):
            nn.init.normal_(parameter, std=0.02)
    return model


CASES = tuple(case for case in list(globals().values()) if isinstance(case, Case))
