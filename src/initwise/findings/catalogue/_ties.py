"""TIE: parameters that share memory, or should."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = (
    Code(
        code="TIE701",
        title="a tie is broken",
        severity="error",
        meaning="The model's configuration ties two parameters (tie_word_embeddings and the class's"
        " _tied_weights_keys), and they are two tensors; or, as a warning, a linear layer holds bit for bit what"
        " an embedding of the same shape holds, in a memory of its own.",
        harm="The two drift apart from the first step on: the model trains other weights than its configuration"
        " says, saves or drops one of them, and a checkpoint that holds one leaves the other as it was drawn.",
        fix="Tie again after whatever replaced the tensor: model.tie_weights(), or head.weight = embed.weight;"
        " initialize one of the two only.",
        example="from torch import nn\n\nembed, head = nn.Embedding(100, 16), nn.Linear(16, 100, bias=False)\n"
        "head.weight = nn.Parameter(embed.weight.detach().clone())\n"
        "model = nn.ModuleDict({'embed': embed, 'head': head})",
        intended="An output layer that starts as a copy of the embedding and is trained on its own: set"
        " tie_word_embeddings=False, and suppress the warning with that reason.",
        reference="https://github.com/Modalities/modalities/pull/456, a tied head initialized and sharded apart"
        " from its embedding",
    ),
    Code(
        code="TIE702",
        title="layers share one module by accident",
        severity="warning",
        meaning="One parameter is registered at the same place in three or more numbered siblings, or in all of"
        " two, or one module stands under every key of a ModuleDict, and nothing declares the tie. Embeddings,"
        " positions, heads for classes, boxes and scores, which many detectors share between layers, and what has"
        " a name outside the layers too do not count.",
        harm="The model has a fraction of the weights it seems to have: all the layers compute with one set of"
        " weights, and its gradient is the sum over all of them.",
        fix="Make each with its own constructor call, [Layer() for _ in range(n)]; [layer] * n lists one object"
        " n times.",
        example="from torch import nn\n\nlayer = nn.Linear(64, 64)\nmodel = nn.Sequential(*[layer] * 6)",
        intended="Shared on purpose (ALBERT, universal transformers): register the layer once and call it n"
        " times in forward, or name it in _tied_weights_keys; else suppress the finding with a reason.",
        reference="https://github.com/habla-liaa/encodecmae/issues/3, one feed-forward module in all layers",
    ),
)
