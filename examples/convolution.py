"""One convolution: Kaiming normal for the ReLU that follows it, scaled by fan_out.

Run it with `python examples/convolution.py`.
"""

from __future__ import annotations

import math

from torch import nn

import initwise as iw


def main() -> None:
    """Say what is drawn, draw it in one call, and compare with the formula."""
    convolution = nn.Conv2d(64, 128, kernel_size=3)
    kaiming = iw.KaimingNormal(mode="fan_out", nonlinearity="relu")
    rules = [iw.rule(nn.Conv2d, weight=kaiming, bias=iw.Zeros())]

    row = iw.plan(convolution, rules, seed=0)["weight"]
    print(f"{row.name} {tuple(row.shape)}: fan_in {row.fan_in}, fan_out {row.fan_out}, {row.initializer}")
    print(f"Because: {row.reason}")

    print(iw.initialize(convolution, rules, seed=0))  # plan, apply and verify in one call; an error is raised

    expected = math.sqrt(2.0) / math.sqrt(128 * 3 * 3)
    print(f"By the formula std = sqrt(2) / sqrt(128 * 3 * 3) = {expected:.6f}.")
    print(f"The weights' std is {convolution.weight.std().item():.6f}.")


if __name__ == "__main__":
    main()
