"""An LSTM with orthogonal recurrent weights and a forget bias of one.

PyTorch stacks the four gates (i, f, g, o) of an LSTM in one matrix, so "orthogonal" has to mean each gate's square
block, and "forget bias" one quarter of a vector. PyTorch also has two bias vectors, `bias_ih` and `bias_hh`, that are
simply added: a forget bias of one is one in one of them and zero in the other.

Run it with `python examples/lstm.py`.
"""

from __future__ import annotations

import torch
from torch import nn

import initwise as iw

RULES = [
    iw.rule(
        nn.LSTM,
        weight_ih=iw.XavierUniform(),
        weight_hh=iw.Orthogonal(),
        bias_ih=iw.PerBlock(f=iw.Ones(), rest=iw.Zeros()),
        bias_hh=iw.Zeros(),
    )
]


def main() -> None:
    """Initialize two layers with one rule, then look at the gates."""
    model = nn.LSTM(input_size=32, hidden_size=64, num_layers=2)
    print(iw.initialize(model, RULES, seed=0))

    state = model.state_dict()
    weight, bias = state["weight_hh_l0"], state["bias_ih_l0"] + state["bias_hh_l0"]
    for gate, block, offset in zip("ifgo", weight.chunk(4), bias.chunk(4), strict=True):
        error = (block @ block.T - torch.eye(64)).abs().max().item()
        print(f"gate {gate}: |W Wᵀ - 1| <= {error:.0e}, bias {offset.unique().item():g}")


if __name__ == "__main__":
    main()
