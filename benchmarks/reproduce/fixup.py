"""Fixup: without norms, one step of SGD changes the network's output by Θ(learning rate) at any depth."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's own name

import initwise as iw
from benchmarks.reproduce.claim import Claim, Figure
from initwise.rules import Rule

DEPTHS = (2, 8, 32, 128, 512)
WIDTH, CLASSES, BATCH = 64, 10, 128
RATE = 0.05


class ResidualBlock(nn.Module):
    """x + branch(x), the branch `layers` times a ReLU and a linear layer, written as the convolution it then is."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.branch = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 1, bias=False) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        inner = x
        for layer in self.branch:
            inner = layer(torch.relu(inner))
        return x + inner


class Residual(nn.Module):
    """A stack of such blocks and a classifier."""

    def __init__(self, depth: int, layers: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(ResidualBlock(layers) for _ in range(depth)))
        self.head = nn.Linear(WIDTH, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.blocks(x.unsqueeze(-1)).squeeze(-1))
        return logits


def zero_last(layers: int) -> Rule:
    """He's law everywhere but in the last layer of each branch, which is zero."""
    return iw.rule(f"blocks.*.branch.{layers - 1}.weight", iw.Zeros())


def shrunk(layers: int, depth: int, power: float) -> list[str | Rule]:
    """The same, with the other layers of a branch times depth^-power."""
    inner = [
        iw.rule(f"blocks.*.branch.{place}.weight", iw.Scaled(iw.KaimingNormal(), depth**-power))
        for place in range(layers - 1)
    ]
    return ["kaiming", zero_last(layers), *inner]


def change(rules: Sequence[str | Rule], depth: int, layers: int, rate: float = RATE) -> float:
    """Return the rms of f(x; θ after a step) − f(x; θ) for one step of SGD on all but the classifier."""
    model = Residual(depth, layers)
    random = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, WIDTH, generator=random)
    labels = torch.randint(CLASSES, (BATCH,), generator=random)
    head = iw.rule("head.weight", iw.Normal(std=WIDTH**-0.5))
    iw.apply(model, iw.plan(model, [*rules, head], seed=0, inputs=x))
    before = model(x)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    F.cross_entropy(before, labels).backward()
    optimizer.step()
    with torch.no_grad():
        return float((model(x) - before).square().mean().sqrt())


def run() -> list[Figure]:
    """The change of the output by one step, for depth after depth, under Fixup and what it is compared with."""
    return [
        *_flat(2, "[0.0376 to 0.0371]"),
        Figure(
            "m = 2, Fixup, 128 blocks: change at η = 0.025 over that at 0.05", _at_half_the_rate(), "1 / 2", 0.45, 0.55
        ),
        *_flat(3, "[0.064 to 0.038]"),
        Figure(
            "m = 2, only the last layer zero: 512 blocks over 2", _growth(["kaiming", zero_last(2)], 2), "[10000]", 100
        ),
        Figure("m = 2, He: 8 blocks over 2", _growth(["kaiming"], 2, 8), "[330]", 100),
        Figure("m = 3, L^-1/2 instead of L^-1/4: 512 blocks over 2", _shrinking(), "vanishes", most=0.7),
    ]


def _flat(layers: int, stated: str) -> list[Figure]:
    found = [change(["fixup"], depth, layers) for depth in DEPTHS]
    power = f"L^-1/{2 * layers - 2}"
    return [
        *(
            Figure(f"m = {layers}, Fixup ({power}), {depth} blocks: rms change of the output", value, f"Θ(η) {stated}")
            for depth, value in zip(DEPTHS, found, strict=True)
        ),
        Figure(
            f"m = {layers}, Fixup ({power}): the largest change over the smallest",
            max(found) / min(found),
            "O(1)",
            1,
            1.5,
        ),
    ]


def _at_half_the_rate() -> float:
    return change(["fixup"], 128, 2, RATE / 2) / change(["fixup"], 128, 2)


def _growth(rules: Sequence[str | Rule], layers: int, depth: int = DEPTHS[-1]) -> float:
    return change(rules, depth, layers) / change(rules, DEPTHS[0], layers)


def _shrinking() -> float:
    ends = [change(shrunk(3, depth, 0.5), depth, 3) for depth in (DEPTHS[0], DEPTHS[-1])]
    return ends[1] / ends[0]


CLAIM = Claim(
    name="fixup",
    title="Fixup: a residual network without norms changes by Θ(η) a step at any depth",
    source="Zhang, Dauphin, Ma 2019, Fixup Initialization: Residual Learning Without Normalization (arXiv:1901.09321)",
    says="The last layer of each of L branches is zero, the others He's times L^(-1 / (2m - 2)), m layers in a "
    "branch: one step of SGD at rate η then changes the output by Θ(η), whatever L is.",
    by='`iw.plan(model, ["fixup", iw.rule("head.weight", ...)])`; against `kaiming` with rules of `iw.Zeros` and '
    "`iw.Scaled`",
    differs="The paper trains ResNets and machine translation. Here: residual blocks of width 64, 2 to 512 of them, "
    "linear layers written as convolutions of kernel 1 (the recipe reads convolutional blocks), random inputs and "
    "labels, one step of SGD at 0.05. The classifier, which Fixup starts at zero, is drawn, or the first step would "
    "reach no branch; Fixup's scalar biases and multipliers are left out.",
    run=run,
)
