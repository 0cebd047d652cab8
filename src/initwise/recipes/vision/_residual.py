"""Residual branches of convolutional networks: as a trace saw them, else from the structure of well-known blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from initwise.errors import ArgumentError
from initwise.model import Parameter, Reading

_BLOCK = re.compile(r"bottle|basicblock|selectivekernelbasic|preact|res(idual|net|nest)?[a-z0-9]*block", re.IGNORECASE)
_ASIDE = re.compile(
    r"[Ss]queeze|[Aa]ttention|[Aa]ttn|^S[eE](Module|Block|Layer|Unit)|^E[cC][aA]|FiLM"
)  # classes of modules beside a branch
SHORTCUTS = frozenset(
    "downsample shortcut skip skip_connection skip_conv conv_shortcut nin_shortcut shortcut_conv conv_skip "
    "proj_shortcut identity identity_conv res_conv conv_res residual_conv res_proj residual_proj match_input".split()
)
_ASIDE_NAMES = SHORTCUTS | frozenset(
    "se se_module attn ca eca cbam emb_layers mlp time_mlp time_emb_proj emb_proj mlp_time".split()
)
_SKIPS = ("use_res_connect", "has_skip", "has_residual", "add_identity")  # flags of blocks that may go without a sum


@dataclass(frozen=True)
class Branch:
    """The layers of one residual branch in the order in which the block registers them.

    Attributes:
        block: the canonical name of the block.
        weights: names of the weights of its convolutions and linear layers.
        norms: names of the weights of its norms.
        last: the one among both that comes last, and so writes into the residual stream.
    """

    block: str
    weights: tuple[str, ...]
    norms: tuple[str, ...]
    last: str

    @property
    def writer(self) -> str:
        """The last weight that is no norm's."""
        return self.weights[-1]


def branches(reading: Reading) -> tuple[Branch, ...]:
    """Return the residual branches of a model.

    Raises:
        ArgumentError: there is none that a trace or the blocks' types show.
    """
    found = tuple(_branches(reading))
    if not found:
        raise _not_found(reading)
    return found


def ends_of_branches(reading: Reading) -> dict[str, str]:
    """Return the weight of the last norm (or other layer) of each residual branch, with the name of its block.

    Where the blocks are of no known type, a trace says which convolutions write into a stream.

    Raises:
        ArgumentError: neither says it.
    """
    found = {branch.last: branch.block for branch in _branches(reading)} or _traced(reading)
    if not found:
        raise _not_found(reading)
    return found


def _traced(reading: Reading) -> dict[str, str]:
    found = {}
    for parameter in reading.parameters:
        residual = parameter.usage.residual if parameter.usage is not None else None
        if residual is not None and parameter.ndim > 2 and SHORTCUTS.isdisjoint(parameter.module_name.split(".")):
            found[residual.norm or parameter.name] = parameter.module_name.rpartition(".")[0]
    return found


def _not_found(reading: Reading) -> ArgumentError:
    kinds = ", ".join(dict.fromkeys(type(module).__name__ for module in reading.modules.values()))
    return ArgumentError(
        f"no residual branch is found among the modules ({kinds}); known are the blocks of "
        f"torchvision, timm and their kin (BasicBlock, Bottleneck, PreAct..., Res...Block). Write rules for the "
        f"last layer of each branch, or use another recipe"
    )


def doubts(reading: Reading) -> tuple[str, ...]:
    """Return what is to be known of blocks that are called like residual ones and have no branch, in sentences."""
    blocks = _blocks(reading.modules)
    found = {branch.block for branch in _branches(reading)}
    plain = [name for name, module in blocks.items() if not _adds(module)]
    empty = [name for name, module in blocks.items() if _adds(module) and name not in found]
    said = [
        (plain, "add no shortcut, so no branch ends in them"),
        (empty, "are called residual blocks, and no convolution of a branch is found in them"),
    ]
    return tuple(f"{len(names)} blocks {what}: {', '.join(names)}" for names, what in said if names)


def _branches(reading: Reading) -> list[Branch]:
    members: dict[str, list[Parameter]] = {
        name: [] for name, module in _blocks(reading.modules).items() if _adds(module)
    }
    for parameter in reading.parameters:
        block = _block_of(parameter, members, reading.modules)
        if block is not None and parameter.role in ("weight", "norm_weight"):
            members[block].append(parameter)
    return [branch for name, found in members.items() if (branch := _branch(name, found)) is not None]


def _branch(block: str, members: list[Parameter]) -> Branch | None:
    weights = [parameter.name for parameter in members if parameter.role == "weight"]
    if not any((parameter.operation or "").startswith("conv") for parameter in members):
        return None
    norms = [parameter.name for parameter in members if parameter.role == "norm_weight"]
    traced = [parameter for parameter in members if parameter.usage is not None and parameter.usage.residual]
    if len(traced) == 1 and traced[0].usage is not None and traced[0].usage.residual is not None:
        writer, norm = traced[0].name, traced[0].usage.residual.norm
        ordered = (*(name for name in weights if name != writer), writer)
        return Branch(block, ordered, tuple(norms), norm or writer)
    return Branch(block, tuple(weights), tuple(norms), members[-1].name)


def _blocks(modules: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """Return the innermost modules whose class is called like a residual block."""
    found = {name: module for name, module in modules.items() if name and _is_block(module)}
    outer = {above for name in found for above in _above(name) if above in found}
    return {name: module for name, module in found.items() if name not in outer}


def _is_block(module: nn.Module) -> bool:
    kind = type(module).__name__
    return bool(_BLOCK.search(kind)) and not _ASIDE.search(kind) and next(module.parameters(), None) is not None


def _adds(module: nn.Module) -> bool:
    """A block without a sum says so in a flag; BYOBNet's have `shortcut = None`."""
    if any(getattr(module, flag, None) is False for flag in _SKIPS):
        return False
    return not (module.__class__.__module__.startswith("timm.") and getattr(module, "shortcut", ()) is None)


def _block_of(parameter: Parameter, blocks: Mapping[str, object], modules: Mapping[str, nn.Module]) -> str | None:
    name = parameter.module_name
    path = [name, *_above(name)]
    block = next((above for above in path if above in blocks), None)
    if block is None:
        return None
    below = path[: path.index(block)]
    names = name[len(block) :].strip(".").split(".")
    aside = not _ASIDE_NAMES.isdisjoint(names)
    return None if aside or any(_ASIDE.search(type(modules.get(inner)).__name__) for inner in below) else block


def _above(name: str) -> list[str]:
    segments = name.split(".")
    return [".".join(segments[:count]) for count in range(len(segments) - 1, 0, -1)]
