"""One linear layer: Xavier uniform weights, zero biases, printed and verified.

Run it with `python examples/linear.py`.
"""

from __future__ import annotations

import math

from torch import nn

import initwise as iw


def main() -> None:
    """Plan, look, apply, verify: the four steps that every other example repeats."""
    layer = nn.Linear(256, 128)
    plan = iw.plan(layer, [iw.rule(nn.Linear, weight=iw.XavierUniform(), bias=iw.Zeros())], seed=0)
    print(plan)  # nothing is written yet

    iw.apply(layer, plan)
    report = iw.verify(layer, plan)
    print(report)

    print(f"Xavier uniform draws from ±sqrt(6 / (256 + 128)) = ±{math.sqrt(6 / (256 + 128)):.6f}.")
    print(f"The largest weight is {layer.weight.abs().max().item():.6f}; every bias is {layer.bias.unique().item():g}.")
    print("Verified: the weights are what the plan says." if report.ok else "The weights are not what the plan says.")


if __name__ == "__main__":
    main()
