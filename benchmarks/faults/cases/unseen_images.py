"""Unseen faults: U-Nets, generators, capsules, gates over channels, autoencoders of images."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.case import Case
from benchmarks.faults.control import classes, noise, squares
from benchmarks.faults.fault import fault, he, put

BASE = 16


class TimedBlock(nn.Module):
    """Group norm, convolution, the time's embedding added."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(4, inner)
        self.conv = nn.Conv2d(inner, outer, 3, padding=1)
        self.time = nn.Linear(32, outer)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        y: Tensor = self.conv(functional.silu(self.norm(x))) + self.time(time)[..., None, None]
        return y


class Denoiser(nn.Module):
    """A U-Net of one level that is told the time."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("freqs", torch.exp(-torch.arange(16) / 16 * 9.2), persistent=False)
        self.stem = nn.Conv2d(3, BASE, 3, padding=1)
        self.down, self.middle = TimedBlock(BASE, 2 * BASE), TimedBlock(2 * BASE, 2 * BASE)
        self.up = TimedBlock(4 * BASE, BASE)
        self.out = nn.Conv2d(BASE, 3, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        angles = time[:, None] * self.get_buffer("freqs")
        embedded = torch.cat([angles.sin(), angles.cos()], 1)
        wide = self.down(self.stem(x), embedded)
        deep = functional.interpolate(self.middle(functional.avg_pool2d(wide, 2), embedded), scale_factor=2.0)
        y: Tensor = self.out(self.up(torch.cat([wide, deep], 1), embedded))
        return y


@fault("OVERWRITTEN", "https://github.com/huggingface/transformers/issues/143", ("*.norm.weight",), ("INI110",))
def group_norms_drawn(mended: bool) -> nn.Module:
    """Everything with a weight is drawn N(0, 0.02), the group norms of a denoiser too: 98 % of the signal is gone."""
    model = Denoiser()
    for module in model.modules():
        if not isinstance(module, nn.GroupNorm if mended else nn.Identity) and hasattr(module, "weight"):
            nn.init.normal_(module.get_parameter("weight"), std=0.02)
    return model


@fault("META", "https://github.com/huggingface/transformers/issues/45902", ("freqs",), ("INI1", "SIG", "STA"))
def time_frequencies_of_zero(mended: bool) -> nn.Module:
    """A buffer that no checkpoint holds came off meta as zeros: every time has the same embedding."""
    model = Denoiser()
    if not mended:
        put(model.get_buffer("freqs"), torch.zeros(16))
    return model


@fault("DISTRIBUTED", "https://github.com/pytorch/torchtitan/issues/4600", ("*.conv.weight",), ("SYM303", "STA202"))
def input_channels_of_ranks_with_one_seed(mended: bool) -> nn.Module:
    """Convolutions are split over two ranks by input channels; both drew with one seed, and the halves are equal."""
    model = Denoiser()
    for name, parameter in model.named_parameters():
        if name.endswith("conv.weight") and not mended:
            put(parameter, parameter.detach().chunk(2, 1)[0].repeat(1, 2, 1, 1))
    return model


@fault(
    "OVERWRITTEN", "https://github.com/huggingface/transformers/issues/143", ("[147].weight",), ("INI110", "SIG504"),
    inputs=noise(16, 24, 4, 4), loss=squares,
)  # fmt: skip
def generator_norms_around_zero(mended: bool) -> nn.Module:
    """DCGAN's rule with a slip: the batch norms of the generator are N(0, 0.02) where N(1, 0.02) was meant."""
    layers: list[nn.Module] = []
    for inner, outer in ((24, 32), (32, 24), (24, 16)):
        layers += [nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=False), nn.BatchNorm2d(outer), nn.ReLU()]
    model = nn.Sequential(*layers, nn.ConvTranspose2d(16, 3, 3, 1, 1), nn.Tanh())
    for module in model.modules():
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0 if mended else 0.0, 0.02)
    return model


class Squeeze(nn.Module):
    """A convolution whose channels are gated by what they are on average."""

    def __init__(self, width: int, gate: nn.Module) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.fc1, self.fc2, self.gate = nn.Linear(width, width // 4), nn.Linear(width // 4, width), gate

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x)).relu()
        gate = self.gate(self.fc2(self.fc1(y.mean((2, 3))).relu()))
        result: Tensor = x + y * gate[..., None, None]
        return result


def gated(*gates: nn.Module) -> nn.Sequential:
    blocks = [Squeeze(32, gate) for gate in gates]
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, 2, 1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)
    )  # fmt: skip


