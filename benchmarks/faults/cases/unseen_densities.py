"""Unseen faults: variational autoencoders, flows, differential equations, hypernetworks, sines, splines, truncation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from benchmarks.faults.case import Case
from benchmarks.faults.control import noise, squares
from benchmarks.faults.fault import claims, fault, he

INPUT = 40


class Variational(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(INPUT, 200), nn.ReLU())
        self.mean, self.log_var = nn.Linear(200, 6), nn.Linear(200, 6)
        self.decoder = nn.Sequential(nn.Linear(6, 200), nn.ReLU(), nn.Linear(200, INPUT))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self.encoder(x)
        mean, log_var = self.mean(y), self.log_var(y)
        return self.decoder(mean + (log_var / 2).exp() * torch.randn_like(mean)), mean, log_var


def bound(output: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    restored, mean, log_var = output
    divergence = (mean.square() + log_var.exp() - 1 - log_var).sum(1).mean() / 2
    return functional.mse_loss(restored, torch.ones_like(restored)) * INPUT + divergence


@fault(
    "SCALE", "https://github.com/pytorch/pytorch/issues/3121", ("log_var.weight",), ("SIG", "STA", "GRD"),
    inputs=noise(32, INPUT), loss=bound,
)  # fmt: skip
def log_variance_of_unit_normal(mended: bool) -> nn.Module:
    """Log variances come from weights N(0, 1): they have a std of 10, and their exponential overflows the bound."""
    model = Variational()
    he(model)
    for layer in (model.mean, model.log_var):
        nn.init.normal_(layer.weight, std=0.02)
    if not mended:
        nn.init.normal_(model.log_var.weight)
    return model


class Coupling(nn.Module):
    """RealNVP: half of the values scale and shift the other half."""

    def __init__(self, width: int, odd: int) -> None:
        super().__init__()
        self.register_buffer("mask", (torch.arange(width) % 2 == odd).float())
        self.net = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 2 * width))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mask = self.get_buffer("mask")
        log_scale, shift = self.net(mask * x).chunk(2, 1)
        log_scale = log_scale * (1 - mask)
        return mask * x + (1 - mask) * (x * log_scale.exp() + shift), log_scale.sum(1)


class Flow(nn.Module):
    def __init__(self, width: int = 12, depth: int = 8) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(width, i % 2) for i in range(depth))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        total = torch.zeros(len(x))
        for coupling in self.couplings:
            x, log_det = coupling(x)
            total = total + log_det
        return x, total


def surprise(output: tuple[Tensor, Tensor]) -> Tensor:
    z, log_det = output
    return (z.square().sum(1) / 2 - log_det).mean()


@fault(
    "SCALE", "https://github.com/huggingface/transformers/pull/26441", ("*.net.2.weight",), ("SIG", "STA", "GRD"),
    inputs=noise(48, 12), loss=surprise,
)  # fmt: skip
def couplings_drawn_too_wide(mended: bool) -> nn.Module:
    """Log scales of a flow come from weights N(0, 0.5): eight exponentials in a row overflow."""
    model = Flow()
    for name, parameter in model.named_parameters():
        if name.endswith("net.2.weight"):
            nn.init.normal_(parameter, std=0.01 if mended else 0.5)
    return model


@fault(
    "META", "https://github.com/huggingface/transformers/pull/42309", ("*.mask", "*.net.0.weight"),
    ("INI1", "GRD", "SIG"),
    inputs=noise(48, 12), loss=surprise,
)  # fmt: skip
def coupling_masks_of_zeros(mended: bool) -> nn.Module:
    """to_empty left the masks zero: no coupling sees anything, and first layers never get a gradient."""
    model = Flow()
    for buffer in model.buffers():
        if not mended:
            buffer.zero_()
    return model


class Trajectory(nn.Module):
    """A field, followed for 24 steps of Euler."""

    def __init__(self) -> None:
        super().__init__()
        self.field = nn.Sequential(nn.Linear(10, 80), nn.Softplus(), nn.Linear(80, 10))
        self.out = nn.Linear(10, 2)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(24):
            x = x + self.field(x) / 24
        y: Tensor = self.out(x)
        return y


@fault(
    "SCALE", "https://github.com/pytorch/pytorch/issues/57109", ("field.*.weight",), ("SIG", "STA", "GRD"),
    inputs=noise(20, 10), loss=squares,
)  # fmt: skip
def field_of_unit_normal(mended: bool) -> nn.Module:
    """The field of a neural differential equation has weights N(0, 1): the trajectory runs off exponentially."""
    model = Trajectory()
    for name, parameter in model.field.named_parameters():
        if name.endswith("weight") and not mended:
            nn.init.normal_(parameter)
    return model


class Hyper(nn.Module):
    """A network whose hidden weights are made by another from the task."""

    def __init__(self) -> None:
        super().__init__()
        self.hyper = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 3 * 32 * 32, bias=False))
        self.first, self.last = nn.Linear(8, 32), nn.Linear(32, 1)

    def forward(self, x: Tensor, task: Tensor) -> Tensor:
        y = self.first(x)[:, None]
        for weight in self.hyper(task).view(-1, 3, 32, 32).unbind(1):
            y = (y @ weight).relu()
        z: Tensor = self.last(y[:, 0])
        return z


@fault(
    "SCALE", "https://github.com/pytorch/pytorch/issues/18182", ("hyper.2.weight",), ("SIG503", "STA", "GRD603"),
    inputs=lambda: (*noise(25, 8)(), *noise(25, 8)()), loss=squares,
)  # fmt: skip
def hypernetwork_by_its_own_fans(mended: bool) -> nn.Module:
    """The last layer of a hypernetwork has a scale for its own inputs: the weights that it makes are six-fold."""
    model = Hyper()
    he(model)
    nn.init.normal_(model.hyper[2].get_parameter("weight"), std=(2 / 32 / 64 if mended else 2 / 64) ** 0.5)
    return model


class Sine(nn.Module):
    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inner, outer)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(30 * self.linear(x))


HIDDEN = (6 / 72) ** 0.5 / 30


@fault(
    "OVERWRITTEN", "https://github.com/huggingface/transformers/issues/35913", ("[123].linear.weight",),
    ("INI10", "STA"),
    tool="verify", plan=claims(iw.rule(iw.Regex(r"^[123]\.linear\.weight"), iw.Uniform(-HIDDEN, HIDDEN))),
)  # fmt: skip
def sines_reset_by_an_outer_model(mended: bool) -> nn.Module:
    """An outer model resets all linear layers of a network of sines: frequencies are twelve times what they were."""
    model = nn.Sequential(Sine(2, 72), Sine(72, 72), Sine(72, 72), Sine(72, 72), nn.Linear(72, 3))
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            module.reset_parameters()
            if mended and name[0] in "123":
                nn.init.uniform_(module.weight, -HIDDEN, HIDDEN)
    return model


class Splines(nn.Module):
    """A layer of a KAN: sums of bumps for each edge, times a scale for each edge."""

    def __init__(self, inner: int, outer: int, bumps: int = 7) -> None:
        super().__init__()
        self.coef = nn.Parameter(torch.randn(outer, inner, bumps) * 0.3)
        self.scale_sp = nn.Parameter(torch.ones(outer, inner) * inner**-0.5)
        self.base = nn.Linear(inner, outer)
        self.register_buffer("grid", torch.linspace(-2, 2, bumps))

    def forward(self, x: Tensor) -> Tensor:
        bumps = torch.exp(-4 * (x[..., None] - self.get_buffer("grid")).square())
        y: Tensor = self.base(functional.silu(x)) + torch.einsum("bik,oik,oi->bo", bumps, self.coef, self.scale_sp)
        return y


@fault(
    "ZERO", "https://github.com/Blealtan/efficient-kan/issues/72", ("*.coef", "*.scale_sp"), ("ZER", "GRD"),
    inputs=noise(40, 9), loss=squares,
)  # fmt: skip
def splines_of_zero_times_zero(mended: bool) -> nn.Module:
    """Coefficients of splines and their scales are both zero: the splines never move, a plain network trains."""
    model = nn.Sequential(Splines(9, 20), Splines(20, 20), Splines(20, 2))
    for name, parameter in model.named_parameters():
        if name.endswith("coef") or (name.endswith("scale_sp") and not mended):
            nn.init.zeros_(parameter)
    return model


CASES = tuple(case for case in list(globals().values()) if isinstance(case, Case))
