"""Unseen faults: critics, heads of an ensemble, policies."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.case import Case
from benchmarks.faults.control import noise, squares
from benchmarks.faults.fault import fault, put

SEEN, ACTIONS = 17, 6


def critic() -> nn.Sequential:
    return nn.Sequential(nn.Linear(SEEN + ACTIONS, 80), nn.ReLU(), nn.Linear(80, 80), nn.ReLU(), nn.Linear(80, 1))


class Critics(nn.Module):
    """Two critics, the smaller of whose values counts."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.q1, self.q2 = first, second

    def forward(self, seen: Tensor, action: Tensor) -> Tensor:
        x = torch.cat([seen, action], 1)
        return torch.minimum(self.q1(x), self.q2(x))


@fault("CLONE", "https://github.com/pytorch/pytorch/issues/72253", ("q[12].*.weight",), ("SYM301",))
def second_critic_is_a_copy(mended: bool) -> nn.Module:
    """The second critic is a deep copy of the first: same targets, same gradients, and the smaller of two equals."""
    first = critic()
    return Critics(first, critic() if mended else copy.deepcopy(first))


class Heads(nn.Module):
    """Bootstrapped values: ten heads as one stacked weight on a body."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(SEEN, 72), nn.ReLU())
        self.hidden = nn.Parameter(torch.randn(10, 72, 30) * 72**-0.5)
        self.last = nn.Parameter(torch.randn(10, 30, ACTIONS) * 30**-0.5)

    def forward(self, seen: Tensor) -> Tensor:
        return torch.tanh(self.body(seen) @ self.hidden) @ self.last


@fault("CLONE", "https://github.com/pytorch/pytorch/issues/120396", ("hidden", "last"), ("SYM303", "STA202"))
def heads_expanded_from_one(mended: bool) -> nn.Module:
    """Ten heads of an ensemble are one head, expanded and cloned: they never disagree on anything."""
    model = Heads()
    for parameter in (model.hidden, model.last):
        if not mended:
            put(parameter, parameter.detach()[:1].expand_as(parameter).clone())
    return model


class Actor(nn.Module):
    """A Gaussian policy behind a running normalization of what is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(SEEN))
        self.register_buffer("running_var", torch.ones(SEEN))
        self.body = nn.Sequential(nn.Linear(SEEN, 64), nn.ELU(), nn.Linear(64, 64), nn.ELU())
        self.mean = nn.Linear(64, ACTIONS)
        self.log_std = nn.Parameter(torch.zeros(ACTIONS))
        for layer, gain in ((self.body[0], 2**0.5), (self.body[2], 2**0.5), (self.mean, 0.01)):
            nn.init.orthogonal_(layer.get_parameter("weight"), gain)
            nn.init.zeros_(layer.get_parameter("bias"))

    def forward(self, seen: Tensor) -> Tensor:
        seen = (seen - self.get_buffer("running_mean")) / (self.get_buffer("running_var") + 1e-12).sqrt()
        mean, std = self.mean(self.body(seen)), self.log_std.clamp(-5, 2).exp()
        return torch.cat([mean, std.expand_as(mean)], 1)


def likelihood(output: Tensor) -> Tensor:
    """Of actions that were sampled, weighted with random advantages around one."""
    mean, std = output.chunk(2, 1)
    generator = torch.Generator().manual_seed(4)
    action = torch.randn(mean.shape, generator=generator) * 0.3
    advantage = 1 + torch.randn(len(mean), 1, generator=generator)
    return functional.gaussian_nll_loss(mean, action, std.square(), reduction="none").mul(advantage).mean()


@fault(
    "META", "https://github.com/NVIDIA/Megatron-LM/pull/4155", ("running_var",), ("INI1", "SIG", "GRD", "STA"),
    inputs=noise(64, SEEN), loss=squares,
)  # fmt: skip
def running_variance_of_zero(mended: bool) -> nn.Module:
    """to_empty left the running variance zero: what is seen is divided by 1e-6, activations start at a million."""
    model = Actor()
    if not mended:
        put(model.get_buffer("running_var"), torch.zeros(SEEN))
    return model


@fault(
    "SCALE", "https://github.com/ikostrikov/pytorch-a2c-ppo-acktr-gail/issues/199", ("log_std",), ("GRD", "SIG", "ZER"),
    inputs=noise(64, SEEN), loss=likelihood,
)  # fmt: skip
def log_std_below_its_clamp(mended: bool) -> nn.Module:
    """The logarithm of the std starts at -6 and is clamped at -5: it has no gradient, and never will."""
    model = Actor()
    nn.init.constant_(model.log_std, -0.5 if mended else -6.0)
    return model


CASES = tuple(case for case in list(globals().values()) if isinstance(case, Case))
