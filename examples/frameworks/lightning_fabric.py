"""Lightning Fabric: `init_module(empty_init=True)`, then `materialize` (needs `lightning`).

python -m examples.frameworks.lightning_fabric

With one device the model that Fabric makes has memory full of garbage; under a strategy with shards it is on meta.
`materialize` is right for both: it gives memory to what has none, and writes every parameter.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import initwise as iw
from examples.frameworks.net import Net, plain, plan, shard


def in_one_process() -> Any:
    """One device: draw, then `setup`."""
    import lightning

    fabric = lightning.Fabric(accelerator="cpu", devices=1)
    with fabric.init_module(empty_init=True):
        model = Net()
    iw.materialize(model, plan(model), device=fabric.device)
    optimizer = torch.optim.AdamW(model.parameters())  # the parameters stay the objects that they are
    return fabric.setup(model, optimizer)[0]


def in_shards() -> Any:
    """Shards: `setup` calls the function that shards, and what is on meta gets memory there."""
    import lightning
    from lightning.fabric.strategies import ModelParallelStrategy

    def parallelize(model: nn.Module, mesh: Any) -> nn.Module:
        shard(model, mesh["data_parallel"])
        iw.materialize(model, plan(model), device=fabric.device)
        return model

    strategy = ModelParallelStrategy(parallelize_fn=parallelize, process_group_backend="gloo")
    fabric = lightning.Fabric(accelerator="cpu", devices=1, strategy=strategy)
    fabric.launch()
    with fabric.init_module(empty_init=True):
        model = Net()
    return fabric.setup(model)


def main() -> tuple[Any, Any]:
    """Both ways give the weights that one process gives without Fabric."""
    expected = iw.digest(plain(), buffers=True)
    one, sharded = in_one_process(), in_shards()
    print(f"one process: {iw.digest(one, buffers=True) == expected}")
    print(f"shards: {iw.digest(sharded, buffers=True) == expected}")
    return one, sharded


if __name__ == "__main__":
    main()
