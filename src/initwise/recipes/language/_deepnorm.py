"""`deepnorm`: Xavier gains that bound the update of a post-norm transformer, and the multiplier of its stream.

DeepNet computes LayerNorm(alpha * x + branch(x)); an initialization holds only the gains beta. The alphas are data in
`plan.multipliers`, and a note says that the forward pass must apply them. torchscale differs from the paper: its query,
key and value projections have a gain of 1/sqrt(2) more, and it divides what `nn.Linear` drew by 1/beta. Ours are the
paper's: Xavier normal with gain beta or 1.
"""

from __future__ import annotations

from initwise.initializers import Initializer, Normal, PerBlock, XavierNormal
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Multiplier, Recipe
from initwise.recipes.language._common import SUPPORTING_LAWS, Decide, is_drawn, is_output, subject, supporting
from initwise.recipes.language._stacks import Side, Stack, Stacks

_NAME = "deepnorm"


def constants(encoder: int, decoder: int, side: Side) -> tuple[float, float, str]:
    """Return alpha, beta and their formulas for a side of a model with N encoder and M decoder blocks.

    >>> [round(value, 4) for value in constants(12, 0, "encoder")[:2]]
    [2.2134, 0.3195]
    >>> [round(value, 4) for value in constants(6, 6, "encoder")[:2]]
    [1.4179, 0.497]
    """
    if not (encoder and decoder):
        count = encoder or decoder
        return (2 * count) ** 0.25, (8 * count) ** -0.25, f"α = (2 * {count})^¼, β = (8 * {count})^-¼"
    if side == "decoder":
        return (3 * decoder) ** 0.25, (12 * decoder) ** -0.25, f"α = (3 * {decoder})^¼, β = (12 * {decoder})^-¼"
    both = encoder**4 * decoder
    words = f"α = 0.81 ({encoder}⁴ * {decoder})^(1/16), β = 0.87 ({encoder}⁴ * {decoder})^-(1/16)"
    return 0.81 * both**0.0625, 0.87 * both**-0.0625, words


def _of(stacks: Stacks, stack: Stack) -> tuple[float, float, str]:
    if stacks.are_paired:
        return constants(stacks.depth("encoder"), stacks.depth("decoder"), stack.side)
    return constants(len(stack.blocks), 0, stack.side)


def _decide(reading: Reading) -> Decide:
    stacks = Stacks(_NAME, reading)

    def decide(parameter: Parameter) -> Decision:
        if not is_drawn(parameter):
            return supporting(parameter)
        if parameter.role != "weight" or is_output(parameter):
            width = parameter.shape[-1]
            return Normal(std=width**-0.5), f"{subject(parameter)}: N(0, 1/{width})"
        around = stacks.around(parameter)
        if around is None or stacks.makes_scores(parameter):
            return XavierNormal(), f"{subject(parameter)}: Xavier normal, gain 1"
        _, beta, words = _of(stacks, around[0])
        return _gains(stacks, parameter, beta), f"{subject(parameter)}: Xavier normal, gain {beta:.4g}; {words}"

    return decide


def _gains(stacks: Stacks, parameter: Parameter, beta: float) -> Initializer:
    scaled = XavierNormal(gain=beta)
    return PerBlock(v=scaled, rest=XavierNormal()) if stacks.packs_value(parameter) else scaled


def _multipliers(reading: Reading) -> tuple[Multiplier, ...]:
    stacks = Stacks(_NAME, reading)
    found = []
    for stack in stacks.all:
        alpha, _, words = _of(stacks, stack)
        why = f"each residual addition of the block is LayerNorm(α x + branch(x)); {words}"
        found += [Multiplier(block, "stream", alpha, why) for block in stack.blocks]
    return tuple(found)


def _warnings(reading: Reading) -> tuple[str, ...]:
    stacks = Stacks(_NAME, reading)
    values = ", ".join(f"{_of(stacks, stack)[0]:.4g} in {stack.name}" for stack in stacks.all)
    return (
        "deepnorm is half in the forward pass: every residual addition must be LayerNorm(alpha * x + branch(x)), with "
        f"alpha = {values} (plan.multipliers). The gains alone, without alpha or in a pre-norm model, are not DeepNet",
    )


DEEPNORM = Recipe(
    name=_NAME,
    summary="Xavier with gain beta on values, outputs and MLPs; the forward pass must apply alpha (plan.multipliers)",
    source="Wang et al. 2022, DeepNet (arXiv:2203.00555)",
    laws=(
        ("value, output and MLP matrices", "N(0, 2 β² / (fan_in + fan_out))"),
        ("query and key matrices, and those outside of blocks", "N(0, 2 / (fan_in + fan_out))"),
        ("encoder or decoder alone, N blocks", "α = (2N)^¼, β = (8N)^-¼"),
        ("encoder of N beside a decoder of M", "α = 0.81 (N⁴M)^(1/16), β = 0.87 (N⁴M)^-(1/16)"),
        ("decoder of M beside an encoder", "α = (3M)^¼, β = (12M)^-¼"),
        ("embeddings and output layer", "N(0, 1 / d), as torchscale draws them"),
        *SUPPORTING_LAWS,
    ),
    decide=_decide,
    multipliers=_multipliers,
    warnings=_warnings,
)
