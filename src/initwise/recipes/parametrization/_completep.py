"""`completep`: maximal updates in width, and branches that shrink with depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from initwise._arguments import Arguments
from initwise.errors import ArgumentError
from initwise.initializers import Initializer
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Multiplier, Recipe
from initwise.recipes._residual import Writers, block_of, path
from initwise.recipes.parametrization._base import BaseModel, base_for, checked_base
from initwise.recipes.parametrization._described import COMPLETEP
from initwise.recipes.parametrization._mup import mup
from initwise.recipes.parametrization._widths import widths

DEPTH_SCALED = frozenset({"gpt2"})


def completep(
    base: BaseModel,
    base_layers: int,
    *,
    alpha: float = 1.0,
    rules: str | Recipe | Initializer | None = None,
    zero_readout: bool = False,
    zero_query: bool = False,
) -> Recipe:
    """Return the recipe `completep` for residual networks under Adam: muP in width, and depth by its own factors.

    With m_L how many times the base's the number of blocks is and m_N the growth in width, weights are those of `mup`
    (no factor of depth in their std), every branch is multiplied by m_L^-alpha before it is added to the stream, the
    learning rate in blocks by m_L^(alpha - 1), and Adam's epsilon by 1 / m_N, in blocks by m_L^-alpha / m_N. All of
    that is in `plan.multipliers`; only the weights are set. With alpha = 1 every layer keeps learning non-linearly at
    every depth.

    Dey et al. 2025, Don't be lazy: CompleteP enables compute-efficient deep transformers (arXiv:2505.01618).

    Args:
        base: as for `mup`: the narrow model, with as many blocks as the model that is planned; or shapes.
        base_layers: how many blocks the model had at which the hyperparameters were tuned.
        alpha: from 0.5 (depth-muP) to 1.
        rules, zero_readout, zero_query: as for `mup`; rules that shrink with depth themselves are refused.

    Raises:
        ArgumentError: as for `mup`; `alpha` outside [0.5, 1]; and, when planning, no residual branches are found.

    >>> completep({}, base_layers=2).name
    'completep'
    """
    check = Arguments("completep")
    layers = check.integer("base_layers", base_layers, least=1)
    power = check.number("alpha", alpha)
    if not 0.5 <= power <= 1:
        check.refuse(f"alpha is {power}, and must be from 0.5 to 1")
    name = rules.name if isinstance(rules, Recipe) else rules
    if isinstance(name, str) and name in DEPTH_SCALED:
        check.refuse(f"rules is {name!r}, which shrinks residual weights with depth itself; the two exclude each other")
    check.done()
    width = mup(base, rules=rules, zero_readout=zero_readout, zero_query=zero_query)
    made = _CompleteP(checked_base("base", base), width, layers, power)
    return replace(
        width,
        name="completep",
        summary=COMPLETEP.summary,
        source=COMPLETEP.source,
        laws=COMPLETEP.laws,
        multipliers=made.multipliers,
        warnings=made.warnings,
    )


@dataclass(frozen=True)
class _CompleteP:
    base: BaseModel
    width: Recipe
    base_layers: int
    alpha: float

    def multipliers(self, reading: Reading) -> tuple[Multiplier, ...]:
        depth = self._depth(reading)
        inside = depth ** (self.alpha - 1)  # of the learning rate of what is in a block
        made = [self._in_block(each, reading, inside) for each in self.width.multipliers(reading)]
        rated = {each.target for each in made if each.kind == "learning_rate"}
        for parameter in reading.parameters:
            if inside != 1 and _in_block(parameter) and parameter.name not in rated:
                why = f"CompleteP: × m_L^(alpha - 1) = {inside:.4g} in blocks"
                made.append(Multiplier(parameter.name, "learning_rate", inside, why))
        return (*made, *self._epsilons(reading, depth), *self._branches(reading, depth))

    def warnings(self, reading: Reading) -> tuple[str, ...]:
        told = self.width.warnings(reading)
        branches = [each.target for each in self._branches(reading, self._depth(reading))]
        if not branches:
            return told
        factor = self._depth(reading) ** -self.alpha
        return (
            *told,
            f"completep: the forward pass must multiply each of the {len(branches)} residual branches (what "
            f"{branches[0]!r} and its kin give) by {factor:.4g} before it is added; an initialization cannot",
        )

    def _in_block(self, multiplier: Multiplier, reading: Reading, inside: float) -> Multiplier:
        if inside == 1 or multiplier.kind != "learning_rate" or not _in_block(reading[multiplier.target]):
            return multiplier
        why = f"{multiplier.why}; CompleteP: × m_L^(alpha - 1) = {inside:.4g} in blocks"
        return replace(multiplier, value=multiplier.value * inside, why=why)

    def _epsilons(self, reading: Reading, depth: float) -> Iterator[Multiplier]:
        growth = self._growth(reading)
        for parameter in reading.parameters:
            share = depth**-self.alpha if _in_block(parameter) else 1.0
            if share / growth != 1:
                why = "CompleteP: Adam's epsilon follows the gradients: 1 / m_N" + ", × m_L^-alpha in blocks" * (
                    share != 1
                )
                yield Multiplier(parameter.name, "epsilon", share / growth, why)

    def _branches(self, reading: Reading, depth: float) -> Iterator[Multiplier]:
        writers = Writers(reading)
        for parameter in reading.parameters:
            if depth != 1 and writers.of(parameter) is not None:
                target = parameter.module_name if parameter.attribute == "weight" else parameter.name
                why = f"CompleteP: m_L^-alpha, {depth:g} times the base's {self.base_layers} blocks"
                yield Multiplier(target, "branch", depth**-self.alpha, why)

    def _depth(self, reading: Reading) -> float:
        writers = Writers(reading)
        found = {each.stack: each.layers for p in reading.parameters if (each := writers.of(p)) is not None}
        if not found:
            raise ArgumentError(
                "no residual branches are found (a projection such as o_proj or down_proj within numbered blocks); "
                "plan with inputs=, so that a forward pass shows them, or use iw.recipes.mup"
            )
        if len(set(found.values())) > 1:
            raise ArgumentError(f"the stacks have different numbers of blocks, {found}; plan them apart with only=")
        return next(iter(found.values())) / self.base_layers

    def _growth(self, reading: Reading) -> float:
        """The width against the base's: what most hidden weights' fan_in grew by."""
        found = widths(reading, base_for("base", self.base, reading), None).values()
        counts = Counter(width.fan_in for width in found if width.kind == "hidden")
        return counts.most_common(1)[0][0] if counts else 1.0


def _in_block(parameter: Parameter) -> bool:
    return block_of(path(parameter)) is not None
