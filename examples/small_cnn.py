"""A small CNN, initialized by layer type, with a table that confirms every parameter.

Run it with `python examples/small_cnn.py`.
"""

from __future__ import annotations

import torch
from torch import nn

import initwise as iw


class SmallCNN(nn.Module):
    """Two convolutions of different kernel sizes and one linear layer, for 3 x 32 x 32 images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(8, 16, kernel_size=3, padding=1)
        self.fc = nn.Linear(16 * 32 * 32, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:  # (batch, 3, 32, 32) -> (batch, 10)
        """Class scores."""
        hidden = self.conv1(images).relu()
        hidden = self.conv2(hidden).relu()
        return self.fc(hidden.flatten(1))  # type: ignore[no-any-return]


RULES = [
    iw.rule(nn.Conv2d, weight=iw.KaimingNormal(mode="fan_out", nonlinearity="relu"), bias=iw.Zeros()),
    iw.rule(nn.Linear, weight=iw.XavierUniform(), bias=iw.Zeros()),
]


def main() -> None:
    """One rule a layer type; a parameter that no rule covers would be an error."""
    model = SmallCNN()
    plan = iw.plan(model, RULES, seed=0)
    print(plan)
    iw.apply(model, plan)
    print(iw.verify(model, plan))

    scores = model(torch.randn(4, 3, 32, 32))
    print(f"A forward pass of 4 random images gives scores with std {scores.std().item():.2f}.")


if __name__ == "__main__":
    main()
