"""DeepNet: DeepNorm bounds how much one update changes a post-norm transformer's output, at any depth."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's own name

import initwise as iw
from benchmarks.reproduce.claim import Claim, Figure

DEPTHS = (2, 6, 18, 54, 100)
WIDTH, HEADS, CLASSES = 64, 4, 10
BATCH, TOKENS = 8, 16
RATE = 0.1


class Block(nn.Module):
    """A post-norm encoder block whose residual additions are LayerNorm(alpha x + branch(x))."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.v_proj, self.out_proj = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.alpha = 1.0

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(self.alpha * x + self._attention(x))
        branch: Tensor = self.fc2(torch.relu(self.fc1(x)))
        normed: Tensor = self.norm2(self.alpha * x + branch)
        return normed

    def _attention(self, x: Tensor) -> Tensor:
        q, k, v = (
            layer(x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(q, k, v)  # (batch, heads, tokens, width of a head)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(-2))
        return out


class Encoder(nn.Module):
    """Blocks over vectors that are there already, and a classifier of each token."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block() for _ in range(depth))
        self.head = nn.Linear(WIDTH, CLASSES)

    def stream(self, x: Tensor) -> Tensor:
        """What the last block returns."""
        for layer in self.layers:
            x = layer(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.stream(x))
        return logits


def run() -> list[Figure]:
    """The relative change of the last block's output by one step, for depth after depth."""
    bounded = [change("deepnorm", depth) for depth in DEPTHS]
    plain = [change("xavier", depth) for depth in DEPTHS]
    shown = [
        *(
            Figure(f"DeepNorm, {depth} blocks: relative change of the output", found, f"[{stated}]")
            for depth, found, stated in zip(DEPTHS, bounded, (0.0047, 0.0045, 0.0043, 0.0044, 0.0044), strict=True)
        ),
        *(
            Figure(f"Post-LN, {depth} blocks: relative change of the output", found, f"[{stated}]")
            for depth, found, stated in zip(DEPTHS, plain, (0.061, 0.545, 1.02, 1.15, 1.12), strict=True)
        ),
    ]
    return [
        *shown,
        Figure("DeepNorm: the largest change over the smallest", max(bounded) / min(bounded), "O(1) [1.09]", 1, 1.5),
        Figure("Post-LN: 100 blocks over 2", plain[-1] / plain[0], "grows [18]", 4),
        Figure("100 blocks: Post-LN over DeepNorm", plain[-1] / bounded[-1], "[255]", 50),
    ]


def change(recipe: str, depth: int) -> float:
    """Return ‖F(θ after a step) − F(θ)‖ / ‖F(θ)‖ for one step of SGD on the matrices of all blocks."""
    model = Encoder(depth)
    plan = iw.plan(model, [recipe, iw.rule("head.weight", iw.Normal(std=WIDTH**-0.5))], seed=0)
    iw.apply(model, plan)
    alphas = {each.target: each.value for each in plan.multipliers if each.kind == "stream"}
    for name, layer in model.layers.named_children():
        if isinstance(layer, Block):
            layer.alpha = alphas.get(f"layers.{name}", 1.0)
    random = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, TOKENS, WIDTH, generator=random)
    labels = torch.randint(CLASSES, (BATCH * TOKENS,), generator=random)
    before = model.stream(x).detach()
    matrices = [parameter for parameter in model.layers.parameters() if parameter.ndim == 2]
    optimizer = torch.optim.SGD(matrices, lr=RATE)
    F.cross_entropy(model(x).flatten(0, 1), labels).backward()
    optimizer.step()
    return float((model.stream(x).detach() - before).norm() / before.norm())


CLAIM = Claim(
    name="deepnet",
    title="DeepNet: one update changes a post-norm transformer by as much at 100 blocks as at 2",
    source="Wang et al. 2022, DeepNet: Scaling Transformers to 1,000 Layers (arXiv:2203.00555): the model update is "
    "bounded by a constant under DeepNorm, and explodes with depth under Post-LN",
    says="With LayerNorm(α x + branch(x)), α = (2N)^¼, and gain β = (8N)^-¼ on values, outputs and MLPs, ‖ΔF‖ does "
    "not depend on the depth N.",
    by='`iw.plan(model, ["deepnorm", iw.rule("head.weight", ...)])`, the α of each block out of `plan.multipliers`; '
    "against `xavier` with α = 1",
    differs="The paper trains translation models of up to 1,000 layers under Adam. Here: an encoder alone, width 64, "
    "4 heads, random tokens and labels, one step of SGD at 0.1. The step is on matrices alone: with the norms' own "
    "weights and biases in it the change grows with N (from 0.008 to 0.197 in the earlier measurement).",
    run=run,
)
