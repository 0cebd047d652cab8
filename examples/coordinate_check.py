"""Whether updates keep their size when a network gets wider: as torch makes it, and under muP.

Run it with `python examples/coordinate_check.py`.
"""

from __future__ import annotations

import torch
from torch import nn

import initwise as iw

WIDTHS = (64, 128, 256)


def build(width: int) -> nn.Module:
    """A network with one hidden layer, "2"."""
    return nn.Sequential(nn.Linear(16, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


def main() -> None:
    """Check the same three widths twice, with Adam at the same learning rate."""
    models = {width: lambda width=width: build(width) for width in WIDTHS}
    batch = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))

    standard = iw.coordinate_check(models, batch, steps=2)
    print(standard)

    maximal = iw.coordinate_check(models, batch, steps=2, plan=iw.recipes.mup(build(64)))
    print(maximal)

    slopes = [check.find("2", 1, "update").slope or 0.0 for check in (standard, maximal)]
    print(
        f"The first update of the hidden layer: width^{slopes[0]:.1f} as torch makes it, width^{slopes[1]:.1f} by muP."
    )
    print("muP keeps every update." if maximal.ok and not standard.ok else "muP does not keep every update.")


if __name__ == "__main__":
    main()
