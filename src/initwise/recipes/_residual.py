"""Which weights end a branch of a block and write into the residual stream: as a trace saw it, else by their names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from initwise.model import Parameter, Reading

# Projections that end a branch: GPT-2; Llama and its kin; GPT-J, OPT; PyTorch's and other spellings.
WRITERS = frozenset(
    "c_proj o_proj down_proj out_proj fc_out fc2 wo w2 Wo linear2 dense_4h_to_h "
    "output_proj output_dense attn_out ff_out out_lin lin2 to_out".split()
)
# Names that end a branch only there: timm; GPT-NeoX, BLOOM, Falcon, Phi, BERT; T5; RWKV; Megatron; LED, BLIP, CTRL.
QUALIFIED_WRITERS = frozenset(
    tuple(name.split("."))
    for name in (
        "attn.proj attention.dense self_attention.dense self_attn.dense output.dense "
        "SelfAttention.o EncDecAttention.o LocalSelfAttention.o TransientGlobalSelfAttention.o "
        "attention.output feed_forward.value self_attention.linear_proj cross_attention.linear_proj mlp.linear_fc2 "
        "self_attn.output feed_forward.output self_attn.projection multi_head_attention.dense"
    ).split()
)


@dataclass(frozen=True)
class Writer:
    """A place in a stack of repeated blocks that write into a residual stream.

    Attributes:
        stack: a name of the stack, with `*` for the number of the block.
        layer: which block of the stack this one is, from 0.
        layers: how many blocks of the stack write.
    """

    stack: str
    layer: int
    layers: int


class Writers:
    """The residual writers of a model that was read.

    Attributes:
        stacks: for each stack of repeated blocks the names of those that have writers, in their order.

    >>> from torch import nn
    >>> from initwise.model import read
    >>> model = nn.ModuleDict({"layers": nn.ModuleList(nn.ModuleDict({"o_proj": nn.Linear(2, 2)}) for _ in range(3))})
    >>> reading = read(model)
    >>> Writers(reading).of(reading["layers.1.o_proj.weight"])
    Writer(stack='layers.*', layer=1, layers=3)
    """

    def __init__(self, reading: Reading) -> None:
        self.stacks: dict[str, list[str]] = {}
        for parameter in reading.parameters:
            block = _writes_in(parameter)
            if block is not None and block not in self.stacks.setdefault(_stack(block), []):
                self.stacks[_stack(block)].append(block)

    def of(self, parameter: Parameter) -> Writer | None:
        """Return where `parameter` writes; None for a parameter that ends no branch of a repeated block."""
        block = _writes_in(parameter)
        return None if block is None else self._place(block)

    def around(self, parameter: Parameter) -> Writer | None:
        """Return the block that `parameter` is in, whether it writes or not; None outside of blocks with writers."""
        name = ".".join(path(parameter))
        inner = (block for blocks in self.stacks.values() for block in blocks if name.startswith(f"{block}."))
        block = max(inner, key=len, default=None)
        return None if block is None else self._place(block)

    def _place(self, block: str) -> Writer:
        blocks = self.stacks[_stack(block)]
        return Writer(_stack(block), blocks.index(block), len(blocks))


def _writes_in(parameter: Parameter) -> str | None:
    """Return the name of the repeated block whose residual projection this is the weight of, if it is one."""
    if parameter.role != "weight":
        return None
    segments = path(parameter)
    traced = parameter.usage is not None and parameter.usage.residual is not None
    return block_of(segments) if traced or ends_branch(segments) else None


def path(parameter: Parameter) -> list[str]:
    """Return the names of a layer and of what it is in; a raw weight (stacked experts) is the last of them itself.

    >>> from torch import nn
    >>> from initwise.model import read
    >>> path(read(nn.ModuleDict({"mlp": nn.ModuleDict({"down_proj": nn.Linear(2, 2)})})).parameters[0])
    ['mlp', 'down_proj']
    """
    segments = parameter.module_name.split(".")
    return segments if "weight" in parameter.attribute else [*segments, parameter.attribute]


def ends_branch(segments: list[str]) -> bool:
    """Return whether a layer of these names is one of those that end a branch in the families that we know."""
    return segments[-1] in WRITERS or tuple(segments[-2:]) in QUALIFIED_WRITERS


def block_of(segments: list[str]) -> str | None:
    """Return the innermost numbered module that a layer is in, experts not counted; None if there is none."""
    numbered = [
        index
        for index, segment in enumerate(segments)
        if segment.isdigit() and index > 0 and "expert" not in segments[index - 1]
    ]
    if len(numbered) > 1 and segments[numbered[-2] - 1 : numbered[-1] : 2] == ["block", "layer"]:
        numbered.pop()  # T5 numbers the branches of a block: block.3.layer.1
    return ".".join(segments[: numbered[-1] + 1]) if numbered else None


def _stack(block: str) -> str:
    return re.sub(r"\d+", "*", block)
