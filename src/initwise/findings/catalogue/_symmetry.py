"""SYM: units, rows and layers that are copies of each other."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = (
    Code(
        code="SYM301",
        title="layers hold the same random numbers",
        severity="error",
        meaning="Two or more trained parameters of one shape, each with its own memory, are bit-identical and"
        " look drawn. Constants, patterns such as the identity, ties and frozen copies (teachers, target"
        " networks) do not count.",
        harm="The layers start as one function, so that depth or an ensemble brings less than it costs, and what"
        " they learn stays correlated for long.",
        fix="Make each layer with its own constructor call, or draw again after copying: iw.initialize(model).",
        example="import copy\nfrom torch import nn\n\nlayer = nn.Linear(64, 64)\n"
        "model = nn.Sequential(*[copy.deepcopy(layer) for _ in range(6)])",
        intended="A copy that starts equal on purpose is frozen (requires_grad=False) or tied to its original;"
        " else suppress the finding with a reason.",
        reference="https://github.com/pytorch/pytorch/issues/72253, nn.TransformerEncoder's identical layers",
    ),
    Code(
        code="SYM302",
        title="all values of a weight are equal",
        severity="error",
        meaning="A trained weight or embedding holds one number other than zero everywhere, and more than one"
        " unit sees the same inputs through it.",
        harm="All units of the layer compute the same and pass on one number; the layer has rank one, and units"
        " that feed symmetric layers receive equal gradients for ever.",
        fix="Draw the weight: iw.rule(nn.Linear, weight=iw.KaimingNormal(), bias=iw.Zeros()); constants are for"
        " biases and norms.",
        example="from torch import nn\n\nmodel = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))\n"
        "nn.init.constant_(model[0].weight, 0.1)",
        intended="A fixed averaging filter: freeze it (requires_grad=False), or register it as a buffer.",
        reference="Goodfellow, Bengio, Courville 2016, Deep Learning, section 8.4 (breaking symmetry)",
    ),
    Code(
        code="SYM303",
        title="rows or parts of a weight repeat",
        severity="error",
        meaning="Rows of one trained weight are bit-identical though the weight looks drawn, or it consists of"
        " equal parts along an axis. Sub-kernels before a pixel shuffle (ICNR) and rows of zeros do not count.",
        harm="The units start equal; equal parts along an axis are what shards look like that each rank drew"
        " from one seed, and the model has a fraction of the width that it pays for.",
        fix="Draw the whole weight at once, or give each shard numbers of its own: initwise's stream is indexed"
        " by the element's place in the whole tensor.",
        example="import torch\nfrom torch import nn\n\nlayer = nn.Linear(64, 128)\nwith torch.no_grad():\n"
        "    layer.weight[64:].copy_(layer.weight[:64])",
        intended="Widening that preserves a function (Net2Net) copies units; suppress the finding with that reason.",
        reference="https://github.com/pytorch/torchtitan/issues/3106, equal shards on every rank",
    ),
    Code(
        code="SYM304",
        title="units that start equal stay equal",
        severity="error",
        meaning="More than a tenth of the rows (output units) of a trained weight equal another row, and their"
        " gradients at the first step are the same too and not zero: every further step is the same for both.",
        harm="The units remain copies of each other for the whole training, whatever the data: the layer has the width"
        " of its distinct units.",
        fix="Draw each unit on its own, in the layer itself or in the one that reads it: either breaks the symmetry.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\n"
        "model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))\n"
        "for parameter in model.parameters():\n    nn.init.constant_(parameter, 0.1)\n"
        "report = iw.check(model, torch.randn(64, 8))",
        intended="Equal rows whose gradients differ, as at the end of a branch that starts at zero, are not reported.",
        reference="Goodfellow, Bengio, Courville 2016, Deep Learning, section 8.4 (breaking symmetry)",
    ),
)
