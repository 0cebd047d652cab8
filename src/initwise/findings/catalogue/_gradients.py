"""GRD: what a measured backward pass shows."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = (
    Code(
        code="GRD601",
        title="no gradient comes back",
        severity="warning",
        meaning="A trained parameter takes part in the forward pass, what it makes goes into something that"
        " receives a gradient, and none arrives at the parameter: detach(), .data, argmax or torch.no_grad()"
        " stands between. Or one arrives and is exactly zero in every pass, though neither zeros nor a dead layer"
        " are the cause: the parameter lies beyond its clamp, behind a gate that is shut where it is flat, or a"
        " buffer of zeros masks it.",
        harm="The parameter keeps its initial values for the whole training, without a word.",
        fix="Remove what cuts the graph, or set requires_grad=False to say that it is meant.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\nclass Cut(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.encoder, self.head = nn.Linear(8, 8), nn.Linear(8, 2)\n\n    def forward(self, x):\n"
        "        return self.head(self.encoder(x).detach())\n\nmodel = Cut()\n"
        "report = iw.check(model, torch.randn(64, 8))",
        intended="Target networks, moving averages and codebooks that are not trained by gradients: freeze them.",
        reference="https://github.com/pytorch/pytorch/issues/83074, a part of the model behind detach()",
    ),
    Code(
        code="GRD602",
        title="parameters that the pass does not use",
        severity="info",
        meaning="No operation of the forward pass with these inputs took the parameter, or nothing that was made"
        " of it reaches the loss. All of them are told in one finding.",
        harm="They keep their initial values; distributed training waits for their gradients unless it is told.",
        fix="Pass inputs (and a loss) that use them, remove them, or freeze them.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\nclass Spare(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.used, self.spare = nn.Linear(8, 2), nn.Linear(8, 2)\n\n    def forward(self, x):\n"
        "        return self.used(x)\n\nmodel = Spare()\nreport = iw.check(model, torch.randn(64, 8))",
        intended="Mask tokens, poolers, heads of another task, experts that no token chose: stock models have them.",
        reference="https://github.com/pytorch/pytorch/issues/57776, a wish for a tool that finds unused parameters",
    ),
    Code(
        code="GRD603",
        title="gradients explode or vanish over depth",
        severity="warning",
        meaning="Along the main path of the signal, the sum of squares of the gradient changes by a factor of a"
        " billion or more between the first layer and the one before the output layer, though the signal itself"
        " does not.",
        harm="Layers at one end take steps a thousand times as large as those at the other end.",
        fix="Add residual connections or rescale; plain chains of batch norm and ReLU multiply gradients by 1.47"
        " a layer, whatever the weights.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\n"
        "layers = [each for _ in range(60) for each in (nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU())]\n"
        "model = nn.Sequential(*layers, nn.Linear(64, 2))\nreport = iw.check(model, torch.randn(64, 64))",
        intended="Not known.",
        reference="Yang, Pennington, Rao, Sohl-Dickstein, Schoenholz 2019, A Mean Field Theory of Batch"
        " Normalization (arXiv:1902.08129)",
    ),
)
