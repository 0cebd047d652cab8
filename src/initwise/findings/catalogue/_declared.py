"""INI: what a plan or an initializer declared, and memory that nobody wrote."""

from __future__ import annotations

from initwise.findings._code import Code

CODES = (
    Code(
        code="INI101",
        title="a value is not finite",
        severity="error",
        meaning="The parameter holds at least one NaN or infinity.",
        harm="One such value spreads through the first forward pass and makes the loss NaN.",
        fix="Look for memory that was never written (torch.empty, to_empty) and apply the plan to the whole model.",
        example="import torch\nfrom torch import nn\n\nmodel = nn.Linear(8, 8)\nwith torch.no_grad():\n"
        '    model.weight[0, 3] = float("nan")',
        intended="Never. A mask of -inf is a buffer, not a parameter; freeze or register it as one.",
        reference="https://github.com/huggingface/transformers/issues/41261, where checks of"
        " initial values for infinities and NaN are asked for",
    ),
    Code(
        code="INI102",
        title="a value lies outside the law's support",
        severity="error",
        meaning="At least one value is smaller or larger than the planned law can produce. This check is exact: no"
        " draw of that law, however unlucky, gives such a value.",
        harm="Other code wrote the parameter, or the truncation that was asked for did not happen.",
        fix="Look for code that writes the parameter after the plan was applied, and apply the plan again.",
        example="import torch\nimport initwise as iw\nfrom torch import nn\n\nmodel = nn.Linear(64, 64)\n"
        "plan = iw.plan(model, iw.rule(nn.Linear, weight=iw.TruncatedNormal(std=0.02), bias=iw.Zeros()))\n"
        "nn.init.trunc_normal_(model.weight, std=0.02)  # its bounds are -2 and 2, a hundred sigmas\n"
        "nn.init.zeros_(model.bias)\nreport = iw.verify(model, plan)",
        intended="The weights are meant to follow another law than the plan's: plan that one, or Keep().",
        reference="https://github.com/pytorch/pytorch/issues/155588, the bounds of trunc_normal_ are absolute",
    ),
    Code(
        code="INI103",
        title="the mean is off",
        severity="error",
        meaning="The mean of the values lies outside the interval that holds it, at this sample size, for the planned"
        " law, and is off by more than the margin of 2 % of a std; at most one rightly drawn model in a thousand has"
        " any statistical finding.",
        harm="A shifted mean adds the same constant to every unit's input and grows from layer to layer.",
        fix="Compare the measured mean with the planned law (plan[name].law), and apply the plan again.",
        example="import torch\nimport initwise as iw\nfrom torch import nn\n\nmodel = nn.Linear(64, 64)\n"
        'plan = iw.plan(model, "xavier")\niw.apply(model, plan)\n'
        "with torch.no_grad():\n    model.weight += 0.05\nreport = iw.verify(model, plan)",
        intended="The weights were trained, or moved on purpose: then verify is the"
        " wrong question, and check the right one.",
        reference="Glorot, Bengio 2010, whose laws have mean zero",
    ),
    Code(
        code="INI104",
        title="the standard deviation is off",
        severity="error",
        meaning="The standard deviation of the values lies outside the interval that holds it, at this sample size,"
        " for the planned law, and is off by more than the margin of 2 %; at most one rightly drawn model in a thousand"
        " has any statistical finding. Parameters that are too small to be tested alone are pooled by rule.",
        harm="The signal shrinks or grows by the same factor in every layer: gradients vanish or explode with depth.",
        fix="A factor of sqrt(2) or sqrt(3) points at a gain or at swapped fans: see the plan's fan_in and fan_out.",
        example="import initwise as iw\nfrom torch import nn\n\nmodel = nn.Linear(64, 256)\n"
        'plan = iw.plan(model, iw.rule(nn.Linear, weight=iw.KaimingNormal(mode="fan_out"), bias=iw.Zeros()))\n'
        "nn.init.kaiming_normal_(model.weight)  # fan_in is its default\n"
        "nn.init.zeros_(model.bias)\nreport = iw.verify(model, plan)",
        intended="Another gain is wanted than the plan has: change the rule, so that plan and weights say the same.",
        reference="He, Zhang, Ren, Sun 2015, Delving Deep into Rectifiers (arXiv:1502.01852)",
    ),
    Code(
        code="INI105",
        title="a fixed value or an invariant does not hold",
        severity="error",
        meaning="The law fixes the values (zeros, ones, identity) or a property of them (orthonormal rows, so many"
        " zeros a unit), and the parameter does not have it.",
        harm="Biases that should be zero, gates that should be one or matrices that should keep lengths do not.",
        fix="Look for code that writes the parameter after the plan was applied, and apply the plan again.",
        example="import initwise as iw\nfrom torch import nn\n\nmodel = nn.Linear(8, 8)\n"
        'plan = iw.plan(model, "xavier")\niw.apply(model, plan)\n'
        "nn.init.constant_(model.bias, 0.01)  # the recipe plans zeros\nreport = iw.verify(model, plan)",
        intended="A constant of your own: plan it, iw.rule(..., bias=iw.Constant(0.01)).",
        reference="Saxe, McClelland, Ganguli 2014 (arXiv:1312.6120) for orthogonal weights;"
        " the plan's own reason for all others",
    ),
    Code(
        code="INI106",
        title="a parameter is missing, extra or of another shape or dtype",
        severity="error",
        meaning="Plan, model and weights do not name the same parameters with the same shapes and dtypes.",
        harm="What is not named is not initialized: it keeps whatever its memory held.",
        fix="Make a new plan for this model, or map renamed parameters with names={here: planned}.",
        example="import initwise as iw\nfrom torch import nn\n\n"
        'plan = iw.plan(nn.Linear(8, 8), "xavier")\nreport = iw.verify(nn.Linear(8, 4), plan)',
        intended="A part of a model against the plan of the whole: plan the part, with"
        " names= for what is called otherwise there.",
        reference="https://github.com/huggingface/transformers/issues/46620, weights that were silently"
        " not the ones asked for",
    ),
    Code(
        code="INI107",
        title="a padding row is not zero",
        severity="error",
        meaning="The row at padding_idx of an embedding is not all zeros.",
        harm="Padding receives no gradient, so that row adds its noise to every padded input forever.",
        fix="Apply the plan again: it sets padding rows to zero after it drew the rest.",
        example="import initwise as iw\nfrom torch import nn\n\n"
        "model = nn.Sequential(nn.Embedding(100, 16, padding_idx=0))\n"
        "nn.init.normal_(model[0].weight, std=0.02)  # draws the padding row too\nreport = iw.check(model)",
        intended="A padding token with a meaning of its own: leave padding_idx away,"
        " and the row is trained like all others.",
        reference="The documentation of torch.nn.Embedding: padding_idx does not contribute to the gradient",
    ),
    Code(
        code="INI109",
        title="values differ from those that the plan wrote",
        severity="error",
        meaning="The plan's random numbers were drawn again and compared bit for bit: this parameter holds some of"
        " them, or others of the model hold theirs, so that the plan was applied and something wrote here since."
        " A model of which no drawn parameter agrees was drawn by others, and is held against its laws instead.",
        harm="Other code wrote into the parameter after the plan was applied: what is trained is not what was"
        " planned, and another process that applies the plan starts from other weights.",
        fix="Look for code that writes the parameter after iw.apply (initwise.record() names its line), or apply the"
        " plan again.",
        example="import initwise as iw\nimport torch\nfrom torch import nn\n\nmodel = nn.Linear(64, 64)\n"
        'plan = iw.plan(model, "xavier", seed=0)\niw.apply(model, plan)\nwith torch.no_grad():\n'
        "    model.weight[3:5] *= 2\nprint(iw.verify(model, plan))",
        intended="Rows that were replaced on purpose: plan them so (iw.rule, names=, checkpoint=), or ask for the laws"
        " alone with verify(..., exact=False).",
        reference="docs/stream.md: a weight is a pure function of seed, name and index",
    ),
    Code(
        code="INI112",
        title="memory that was never written",
        severity="error",
        meaning="`initwise.record` saw the memory being made (torch.empty, torch.Tensor(n, m), to_empty), and at the"
        " at the end of the block at least one element of the parameter still held what it was made with. New memory"
        " is filled with a NaN of a special payload, so this needs no guess about values.",
        harm="The weights are whatever the allocator left: zeros in one run, rubbish or NaN in another.",
        fix="Write it where it is made: torch.nn.init.*_ in reset_parameters, or apply a plan to the whole model.",
        example="import torch\nimport initwise as iw\nfrom torch import nn\n\nwith iw.record() as log:\n"
        "    model = nn.Module()\n    model.scale = nn.Parameter(torch.empty(8))\nprint(log)",
        intended="A cache that is written before it is read, or a model that a checkpoint is loaded into after the"
        " block: load it inside the block.",
        reference="https://github.com/openai/CLIP/issues/15, a parameter made by torch.empty and never written",
    ),
    Code(
        code="INI113",
        title="overwritten by another operation",
        severity="info",
        meaning="A parameter was written in full by one initializer and then by another; nothing is left of the first."
        " A constant that memory was made with (torch.zeros) does not count. It is a warning where loaded values, or"
        " zeros that were set by hand, gave way to a draw.",
        harm="One of the two may not be meant: a pass over all modules that draws the weights of a norm again, or"
        " loaded weights that are initialized afterwards. And the first draw was work for nothing.",
        fix="Keep the one that is meant: build under torch.device('meta') and initialize once, or select by type.",
        example="import initwise as iw\nfrom torch import nn\n\nwith iw.record() as log:\n"
        "    model = nn.Linear(8, 8)\n    nn.init.xavier_uniform_(model.weight)\nprint(log['weight'].replaced)",
        intended="Layers draw torch's defaults when they are built, and most models then draw their own.",
        reference="https://github.com/huggingface/transformers/pull/143, LayerNorm drawn again by a pass over"
        " all parameters",
    ),
    Code(
        code="INI114",
        title="truncation that does not truncate",
        severity="warning",
        meaning="trunc_normal_ was called with bounds beyond 5 sigmas: its a and b are values, not multiples of std,"
        " and one normal number in 1.7 million lies beyond 5 sigmas.",
        harm="The weights are plain normal ones, outliers included; in bfloat16 older versions of torch also clamped"
        " single numbers to the far bound.",
        fix="Give bounds in units of the weights (a=-2 * std, b=2 * std), use initwise.TruncatedNormal(std=...), whose"
        " bound is in sigmas, or say normal_.",
        example="import initwise as iw\nfrom torch import nn\n\nwith iw.record() as log:\n"
        "    model = nn.Linear(8, 8)\n    nn.init.trunc_normal_(model.weight, std=0.02)\nprint(log.findings)",
        intended="Many vision models are published with it, and reproducing them needs the plain normal law.",
        reference="https://github.com/pytorch/pytorch/issues/155588 and"
        " https://github.com/pytorch/torchtitan/issues/2269, spikes at -2 in bfloat16",
    ),
)
