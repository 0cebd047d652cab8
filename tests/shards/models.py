"""Models and rules for the tests of several processes, and what one process makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import initwise as iw


class Block(nn.Module):
    """Sizes that no number of ranks divides."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width + 3)
        self.down = nn.Linear(4 * width + 3, width)

    def forward(self, x: Tensor) -> Tensor:
        moved: Tensor = x + self.down(torch.relu(self.up(self.norm(x))))
        return moved


class Network(nn.Module):
    """A tied table with a padding row, blocks in a stream, and a bias of one number: most ranks hold nothing of it."""

    def __init__(self, width: int = 30, depth: int = 2) -> None:
        super().__init__()
        self.table = nn.Embedding(11, width, padding_idx=3)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.value = nn.Linear(width, 1)
        self.head = nn.Linear(width, 11, bias=False)
        self.head.weight = self.table.weight

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        x = self.table(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(x), self.value(x)


INPUTS = torch.zeros(2, 5, dtype=torch.long)
STRUCTURED = [
    iw.rule(nn.Linear, weight=iw.Orthogonal(), bias=iw.Normal(std=0.5)),
    iw.rule("table.weight", iw.Normal(std=0.1)),
    iw.rule("*.up.weight", iw.Sparse(sparsity=0.5)),
    iw.rule("value.weight", iw.Custom(lambda shape, _, draw: draw.normal(shape).cumsum(1))),
    iw.rule(nn.LayerNorm, weight=iw.Ones(), bias=iw.Zeros()),
]
RULES: dict[str, Any] = {"auto": "auto", "torch-default": "torch-default", "structured": STRUCTURED}


def planned(model: nn.Module, rules: Any = "auto", seed: int = 3) -> iw.Plan:
    return iw.plan(model, rules, seed=seed, inputs=INPUTS)


def by_one_process(rules: Any = "auto", make: Callable[[], nn.Module] = Network) -> tuple[iw.Plan, dict[str, Tensor]]:
    """The plan, and the weights by every name."""
    model = make()
    plan = planned(model, rules)
    iw.apply(model, plan)
    return plan, {name: each.detach() for name, each in model.named_parameters(remove_duplicate=False)}
