"""`t-fixup`: Xavier, scaled down by depth so that a transformer trains without layer norms and warmup.

The reference multiplies fairseq's values by sqrt(2), since fairseq draws query, key and value with a gain of 1/sqrt(2);
it leaves that gain on queries and keys, where the paper asks for Xavier. Ours are the paper's.
"""

from __future__ import annotations

from initwise.initializers import Initializer, Normal, PerBlock, XavierUniform
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.language._common import SUPPORTING_LAWS, Decide, is_drawn, subject, supporting
from initwise.recipes.language._stacks import Side, Stacks

_NAME = "t-fixup"


def gain(layers: int, side: Side) -> float:
    """Return the factor of values, outputs and MLPs in a stack of that many blocks.

    >>> round(gain(6, "decoder"), 5), round(gain(6, "encoder"), 5)
    (0.36889, 0.42809)
    """
    return float((9 * layers) ** -0.25 if side == "decoder" else 0.67 * layers**-0.25)


def _decide(reading: Reading) -> Decide:
    stacks = Stacks(_NAME, reading)

    def decide(parameter: Parameter) -> Decision:
        if not is_drawn(parameter):
            return supporting(parameter)
        if parameter.role != "weight":
            return _embedding(stacks, parameter)
        around = stacks.around(parameter)
        if around is None or stacks.makes_scores(parameter):
            return XavierUniform(), f"{subject(parameter)}: Xavier uniform"
        stack, place = around
        factor = gain(place.layers, stack.side)
        words = f"{'(9 * {})^-¼' if stack.side == 'decoder' else '0.67 * {}^-¼'}".format(place.layers)
        scaled = XavierUniform(gain=factor)
        law: Initializer = PerBlock(v=scaled, rest=XavierUniform()) if stacks.packs_value(parameter) else scaled
        return law, f"{subject(parameter)}, {stack.side}: Xavier uniform, gain {words} = {factor:.5g}"

    return decide


def _embedding(stacks: Stacks, parameter: Parameter) -> Decision:
    side: Side = "encoder" if "encoder" in parameter.module_name else "decoder"
    layers = stacks.depth(side) or max(len(stack.blocks) for stack in stacks.all)
    width = parameter.shape[-1]
    std = width**-0.5 * (9 * layers) ** -0.25
    return Normal(std=std), f"{subject(parameter)}: N(0, 1/{width}) times (9 * {layers})^-¼"


def _warnings(reading: Reading) -> tuple[str, ...]:
    stacks = Stacks(_NAME, reading)
    norms = sum(parameter.role == "norm_weight" for parameter in reading.parameters)
    found = f"; this one has {norms} norms with weights" if norms else ""
    said = [f"t-fixup is for a forward pass without layer norms, trained without warmup{found}. Remove them"]
    if not stacks.are_paired:
        said.append(
            "t-fixup was derived for an encoder with a decoder; a stack alone gets the factor of its side, "
            f"{', '.join(f'{stack.name} as {stack.side}' for stack in stacks.all)}"
        )
    return tuple(said)


T_FIXUP = Recipe(
    name=_NAME,
    summary="Xavier scaled by depth^-1/4, for transformers without layer norms (the forward pass must drop them)",
    source="Huang, Pérez, Ba, Volkovs 2020, Improving Transformer Optimization Through Better Initialization (ICML)",
    laws=(
        ("matrices", "U(±sqrt(6 / (fan_in + fan_out)))"),
        ("values, outputs and MLPs of a decoder of N blocks", "these times (9N)^-¼"),
        ("values, outputs and MLPs of an encoder of N blocks", "these times 0.67 N^-¼"),
        ("embeddings", "N(0, 1 / d) times (9N)^-¼; fairseq's forward multiplies them by sqrt(d)"),
        *SUPPORTING_LAWS,
    ),
    decide=_decide,
    warnings=_warnings,
)