@fault("ZERO", "https://github.com/lucidrains/deep-cross-attention/issues/2", ("*.fc[12].weight",), ("ZER", "GRD"))
def gates_of_two_zero_layers(mended: bool) -> nn.Module:
    """Both layers of a gate over channels are zero with a ReLU between: no gradient ever reaches either weight."""
    model = gated(nn.Sigmoid(), nn.Sigmoid())
    for name, parameter in model.named_parameters():
        if ".fc2." in name or (".fc1." in name and not mended):
            nn.init.zeros_(parameter)
    return model


@fault(
    "SCALE", "https://github.com/facebookresearch/dlrm/issues/358", ("*.fc2.bias", "*.fc[12].*", "*.conv.weight"),
    ("SIG", "GRD"), inputs=noise(12, 3, 24, 24), loss=classes,
)  # fmt: skip
def hard_gates_shut_for_good(mended: bool) -> nn.Module:
    """Hard sigmoids start at a bias of -6, where gate and slope are exactly zero: no block ever learns anything."""
    model = gated(nn.Hardsigmoid(), nn.Hardsigmoid(), nn.Hardsigmoid())
    for name, parameter in model.named_parameters():
        if name.endswith("fc2.bias"):
            nn.init.constant_(parameter, 1.0 if mended else -6.0)
    return model


def pixels() -> tuple[Tensor]:
    return (torch.rand(16, 1, 20, 20, generator=torch.Generator().manual_seed(5)),)


@fault(
    "SCALE", "https://github.com/facebookresearch/dlrm/issues/358", ("[02].*",), ("SIG", "GRD", "STA", "ZER"),
    inputs=pixels, loss=classes,
)  # fmt: skip
def kernels_below_zero(mended: bool) -> nn.Module:
    """Kernels are -rand() * 0.2 for images between 0 and 1: before the first ReLU nothing is ever positive."""
    model = nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.ReLU(), nn.Conv2d(20, 30, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(1470, 10)
    )  # fmt: skip
    nn.init.zeros_(model[0].get_parameter("bias"))
    if not mended:
        put(model[0].get_parameter("weight"), -0.2 * torch.rand(20, 1, 5, 5))
    return model


class Capsules(nn.Module):
    """72 capsules vote for five classes, two rounds of routing."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 5, 3)
        self.votes = nn.Parameter(torch.randn(72, 5, 8, 12) * 0.1)

    def forward(self, x: Tensor) -> Tensor:
        capsules = self.conv(x).relu().unflatten(1, (2, 8)).flatten(3).transpose(2, 3).flatten(1, 2)
        votes = torch.einsum("bie,iced->bicd", capsules, self.votes)
        agreement = torch.zeros(votes.shape[:3])
        out = votes.sum(1)
        for _ in range(2):
            out = (votes * agreement.softmax(2)[..., None]).sum(1)
            out = out * out.norm(dim=-1, keepdim=True) / (1 + out.square().sum(-1, keepdim=True))
            agreement = agreement + (votes * out[:, None]).sum(-1)
        result: Tensor = out.norm(dim=-1)
        return result


@fault(
    "CLONE", "https://github.com/pytorch/pytorch/issues/72253", ("votes",), ("SYM303", "STA202"),
    inputs=pixels, loss=classes,
)  # fmt: skip
def capsules_vote_with_one_matrix(mended: bool) -> nn.Module:
    """The matrices of 72 capsules are one matrix, repeated along the first axis."""
    model = Capsules()
    if not mended:
        put(model.votes, model.votes.detach()[:1].repeat(72, 1, 1, 1))
    return model


def autoencoder(code: int = 24) -> nn.Sequential:
    sizes = (400, 256, 128, code, 128, 256, 400)
    layers = [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


def restored(output: Tensor) -> Tensor:
    return functional.mse_loss(output, pixels()[0].flatten(1))


@fault(
    "FAN", "https://github.com/pytorch/pytorch/issues/15314", ("[1-9].weight", "11.weight"),
    ("SIG504", "STA206", "GRD"),
    inputs=pixels, loss=restored,
)  # fmt: skip
def variance_given_as_std(mended: bool) -> nn.Module:
    """std=2 / fan_in: He's variance stands where the std belongs, and each of six layers divides the signal by ten."""
    model = autoencoder()
    he(model)
    for module in model.modules():
        if isinstance(module, nn.Linear) and not mended:
            nn.init.normal_(module.weight, std=2 / module.in_features)
    return model


@fault(
    "ZERO", "https://github.com/lucidrains/deep-cross-attention/issues/2", ("5.*",), ("ZER", "SIG", "GRD"),
    inputs=pixels, loss=restored,
)  # fmt: skip
def code_of_zeros(mended: bool) -> nn.Module:
    """The layer that makes an autoencoder's code is zero, and a ReLU follows: nothing before it ever learns."""
    model = autoencoder()
    he(model)
    if not mended:
        nn.init.zeros_(model[5].get_parameter("weight"))
    return model


CASES = tuple(case for case in list(globals().values()) if isinstance(case, Case))
