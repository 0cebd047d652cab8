"""GPT-2, Mixtral and ResNet-50, what one process makes of them, and the ways in which ranks cut them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy, fully_shard
from torch.distributed.tensor import Shard, distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import initwise as iw

RECIPES = ("gpt2", "auto", "torch-default")
SEED = 11


def gpt2() -> nn.Module:
    """GPT-2 small in its true widths, vocabulary and positions included, two layers deep."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model: nn.Module = GPT2LMHeadModel(GPT2Config(n_layer=2))
    return model


def mixtral() -> nn.Module:
    """Eight experts, grouped queries; an eighth of the true width and less."""
    from transformers import MixtralConfig, MixtralForCausalLM

    sizes = {"hidden_size": 1024, "intermediate_size": 1792, "num_attention_heads": 8, "num_key_value_heads": 2}
    model: nn.Module = MixtralForCausalLM(MixtralConfig(num_hidden_layers=1, vocab_size=8000, **sizes))
    return model


def resnet50() -> nn.Module:
    from torchvision.models import resnet50 as build

    model: nn.Module = build()
    return model


MODELS: dict[str, Callable[[], nn.Module]] = {"gpt2": gpt2, "mixtral": mixtral, "resnet50": resnet50}


def by_one_process(folder: Path) -> None:
    """Save the weights that one process writes: each model under each of its recipes."""
    for name, make in MODELS.items():
        model = make()
        for recipe in recipes(name):
            plan = iw.plan(model, recipe, seed=SEED)
            iw.apply(model, plan)
            weights = {each: tensor.detach() for each, tensor in model.named_parameters(remove_duplicate=False)}
            digests = plan.digest(), iw.digest(model), iw.digest(model, buffers=True)
            torch.save((digests, weights), folder / f"{name}-{recipe}")


def recipes(name: str) -> tuple[str, ...]:
    """A language model's recipe is none for a network of convolutions."""
    return RECIPES if name != "resnet50" else RECIPES[1:]


def layers(model: Any) -> list[nn.Module]:
    """The modules that are cut one by one."""
    if hasattr(model, "transformer"):
        return list(model.transformer.h)
    return list(model.model.layers) if hasattr(model, "model") else [model.layer1, model.layer2, model.layer3]


def fully(model: Any, mesh: Any) -> Any:
    for layer in layers(model):
        fully_shard(layer, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def one_axis(model: Any, world: int) -> Any:
    return fully(model, init_device_mesh("cpu", (world,)))


def hybrid(model: Any, world: int) -> Any:
    return fully(model, init_device_mesh("cpu", (2, world // 2), mesh_dim_names=("replicas", "shards")))


def two_axes(model: Any, world: int) -> Any:
    """Tensor parallel within, fully sharded without: `_StridedShard` where both cut one axis."""
    mesh = init_device_mesh("cpu", (world // 2, 2), mesh_dim_names=("data", "tensor"))
    for layer in layers(model):
        for name, module in layer.named_modules():
            if type(module).__name__ == "Conv1D":  # GPT-2's layers, for which torch has no style
                _by_columns(module, mesh["tensor"])
            elif isinstance(module, nn.Linear):
                style = RowwiseParallel() if name.endswith("o_proj") else ColwiseParallel()
                parallelize_module(module, mesh["tensor"], style)
    return fully(model, mesh["data"])


def _by_columns(module: nn.Module, mesh: Any) -> None:
    for name, parameter in list(module.named_parameters()):
        cut = distribute_tensor(parameter.detach(), mesh, [Shard(parameter.dim() - 1)])
        setattr(module, name, nn.Parameter(cut))


def flat(model: Any, world: int) -> Any:
    return FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))


def flat_hybrid(model: Any, world: int) -> Any:
    """FSDP1 in pairs of ranks, each of which holds all of the model."""
    mesh = init_device_mesh("cpu", (world // 2, 2), mesh_dim_names=("replicas", "shards"))
    options: dict[str, Any] = {"sharding_strategy": ShardingStrategy.HYBRID_SHARD, "device_id": torch.device("cpu")}
    return FullyShardedDataParallel(model, device_mesh=mesh, use_orig_params=True, **options)


WAYS: dict[str, Callable[[Any, int], Any]] = {
    "1-D": one_axis,
    "2-D": two_axes,
    "hybrid": hybrid,
    "FSDP1": flat,
    "FSDP1 hybrid": flat_hybrid,
}
