"""SIG: what a measured forward pass shows."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = (
    Code(
        code="SIG501",
        title="dead units",
        severity="error",
        meaning="Before a ReLU, at least three quarters of a layer's units are positive for no sample of the batch and"
        " at no position, more than by chance: where samples are alike, as deep in a network without norms, a unit"
        " whose weights are symmetric around zero is dead on all of them with probability one half.",
        harm="A dead unit passes on zero and receives no gradient, so that it stays dead; a layer of them cuts off"
        " everything before it.",
        fix="Start biases before a ReLU at zero, and draw weights with mean zero: iw.KaimingNormal(), iw.Zeros().",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\n"
        "model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))\n"
        "nn.init.constant_(model[0].bias, -5.0)\n"
        "report = iw.check(model, torch.randn(64, 8))",
        intended="Sparse codes may start with negative thresholds; suppress the finding with that reason.",
        reference="https://github.com/facebookresearch/dlrm/issues/358; Lu, Shin, Su, Karniadakis 2019, Dying ReLU"
        " and initialization (arXiv:1903.06733)",
    ),
    Code(
        code="SIG502",
        title="saturated units",
        severity="warning",
        meaning="More than half of what tanh, sigmoid or a like function gives lies within 1.5 % of its range of a"
        " bound, and what goes in varies far more than its linear range. Gates that a bias holds open or shut are"
        " not counted: what goes into them varies little.",
        harm="The derivative there is near zero: the layer below learns as if it were frozen.",
        fix="Draw the layer before it so that its output has a std near one: iw.XavierUniform() or iw.LecunNormal().",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\n"
        "model = nn.Sequential(nn.Linear(256, 64), nn.Tanh(), nn.Linear(64, 2))\n"
        "nn.init.normal_(model[0].weight)\n"
        "report = iw.check(model, torch.randn(64, 256))",
        intended="Binary codes; suppress the finding with that reason.",
        reference="Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks",
    ),
    Code(
        code="SIG503",
        title="the signal explodes",
        severity="error",
        meaning="On its way from the input, a lookup or the last norm to another layer or the output, the second"
        " moment grows ten thousand times. What a norm takes in may be as large as it likes. The layer that is named"
        " has the largest factor, or is the first of many with about the same.",
        harm="Outputs, loss and gradients start orders of magnitude too large; in half precision they overflow.",
        fix="Scale the weight for its true fan_in: iw.KaimingNormal() before a ReLU, iw.LecunNormal() otherwise.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\n"
        "layers = [each for _ in range(4)\n"
        "          for each in (nn.Linear(256, 256), nn.ReLU())]\n"
        "model = nn.Sequential(*layers, nn.Linear(256, 2))\n"
        "for layer in layers[::2]:\n    nn.init.normal_(layer.weight)\n"
        "report = iw.check(model, torch.randn(64, 256))",
        intended="Never between layers; an output in large units is better scaled by a constant.",
        reference="He, Zhang, Ren, Sun 2015 (arXiv:1502.01852)",
    ),
    Code(
        code="SIG504",
        title="the signal vanishes",
        severity="warning",
        meaning="What varies between the samples of the batch shrinks, before it reaches another layer, to 1e-8 of its"
        " second moment at the input, at a lookup or at the last norm, or to 1e-4 of it within one layer. What norms"
        " or residual sums restore does not count, nor does the output layer.",
        harm="The output does not depend on the input, and gradients shrink by the same factor.",
        fix="Scale the weights for fan_in and activation: torch's default for Linear keeps one sixth of the second"
        " moment through a ReLU; iw.KaimingNormal() keeps all of it.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\n"
        "layers = [each for _ in range(12)\n"
        "          for each in (nn.Linear(128, 128, bias=False), nn.ReLU())]\n"
        "model = nn.Sequential(*layers, nn.Linear(128, 2))\n"
        "report = iw.check(model, torch.randn(64, 128))",
        intended="Not known. Branches that start small are added to something, and are not reported.",
        reference="He, Zhang, Ren, Sun 2015 (arXiv:1502.01852), section 2.2",
    ),
    Code(
        code="SIG505",
        title="the loss at initialization is far above that of a guess",
        severity="warning",
        meaning="A cross entropy over C classes, in the loss or in the model, is more than 1.5 and more than 25 %"
        " above ln C. The output layer is named where it makes large logits of a good signal, or its bias, else the"
        " layer in which the signal exploded.",
        harm="The first steps only shrink the logits again, with gradients that are far too large.",
        fix="Give the output layer a std of at most 1 / sqrt(fan_in), such as iw.Normal(std=0.02), or zeros; a tied"
        " embedding must be drawn as the output layer that it is.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\n"
        "model = nn.Sequential(nn.Linear(8, 256), nn.ReLU(), nn.Linear(256, 10))\n"
        "nn.init.normal_(model[2].weight)\nlabels = torch.arange(64) % 10\n"
        "loss = lambda logits: nn.functional.cross_entropy(logits, labels)\n"
        "report = iw.check(model, torch.randn(64, 8), loss)",
        intended="A trained model on data that it does not know.",
        reference="Karpathy 2019, A Recipe for Training Neural Networks (verify loss at init);"
        " https://github.com/fastai/fastai/issues/2090, a tied head with a loss above 500",
    ),
    Code(
        code="SIG506",
        title="a value in the pass is not finite",
        severity="error",
        meaning="The output of an operation holds NaN, or an infinity that reaches the model's output, while all that"
        " went in was finite; or the forward pass is finite and a gradient is not. Infinities of masks are not"
        " counted.",
        harm="NaN spreads: the loss and, after one step, every weight is NaN.",
        fix="Look at the operation that is named: a weight that was never written, a division by zero, a number too"
        " large for half precision, a square root at zero.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\n"
        "model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))\n"
        "nn.init.constant_(model[0].weight, float('nan'))\n"
        "report = iw.check(model, torch.randn(64, 8))",
        intended="Never.",
        reference="https://github.com/huggingface/transformers/issues/31841, weights that were never written",
    ),
    Code(
        code="SIG507",
        title="a law that does not suit the signal",
        severity="warning",
        meaning="Nothing explodes or vanishes, and yet one parameter makes the second moment far larger or smaller than"
        " the signal needs: a matrix by its factor fan_in * E[w^2], or against the law of its siblings in other blocks;"
        " queries and keys whose scores saturate the softmax; an output layer, a norm's weight, a bias, positions or an"
        " embedding that drown what they meet. The worst one is named.",
        harm="One block does nothing or drowns the others, attention picks one key, or the first steps only mend it.",
        fix="Give the parameter the std that the finding names; where a common mistake explains the number, such as"
        " fan_out counted where fan_in is meant, the finding says which.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\n"
        "layers = [each for _ in range(6) for each in (nn.Linear(128, 128), nn.Tanh())]\n"
        "model = nn.Sequential(*layers, nn.Linear(128, 2))\nfor layer in model[::2]:\n"
        "    nn.init.xavier_normal_(layer.weight)\nnn.init.xavier_normal_(model[4].weight, gain=0.05)\n"
        "report = iw.check(model, torch.randn(64, 128))",
        intended="A block that is to start small or large: say so with a suppression, or freeze it. Zeros are not"
        " reported here.",
        reference="He, Zhang, Ren, Sun 2015 (arXiv:1502.01852), section 2.2",
    ),
)
