"""ReZero: x + α F(x) with α = 0 trains a fully connected network of 128 layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's own name

import initwise as iw
from benchmarks.reproduce.claim import Claim, Figure
from benchmarks.reproduce.digits import batches, standardized
from initwise.rules import Rule

LAYERS, WIDTH, CLASSES = 128, 64, 10
STEPS, BATCH, RATE = 150, 128, 1e-3


class Layer(nn.Module):
    """x + α relu(W x), or relu(W x) where there is no shortcut."""

    def __init__(self, *, shortcut: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)
        if shortcut:
            self.alpha = nn.Parameter(torch.empty(()))
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.linear(x))
        return x + self.alpha * inner if self.shortcut else inner


def build(*, shortcut: bool) -> nn.Sequential:
    """128 layers and a classifier."""
    layers = (Layer(shortcut=shortcut) for _ in range(LAYERS))
    return nn.Sequential(*layers, nn.Linear(WIDTH, CLASSES))


def trained(model: nn.Module, rules: Sequence[str | Rule]) -> float:
    """Return the loss over all digits after a few steps of Adam."""
    x, y = standardized()
    iw.apply(model, iw.plan(model, list(rules), seed=0))
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for chosen in batches(STEPS, BATCH, seed=0):
        optimizer.zero_grad()
        F.cross_entropy(model(x[chosen]), y[chosen]).backward()
        optimizer.step()
    with torch.no_grad():
        return float(F.cross_entropy(model(x), y))


def jacobian_error() -> float:
    """Return how far ReZero's Jacobian from the input to the last layer is from the identity, at initialization."""
    model = build(shortcut=True)
    iw.apply(model, iw.plan(model, ["kaiming", iw.rule("*.alpha", iw.Zeros())], seed=0))
    x = standardized()[0][0]
    jacobian = torch.autograd.functional.jacobian(model[:-1], x, vectorize=True)
    return float((jacobian - torch.eye(WIDTH)).abs().max())


def run() -> list[Figure]:
    """The loss of three networks after as many steps."""
    chance = math.log(CLASSES)
    zero, one = iw.rule("*.alpha", iw.Zeros()), iw.rule("*.alpha", iw.Ones())
    return [
        Figure("ReZero (α = 0): ‖∂x₁₂₈/∂x₀ − I‖ at initialization", jacobian_error(), "0 exactly", 0, 0),
        Figure("ReZero (α = 0): loss", trained(build(shortcut=True), ["kaiming", zero]), "[0.001]", 0, 0.05),
        Figure(
            "no shortcut, He: loss",
            trained(build(shortcut=False), ["kaiming"]),
            "ln 10 = 2.303 [2.303]",
            chance - 0.05,
            chance + 0.05,
        ),
        Figure("shortcut with α = 1, He: loss", trained(build(shortcut=True), ["kaiming", one]), "[6e28]", 1e6),
    ]


CLAIM = Claim(
    name="rezero",
    title="ReZero: a fully connected network of 128 layers trains",
    source="Bachlechner et al. 2020, ReZero is All You Need: Fast Convergence at Large Depth (arXiv:2003.04887)",
    says="With x + α F(x), α a parameter that starts at zero, the Jacobian from input to output starts as the "
    "identity, and networks train at depths where plain ones do not.",
    by='`iw.plan(model, ["kaiming", iw.rule("*.alpha", iw.Zeros())])`; there is no recipe, a rule is all it takes',
    differs="The paper trains fully connected networks on CIFAR-10 and transformers of up to 128 layers on text. "
    "Here: 128 fully connected layers of width 64 on scikit-learn's digits, 150 steps of Adam at 1e-3, batches of "
    "128, loss over all 1,797 pictures, which are those it was trained on.",
    run=run,
)
