"""Encoders and decoders, and the part that a weight has in a block: what `deepnorm` and `t-fixup` tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from initwise.errors import ArgumentError
from initwise.model import Parameter, Reading
from initwise.recipes._residual import Writer, Writers
from initwise.recipes.language._common import layer_of

Side = Literal["encoder", "decoder"]

_SCORES = frozenset(
    "q_proj k_proj query key q k wq wk q_lin k_lin query_proj key_proj q_proj_weight k_proj_weight".split()
)
_CROSS = frozenset("encoder_attn EncDecAttention crossattention cross_attn cross_attention multihead_attn".split())
_PACKED = frozenset(
    "c_attn qkv query_key_value Wqkv qkv_proj wqkv att_proj linear_qkv in_proj_weight qkv_linear".split()
)


@dataclass(frozen=True)
class Stack:
    """A stack of repeated blocks: its name, side, and the names of its blocks."""

    name: str
    side: Side
    blocks: tuple[str, ...]


class Stacks:
    """The stacks of a model that was read.

    Attributes:
        all: every stack whose blocks write into a residual stream.
        are_paired: the model has an encoder, and a decoder that attends to it.

    Raises:
        ArgumentError: no residual writer is found, so nothing is known of the depth.
    """

    def __init__(self, recipe: str, reading: Reading) -> None:
        self.recipe, self.writers = recipe, Writers(reading)
        self.all = tuple(
            Stack(name, _side(reading, name, blocks), tuple(blocks)) for name, blocks in self.writers.stacks.items()
        )
        if not self.all:
            raise ArgumentError(
                f"{recipe} scales by depth, and no repeated block is found whose projections write into a "
                "residual stream (o_proj, out_proj, fc2, down_proj, ...). Give inputs= so that a trace can see them"
            )

        self.are_paired = {stack.side for stack in self.all} == {"encoder", "decoder"} and _crosses(reading, self.all)

    def depth(self, side: Side) -> int:
        """Return how many blocks the deepest stack of a side has; 0 without one."""
        return max((len(stack.blocks) for stack in self.all if stack.side == side), default=0)

    def around(self, parameter: Parameter) -> tuple[Stack, Writer] | None:
        """Return the stack and block that a parameter is in; None outside of blocks."""
        place = self.writers.around(parameter)
        return None if place is None else (next(each for each in self.all if each.name == place.stack), place)

    def makes_scores(self, parameter: Parameter) -> bool:
        """Return whether a weight makes queries or keys.

        Raises:
            ArgumentError: it packs query, key and value, and where they lie is not known.
        """
        name = layer_of(parameter) if "weight" not in parameter.attribute else parameter.attribute
        names = {layer_of(parameter), name}
        if names & _PACKED and parameter.blocks is None:
            raise ArgumentError(
                f"{parameter.name!r} packs query, key and value, which get different "
                "gains, and where they lie is not known. Give inputs= so that a trace can see it, or a rule for it"
            )
        return bool(names & _SCORES)

    def packs_value(self, parameter: Parameter) -> bool:
        """Return whether a weight packs query, key and value as known blocks."""
        return parameter.blocks is not None and {"q", "k", "v"} <= set(parameter.blocks.names)


def _crosses(reading: Reading, stacks: tuple[Stack, ...]) -> bool:
    """Return whether a decoder has attention to an encoder's output, by the names of what is in its blocks."""
    blocks = tuple(f"{block}." for stack in stacks if stack.side == "decoder" for block in stack.blocks)
    return any(name.startswith(blocks) and name.rpartition(".")[2] in _CROSS for name in reading.modules)


def _side(reading: Reading, name: str, blocks: list[str]) -> Side:
    """An encoder where the stack's name says so, else where its blocks' class does; every other stack decodes."""
    kind = type(reading.modules[blocks[0]]).__name__
    for words in (name.lower(), kind.lower()):
        if "decoder" in words:
            return "decoder"
        if "encoder" in words:
            return "encoder"
    return "decoder"
