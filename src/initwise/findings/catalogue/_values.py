"""INI: what single parameters hold, seen without a plan."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = (
    Code(
        code="INI108",
        title="memory that nobody wrote",
        severity="error",
        meaning="All values of a parameter are smaller than 1e-20 in size, or one is larger than 1e10, as"
        " rubbish in memory is; or a buffer cannot be what its name says (variances or frequencies"
        " of zero, indices of positions that are all one), or a parameter begins with the addresses of an allocator.",
        harm="The weights are whatever the allocator left: other ones in each run, and NaN sooner or later.",
        fix="Write what torch.empty, torch.Tensor(n, m) or to_empty() left open; `with iw.record() as log:`"
        " around the construction names every parameter that was never written, however harmless its numbers"
        " look.",
        example="import torch\nfrom torch import nn\n\nmodel = nn.Linear(8, 8)\n"
        "model.weight = nn.Parameter(torch.full((8, 8), 1e-41) * torch.rand(8, 8))",
        intended="Never. Numbers of this size have no use as weights.",
        reference="https://github.com/openai/CLIP/issues/15, a parameter made by torch.empty and never written",
    ),
    Code(
        code="INI110",
        title="a norm's weight or bias was drawn",
        severity="error",
        meaning="The weight of a norm is a sample around zero (or uniform between 0 and 1) where one changes"
        " nothing, or one of weight and bias varies while the other is exactly as it was made, which training"
        " never does.",
        harm="Channels start muted, flipped or shifted at random, which is what the norm is there to undo; the"
        " signal shrinks by the weight's size in each block.",
        fix="Leave norms at weight 1 and bias 0 (0 and 0 where the module adds one), and draw only what has two"
        " axes or more: rules select by type, not by name.",
        example="from torch import nn\n\nmodel = nn.Sequential(nn.Linear(8, 64), nn.LayerNorm(64))\n"
        "for parameter in model.parameters():\n    nn.init.normal_(parameter, std=0.02)",
        intended="Weights drawn closely around their neutral value (DCGAN's N(1, 0.02)) and trained norms are"
        " not reported.",
        reference="https://github.com/huggingface/transformers/pull/143, LayerNorm drawn again by a pass over"
        " all parameters",
    ),
)
