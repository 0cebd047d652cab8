"""STA: the values as a sample of a law."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = (
    Code(
        code="STA201",
        title="the values have another distribution",
        severity="error",
        meaning="The distribution function of up to 65,536 values is farther from that of the planned law than chance"
        " (over all tests of the model, 1 in 1,000), rounding to the dtype and a shift of the mean by the margin"
        " explain. Mean and std may well be right.",
        harm="Another law was drawn: a uniform one has no tails, a normal one has some beyond any truncation; what was"
        " derived for the planned law (gains, bounds, outliers in low precision) does not hold.",
        fix="Compare with plan[name].law: look for uniform_ instead of normal_, a truncation, a clamp, or values that"
        " were partly overwritten.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\nmodel = nn.Linear(512, 512)\n"
        'plan = iw.plan(model, [iw.rule("weight", iw.Normal(std=0.02)), iw.rule("bias", iw.Zeros())])\n'
        "nn.init.uniform_(model.weight, -0.02 * 3**0.5, 0.02 * 3**0.5)\nnn.init.zeros_(model.bias)\n"
        "print(iw.verify(model, plan))",
        intended="Another law of the same mean and std on purpose: say so in the plan's rule.",
        reference="Massart 1990, The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality",
    ),
    Code(
        code="STA202",
        title="rows or columns are correlated",
        severity="error",
        meaning="Among sampled rows, or columns, of a weight whose law draws each value on its own, two have a"
        " correlation that is too large for chance and larger than 5 times the margin.",
        harm="Units that start alike compute alike: the layer has fewer directions than it pays for, and the signal's"
        " variance is not what the std promises.",
        fix="Look for rows that were copied with noise, mirrored, smoothed or interpolated after they were drawn.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\nmodel = nn.Linear(512, 512, bias=False)\n"
        'plan = iw.plan(model, iw.rule("weight", iw.Normal(std=0.02)))\niw.apply(model, plan)\n'
        "with torch.no_grad():\n    model.weight[256:] = -model.weight[:256]\n"
        "print(iw.verify(model, plan, exact=False))",
        intended="Mirrored or widened weights: plan them as what they are (iw.Custom with a law, or iw.Keep()).",
        reference="Fisher 1921, On the probable error of a coefficient of correlation",
    ),
    Code(
        code="STA203",
        title="a singular value lies beyond the edge",
        severity="error",
        meaning="The largest singular value of a sampled m x n block of a weight with independent values is beyond"
        " std (sqrt(m) + sqrt(n)), where the spectrum of such matrices ends (Marchenko-Pastur), by more than its"
        " fluctuations (Tracy-Widom) and the margin explain.",
        harm="One direction is amplified more than all others: a component of low rank was added, or rows share one.",
        fix="Look for a low-rank update, a common offset by row or column, or weights that were trained.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\nmodel = nn.Linear(512, 512, bias=False)\n"
        'plan = iw.plan(model, iw.rule("weight", iw.Normal(std=0.02)))\niw.apply(model, plan)\n'
        "with torch.no_grad():\n    model.weight += 0.003 * torch.randn(512, 1) * torch.randn(512)\n"
        "print(iw.verify(model, plan, exact=False))",
        intended="Weights that were trained or adapted before they are verified: plan them as iw.Keep().",
        reference="Johnstone 2001, On the distribution of the largest eigenvalue in principal components analysis",
    ),
)
