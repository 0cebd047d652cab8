"""What a rank finds wrong with its part of a real model, held against what one process wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

import initwise as iw
from initwise.model import canonical_name
from tests.shards.ranks import Collectives, wrong
from tests.shards.real import MODELS, SEED, WAYS, gpt2, recipes

AGREEMENT = ("allgather_", 16)
EXCHANGES = {"1-D": 1, "2-D": 2, "hybrid": 2, "FSDP1": 1, "FSDP1 hybrid": 2}  # one for each axis with several ranks


def rank_of(folder: str, name: str, way: str, *, equal: bool) -> Callable[[int, int], Any]:
    """Make the case of one model, cut in one way; torch's seeds are equal on all ranks, or not."""
    return _Case(folder, name, way, equal)


class _Case:
    def __init__(self, folder: str, name: str, way: str, equal: bool) -> None:
        self.folder, self.name, self.way, self.equal = folder, name, way, equal
        self.__name__ = f"{name} {way}"

    def __call__(self, rank: int, world: int) -> Any:
        """For each recipe what is wrong, and of how many parameters this rank holds nothing."""
        from tests import peers  # noqa: F401 - declares torchvision's operators

        torch.manual_seed(0 if self.equal else rank)
        model = MODELS[self.name]()
        plans = {recipe: iw.plan(model, recipe, seed=SEED) for recipe in recipes(self.name)}  # of FSDP1 before it
        model = WAYS[self.way](model, world)
        found = {}
        for recipe in recipes(self.name):
            digests, want = torch.load(Path(self.folder) / f"{self.name}-{recipe}", mmap=True)
            plan = plans[recipe] if self.way.startswith("FSDP1") else iw.plan(model, recipe, seed=SEED)
            gather = recipe == recipes(self.name)[0]  # what lies where is the same under all
            found[recipe] = list(self._wrong(model, plan, digests, want, world, gather=gather)), _nothing(model)
            dist.barrier()
        return found

    def _wrong(
        self, model: Any, plan: iw.Plan, digests: Any, want: dict[str, Tensor], world: int, *, gather: bool
    ) -> Iterator[str]:
        state = torch.get_rng_state()
        with Collectives() as between:
            iw.apply(model, plan)
        exchanges = 1 if world == 2 else EXCHANGES[self.way]
        if between.seen != [AGREEMENT] * exchanges:
            yield f"apply sent {between.seen}"
        if not torch.equal(state, torch.get_rng_state()):
            yield "torch's generator was moved"
        if not iw.verify(model, plan, exact="required").ok:
            yield "it does not verify"
        if (plan.digest(), iw.digest(model), iw.digest(model, buffers=True)) != digests:
            yield "the digests are not those of one process"
        yield from self._others(model, want) if gather else ()

    def _others(self, model: Any, want: dict[str, Tensor]) -> list[str]:
        """Name what differs from the weights of one process once torch has gathered it."""
        if not self.way.startswith("FSDP1"):
            return wrong(model, want)
        with FullyShardedDataParallel.summon_full_params(model):
            named = model.named_parameters(remove_duplicate=False)
            return [path for path, tensor in named if not torch.equal(tensor, want[canonical_name(path)])]


def _nothing(model: nn.Module) -> int:
    """Count the parameters of which this rank holds no element."""
    local = (each.to_local() if hasattr(each, "to_local") else each for each in model.parameters())
    return sum(each.numel() == 0 for each in local)


def stages_of(folder: str) -> Callable[[int, int], Any]:
    """Make the case of GPT-2 in two stages, each sharded over half of the ranks, under names of its own."""
    return _Stages(folder)


class _Stages:
    def __init__(self, folder: str) -> None:
        self.folder, self.__name__ = folder, "gpt2 stages"

    def __call__(self, rank: int, world: int) -> Any:
        whole: Any = gpt2()
        meshes = init_device_mesh("cpu", (2, world // 2), mesh_dim_names=("stage", "data"))
        index = meshes.get_local_rank("stage")
        body, head = whole.transformer, whole.lm_head
        parts = {"table": body.wte, "places": body.wpe} if index == 0 else {"norm": body.ln_f, "head": head}
        stage: Any = nn.ModuleDict({"blocks": nn.ModuleList([body.h[index]]), **parts})
        names = {"table": "transformer.wte", "places": "transformer.wpe", "norm": "transformer.ln_f", "head": "lm_head"}
        here = {each: there for each, there in names.items() if each in parts}
        here["blocks.0"] = f"transformer.h.{index}"
        for module in (stage.blocks[0], *parts.values()):
            fully_shard(module, mesh=meshes["data"])
        found = {}
        for recipe in recipes("gpt2"):
            _, want = torch.load(Path(self.folder) / f"gpt2-{recipe}", mmap=True)
            plan = iw.plan(gpt2(), recipe, seed=SEED)
            iw.apply(stage, plan, names=here)
            there = {name: want[_there(name, here)] for name, _ in stage.named_parameters()}
            checks = iw.verify(stage, plan, names=here, exact="required").ok
            found[recipe] = wrong(stage, there) + ([] if checks else ["it does not verify"]), _nothing(stage)
            dist.barrier()
        return found


def _there(name: str, names: dict[str, str]) -> str:
    prefix = next(each for each in names if name.startswith(f"{each}."))
    return names[prefix] + name.removeprefix(prefix)
