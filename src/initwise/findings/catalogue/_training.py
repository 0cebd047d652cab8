"""TRN: what a monitor sees while a model is trained."""

from __future__ import annotations

from initwise.findings._code import Code

_START = (
    "import initwise as iw\nimport torch\nfrom torch import nn\n\n"
    "model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 2))\n"
)
_STEPS = (
    "inputs, labels = torch.randn(64, 16), torch.arange(64) % 2\n"
    "for _ in range({steps}):\n    monitor.before()\n"
    "    loss = nn.functional.cross_entropy(model(inputs), labels)\n"
    "    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n    monitor.after(loss)"
)

CODES: tuple[Code, ...] = (
    Code(
        code="TRN901",
        title="the loss or a gradient is not finite",
        severity="error",
        meaning="The loss of a step is NaN or infinite, or the optimizer took a gradient that is, and no layer's output"
        " was before it. Steps that a gradient scaler skips are not counted. Where a layer's output is not finite, the"
        " alert is SIG506.",
        harm="After one such step every weight is NaN.",
        fix="Look at monitor.flight, the last frames before it: what grows there step by step is the cause. Lower the"
        " learning rate, warm it up, or clip gradients; flight='always' records every step.",
        example=f"{_START}optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "monitor = iw.Monitor(model, optimizer=optimizer)\n"
        "inputs, labels = torch.randn(64, 16), torch.arange(64) % 2\nmonitor.before()\n"
        "loss = nn.functional.cross_entropy(model(inputs), labels) * float('inf')\n"
        "loss.backward()\noptimizer.step()\nmonitor.after(loss)",
        intended="Never.",
        reference="https://github.com/huggingface/transformers/blob/main/src/transformers/debug_utils.py, a recorder of"
        " the frames that led to NaN",
    ),
    Code(
        code="TRN902",
        title="updates are large for the weights",
        severity="warning",
        meaning="The optimizer moves a matrix by more than a tenth of its norm in each of two sampled steps in a row."
        " Parameters that start at zero are not counted.",
        harm="The initialization is gone after a few steps, and with it what it was drawn for; the loss oscillates or"
        " diverges.",
        fix="Lower the learning rate or warm it up; or, where only a few parameters are named, draw them larger: the"
        " relative step of Adam is the learning rate over the std of the weight.",
        example=f"{_START}optimizer = torch.optim.Adam(model.parameters(), lr=0.3)\n"
        f"monitor = iw.Monitor(model, optimizer=optimizer)\n{_STEPS.format(steps=3)}",
        intended="Short fine-tuning of new parameters; the alert says which they are.",
        reference="Karpathy 2022, Building makemore part 3: updates of about 1e-3 of the data",
    ),
    Code(
        code="TRN903",
        title="a parameter that the optimizer does not move",
        severity="warning",
        meaning="A trainable parameter is in none of the optimizers that were given; or a gradient arrives at it, the"
        " learning rate is not zero, and in five sampled steps in a row it moves by less than 1e-8 of its norm.",
        harm="It keeps its initial values for the whole training, without a word.",
        fix="Make the optimizer from model.parameters() after the model is complete; where it is held, raise the"
        " learning rate of its group, or keep a copy of the weights in float32: steps far below the last digit of"
        " bfloat16 are rounded away.",
        example=f"{_START}optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)\n"
        f"monitor = iw.Monitor(model, optimizer=optimizer)\n{_STEPS.format(steps=1)}",
        intended="Parts that are trained later: freeze them until then.",
        reference="https://github.com/pytorch/pytorch/issues/1489, parameters that were added after the optimizer",
    ),
    Code(
        code="TRN904",
        title="a signal has left its scale",
        severity="warning",
        meaning="The second moment of a layer's output is a million times what it was in the first frame.",
        harm="In half precision the next steps overflow; in float32 what is added to it is lost.",
        fix="Lower the learning rate of what feeds the layer, add a norm or weight decay; look at the layer's factor"
        " in the first frame: a gain above one grows with every step.",
        example=f"{_START}optimizer = torch.optim.SGD(model.parameters(), lr=1e4)\n"
        f"monitor = iw.Monitor(model, optimizer=optimizer)\n{_STEPS.format(steps=3)}",
        intended="An output in large units, or one that starts near zero and has to grow.",
        reference="https://github.com/mosaicml/composer/pull/2066, activations watched in training",
    ),
    Code(
        code="TRN905",
        title="samples have become alike",
        severity="warning",
        meaning="The effective rank of a layer's output over samples and places was at least 8 in the first frame, and"
        " is below 1.5 now.",
        harm="All inputs look the same to what follows: it can only learn an average.",
        fix="Lower the learning rate; look for a layer whose units died (SIG501), or for attention that picks one key.",
        example=f"{_START}optimizer = torch.optim.SGD(model[0].parameters(), lr=1.0)\n"
        "monitor = iw.Monitor(model, schedule=1)\ninputs = torch.randn(64, 16)\nfor _ in range(2):\n"
        "    with monitor.step() as step:\n        hidden = model(inputs)\n        step.loss = hidden.square().mean()\n"
        "        step.loss.backward()\n    with torch.no_grad():\n        model[0].weight.zero_()",
        intended="A layer that is to forget its input, such as a pooled gate.",
        reference="Roy, Vetterli 2007, The effective rank; Dong, Cordonnier, Loukas 2021, Attention is not all you need"
        " (arXiv:2103.03404)",
    ),
)
