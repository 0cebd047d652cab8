"""ZER: zeros that block what should learn."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = (
    Code(
        code="ZER401",
        title="zeros that can never move",
        severity="error",
        meaning="A trained parameter is all zeros and receives no gradient: not at the first step, and not after"
        " the zeros that do receive one have moved. With inputs this is measured, without it follows from the"
        " traced graph.",
        harm="The layer and what it hides stay as they are for the whole training: two zero matrices in series,"
        " or zeros in front of a ReLU, whose gradient at zero is zero.",
        fix="Draw one of the factors: in a pair (LoRA, gated branches) only one is zero, and a layer in front of"
        " an activation is drawn.",
        example="from torch import nn\n\nmodel = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))\n"
        "nn.init.zeros_(model[0].weight)\nnn.init.zeros_(model[0].bias)",
        intended="Never: zeros by design (the last layer of a residual branch, LoRA's B, adaLN-Zero) receive a"
        " gradient at the first or second step, and are not reported.",
        reference="https://github.com/yz93/LAVT-RIS/issues/25, two zero layers in series",
    ),
    Code(
        code="ZER402",
        title="an embedding of zeros",
        severity="error",
        meaning="All rows of a trained embedding are zero, and what is looked up is all that is known of its indices.",
        harm="All tokens look the same to the model, and start with equal gradients but for their positions.",
        fix="Draw the table, then set the padding row alone to zero: a padding_idx of None as an index selects"
        " all rows.",
        example="from torch import nn\n\nmodel = nn.Sequential(nn.Embedding(100, 16), nn.Linear(16, 2))\n"
        "padding_idx = None\nnn.init.zeros_(model[0].weight[padding_idx].detach())",
        intended="Tables that add a correction (positions, biases of items) may start at zero, and are not"
        " reported where the traced graph shows them so.",
        reference="https://github.com/facebookresearch/fairseq/issues/4076",
    ),
    Code(
        code="ZER403",
        title="a weight of zeros that carries the signal alone",
        severity="warning",
        meaning="A trained weight is all zeros, and its output goes into another layer with nothing added to it:"
        " it is neither at the end of a residual branch, nor the output layer, a gate or a correction. Or all that the"
        " model is given passes through it.",
        harm="Nothing of the input passes at the start. What follows sees zeros, learns nothing from the first"
        " steps, and the units of the layer start equal.",
        fix="Draw the weight. Zero belongs to the last layer of a branch that is added to something.",
        example="from torch import nn\n\nmodel = nn.Sequential(nn.Linear(8, 64), nn.GELU(), nn.Linear(64, 2))\n"
        "nn.init.zeros_(model[0].weight)\nnn.init.zeros_(model[0].bias)",
        intended="Linear models and output layers may start at zero, and are not reported.",
        reference="Zhang, Dauphin, Ma 2019, Fixup Initialization (arXiv:1901.09321), where zeros do belong",
    ),
)
