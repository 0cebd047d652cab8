"""GPT-2, Mixtral and ResNet-50 cut in many ways, by ranks that compare with the weights of one process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import initwise as iw
from initwise.model import canonical_name
from tests.shards.ranks import wrong

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
            torch.save((plan.digest(), weights), folder / f"{name}-{recipe}")


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
            if isinstance(module, nn.Linear):
                style = RowwiseParallel() if name.endswith("o_proj") else ColwiseParallel()
                parallelize_module(module, mesh["tensor"], style)
    return fully(model, mesh["data"])


def flat(model: Any, world: int) -> Any:
    return FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))


WAYS: dict[str, Callable[[Any, int], Any]] = {"1-D": one_axis, "2-D": two_axes, "hybrid": hybrid, "FSDP1": flat}


def rank_of(folder: str, name: str, way: str, *, equal: bool) -> Callable[[int, int], Any]:
    """Make the case of one model, cut in one way; torch's seeds are equal on all ranks, or not."""
    return _Case(folder, name, way, equal)


class _Case:
    def __init__(self, folder: str, name: str, way: str, equal: bool) -> None:
        self.folder, self.name, self.way, self.equal = folder, name, way, equal
        self.__name__ = f"{name} {way}"

    def __call__(self, rank: int, world: int) -> Any:
        from tests import peers  # noqa: F401 - declares torchvision's operators

        torch.manual_seed(0 if self.equal else rank)
        model = MODELS[self.name]()
        plans = {recipe: iw.plan(model, recipe, seed=SEED) for recipe in recipes(self.name)}  # of FSDP1 before it
        model = WAYS[self.way](model, world)
        found = {}
        for recipe in recipes(self.name):
            path = Path(self.folder) / f"{self.name}-{recipe}"
            digest, want = torch.load(path, mmap=True)
            plan = plans[recipe] if self.way == "FSDP1" else iw.plan(model, recipe, seed=SEED)
            iw.apply(model, plan)
            report = iw.verify(model, plan, exact="required")
            found[recipe] = plan.digest() == digest, self._wrong(model, want), report.ok, self._nothing(model)
            dist.barrier()
        return found

    def _wrong(self, model: Any, want: dict[str, Tensor]) -> list[str]:
        if self.way != "FSDP1":
            return wrong(model, want)
        with FullyShardedDataParallel.summon_full_params(model):
            named = model.named_parameters(remove_duplicate=False)
            return [path for path, tensor in named if not torch.equal(tensor, want[canonical_name(path)])]

    def _nothing(self, model: nn.Module) -> int:
        """Count the parameters of which this rank holds no element."""
        local = (each.to_local() if hasattr(each, "to_local") else each for each in model.parameters())
        return sum(each.numel() == 0 for each in local)
