"""accelerate: `init_empty_weights`, then `materialize`, then `prepare` or `dispatch_model` (needs `accelerate`).

python -m examples.frameworks.accelerate_empty

Draw before the model is dispatched: where accelerate offloads weights, the model holds none of them any more.
"""

from __future__ import annotations

from typing import Any

import torch

import initwise as iw
from examples.frameworks.net import Net, plain, plan


def materialized(*, include_buffers: bool) -> Net:
    """Build without memory, and give it memory and weights."""
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=include_buffers):
        model = Net()
    model.head.weight = model.embed.weight  # accelerate made two of one; `tie_weights()` where a model has it
    iw.materialize(model, plan(model))
    return model


def main() -> tuple[Any, Any]:
    """Buffers in memory or on meta, prepared or dispatched: the same weights."""
    from accelerate import Accelerator, dispatch_model

    expected = iw.digest(plain(), buffers=True)
    model = materialized(include_buffers=False)
    prepared, _ = Accelerator(cpu=True).prepare(model, torch.optim.AdamW(model.parameters()))
    print(f"prepared: {iw.digest(prepared, buffers=True) == expected}")

    dispatched = dispatch_model(materialized(include_buffers=True), {"": "cpu"}, force_hooks=True)
    print(f"dispatched: {iw.digest(dispatched, buffers=True) == expected}")
    return prepared, dispatched


if __name__ == "__main__":
    main()
