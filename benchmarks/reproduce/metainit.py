"""MetaInit: on noise alone the norms are found at which a deep network's gradient is nearly constant over a step."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's own name

import initwise as iw
from benchmarks.reproduce.claim import Claim, Figure

LAYERS, WIDTH, CLASSES, BATCH = 20, 64, 10, 128
EPSILON = 1e-5


def build() -> nn.Sequential:
    """20 linear layers with ReLU between them."""
    hidden = [layer for _ in range(LAYERS - 1) for layer in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(WIDTH, CLASSES))


def quotient(model: nn.Module) -> float:
    """Return the gradient quotient on noise that MetaInit has not seen: mean |(g − H g) / (g + ε sgn g) − 1|."""
    random = torch.Generator().manual_seed(1)
    x, y = torch.randn(BATCH, WIDTH, generator=random), torch.randint(CLASSES, (BATCH,), generator=random)
    weights = list(model.parameters())
    gradient = torch.autograd.grad(F.cross_entropy(model(x), y), weights, create_graph=True)
    square = torch.stack([each.square().sum() for each in gradient]).sum() / 2
    turned = torch.autograd.grad(square, weights)  # H g
    terms = [_terms(g.detach(), hg) for g, hg in zip(gradient, turned, strict=True)]
    return float(torch.cat(terms).mean())


def _terms(g: Tensor, hg: Tensor) -> Tensor:
    sign = torch.where(g >= 0, 1.0, -1.0)
    return ((g - hg) / (g + EPSILON * sign) - 1).abs().flatten()


def run() -> list[Figure]:
    """The quotient at twice He's variance, after MetaInit, and at He's law."""
    model = build()
    wide = iw.plan(
        model, ["kaiming", iw.rule(nn.Linear, weight=iw.Normal(std=2 / WIDTH**0.5), bias=iw.Zeros())], seed=0
    )
    iw.apply(model, wide)
    before = quotient(model)
    torch.manual_seed(0)
    found = iw.metainit(model, None, wide)
    after = quotient(model)
    exact = iw.verify(model, found).ok
    iw.apply(model, iw.plan(model, "kaiming", seed=0))
    return [
        Figure("gradient quotient at twice He's variance", before, "[2.6e5]", 1e4),
        Figure("gradient quotient after 150 steps of MetaInit on noise", after, "below 1 [0.66]", 0, 1),
        Figure("the same weights at He's law, for comparison", quotient(model)),
        Figure("the model holds what the new plan says, bit for bit (1: yes)", exact, "", 1, 1),
    ]


CLAIM = Claim(
    name="metainit",
    title="MetaInit: a bad initialization is mended on noise alone",
    source="Dauphin, Schoenholz 2019, MetaInit: Initializing Learning by Learning to Initialize (NeurIPS 2019)",
    says="Moving only the norms of the weights by signed gradient steps, on random inputs and labels, brings the "
    "gradient quotient of a badly scaled network down to where training starts well.",
    by="`iw.metainit(model, None, plan)` with its defaults; the quotient is computed here anew, from the formula, on "
    "other noise",
    differs="The paper recovers deep networks without norms on CIFAR and ImageNet, and trains them. Here: a ReLU "
    "network of 20 layers of width 64 drawn at twice He's variance; only the quotient is compared, nothing is "
    "trained. The number in brackets took 150 steps at a rate of 0.01, the published rate is 0.1.",
    run=run,
)
