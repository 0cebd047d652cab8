"""STA: scales that do not fit, seen without a plan."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = (
    Code(
        code="STA204",
        title="outliers beyond the extreme-value quantile",
        severity="error",
        meaning="A few values lie more than one and a half times as far out as the largest of so many normal"
        " draws ever does, nothing lies between, and the rest looks like a sample. Trained weights have tails"
        " without a gap.",
        harm="A spike of a hundred sigma in one weight dominates its unit, and the norm of the layer; in half"
        " precision it overflows first.",
        fix="Draw in float32 and round once, as iw.TruncatedNormal does: torch's trunc_normal_ in half precision"
        " made spikes at its bounds.",
        example="import torch\nfrom torch import nn\n\nlayer = nn.Linear(64, 64)\n"
        "nn.init.normal_(layer.weight, std=0.02)\nwith torch.no_grad():\n    layer.weight[3, 5] = -2.0",
        intended="Single weights set by hand: suppress the finding with that reason.",
        reference="https://github.com/pytorch/pytorch/issues/155588, https://github.com/pytorch/torchtitan/issues/2269",
    ),
    Code(
        code="STA205",
        title="one weight differs from its siblings",
        severity="warning",
        meaning="Of at least four weights that have the same place in repeated blocks, or the same kind and"
        " shape, all but one follow one law (the same std, or the same std times the root of a fan, within"
        " sampling error), and this one does not: another scale, or another shape of the distribution.",
        harm="One layer passes on more or less signal than all others; most often a rule missed it, or reached"
        " it twice.",
        fix="Look at what wrote it (iw.record()), and at how the plan treats its siblings: plan.explain(name).",
        example="from torch import nn\n\n"
        "model = nn.Sequential(*[nn.Linear(128, 128, bias=False) for _ in range(8)])\n"
        "nn.init.normal_(model[3].weight, std=0.3)",
        intended="First and last layers, writers of residual branches as a group and trained models are not"
        " reported; a single layer that shall differ is suppressed with its reason.",
        reference="https://github.com/pytorch/torchtitan/pull/3722, a depth scale on the wrong one of three matrices",
    ),
    Code(
        code="STA206",
        title="the scale is far off for the fans",
        severity="warning",
        meaning="std * sqrt(fan_in), which is near one for weights that keep the signal's size, is above 5, or"
        " below 0.04 in a layer that carries the signal, with the true fan_in of the operation; no norm follows,"
        " and the weight is neither the output layer nor the writer of a residual branch where small ones belong."
        " Or the std is exactly that of He, LeCun or Xavier with the fans that torch.nn.init counts on the shape,"
        " where the operation has others (stacked experts, depthwise kernels), and far from what the scheme"
        " means.",
        harm="The layer multiplies the signal by that factor: activations saturate or overflow, or vanish.",
        fix="Use the law that the fans ask for: iw.KaimingNormal() before a ReLU, iw.LecunNormal() otherwise. A"
        " factor that is a ratio of sizes of the weight points at swapped fans, or at experts and packed blocks"
        " counted as one.",
        example="from torch import nn\n\n"
        "model = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))\n"
        "nn.init.normal_(model[0].weight)",
        intended="Sine networks scale their first layer by a frequency; suppress the finding with that reason.",
        reference="Glorot, Bengio 2010; He, Zhang, Ren, Sun 2015 (arXiv:1502.01852)",
    ),
)
