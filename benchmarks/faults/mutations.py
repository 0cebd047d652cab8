"""DeepCrime's wrong-initialization mutations, on ten stock models: `python -m benchmarks.faults.mutations`.

The operator `change_weights_initialisation` (Humbatova, Jahangirova, Tonella 2021, ISSTA; in github.com/dlfaults)
gives one layer another initializer of Keras, with Keras' defaults. Here each model is initialized by a recipe, then one
weight at a time is drawn again: in the first, the middle and the last layer with a weight, by each operator. Embeddings
and what is tied to them are left alone, as they are there.

A mutant is *equivalent*, and is skipped, where the new law is the old one: in each block of the weight the ends of the
support and the standard deviations agree within 2 %, both laws have the same invariants (orthogonality, identity), and
where both declare a distribution function, these differ by less than 0.01 anywhere. An operator that does not apply,
the identity on a kernel of four axes, is skipped too.

A mutant counts as found where a finding names its parameter that does not name it in the model as it was; `seen` counts
a new finding about anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from torch import nn

import initwise as iw
from benchmarks.faults.mutated import MODELS, Mutable, make
from benchmarks.faults.mutations_page import Mutant, Outcome, page
from initwise.errors import InitwiseError
from initwise.initializers import Initializer, Law
from initwise.reporting import Report

MARGIN = 0.02  # relative, of ends and of standard deviations
APART = 0.01  # of distribution functions
LECUN_NORMAL = iw.VarianceScaling(scale=1.0, distribution="truncated_normal")
OPERATORS: dict[str, Initializer] = {
    "zeros": iw.Zeros(),
    "ones": iw.Ones(),
    "constant": iw.Constant(0.05),
    "random_normal": iw.Normal(std=0.05),
    "random_uniform": iw.Uniform(-0.05, 0.05),
    "truncated_normal": iw.TruncatedNormal(std=0.05, bound=2.0, corrected=False),
    "variance_scaling": LECUN_NORMAL,
    "orthogonal": iw.Orthogonal(),
    "identity": iw.Identity(),
    "lecun_uniform": iw.LecunUniform(),
    "lecun_normal": LECUN_NORMAL,
    "glorot_uniform": iw.XavierUniform(),
    "glorot_normal": iw.VarianceScaling(scale=1.0, mode="fan_avg", distribution="truncated_normal"),
    "he_uniform": iw.VarianceScaling(scale=2.0, distribution="uniform"),
    "he_normal": iw.VarianceScaling(scale=2.0, distribution="truncated_normal"),
}
"""By Keras' names, with its defaults; but a constant of 0.05, since its default, 0, is `zeros`."""

LAYERS = (nn.Linear, nn.modules.conv._ConvNd, nn.LSTM)  # noqa: SLF001 - it is the base class of all convolutions
PLACES = ("first", "middle", "last")


def outcomes(
    mutable: Mutable, model: nn.Module, *, seed: int = 0, operators: Mapping[str, Initializer] = OPERATORS
) -> Iterator[Outcome]:
    """Mutate `model` weight by weight, hold each mutant against its plan, check it, and put the weight back."""
    plan = iw.plan(model, mutable.recipe, seed=seed)
    iw.apply(model, plan)
    measures = _measures(mutable, model, plan)
    before = [_about(measure()) for measure in measures]
    for place, name in zip(PLACES, places(model, plan), strict=True):
        parameter = model.get_parameter(plan[name].path)
        original = parameter.detach().clone()
        for number, operator in enumerate(operators):
            changed = changed_plan(model, plan, name, operators[operator], seed=1000 * seed + number + 1)
            if changed is None:
                continue
            iw.apply(model, changed)
            new = [_about(measure()) - old for measure, old in zip(measures, before, strict=True)]
            parameter.detach().copy_(original)
            required, verified, check = ({about for _, about in found} for found in new)
            mutant = Mutant(mutable.name, place, name, operator)
            yield Outcome(mutant, name in required, name in verified, name in check, bool(check))


def _measures(mutable: Mutable, model: nn.Module, plan: iw.Plan) -> tuple[Callable[[], Report], ...]:
    return (
        lambda: iw.verify(model, plan, exact="required"),
        lambda: iw.verify(model, plan),
        lambda: iw.check(model, mutable.inputs(), mutable.loss),
    )


def _about(report: Report) -> set[tuple[str, str]]:
    """Codes and the parameters that they are about; of packed weights a finding names a block: `weight_ih_l0 [f]`."""
    return {
        (finding.code, finding.parameter.partition(" [")[0])
        for finding in report.findings
        if finding.severity != "info"
    }


def places(model: nn.Module, plan: iw.Plan) -> tuple[str, str, str]:
    """The weights of the first, the middle and the last layer, in the order of registration, that are not tied."""
    rows = {row.path: row for row in plan}
    names = []
    for path, layer in model.named_modules():
        if isinstance(layer, LAYERS) or type(layer).__name__ == "Conv1D":
            own = ("weight_ih_l0", "weight_ih_l1") if isinstance(layer, nn.LSTM) else ("weight",)
            names += [row.name for part in own if (row := rows.get(f"{path}.{part}")) is not None and not row.aliases]
    return names[0], names[len(names) // 2], names[-1]


def changed_plan(model: nn.Module, plan: iw.Plan, name: str, operator: Initializer, *, seed: int) -> iw.Plan | None:
    """A plan of this weight alone, by the operator; None where it does not apply, or where the law stays the same."""
    try:
        changed = iw.plan(model, [iw.rule(iw.Name(name), operator)], seed=seed, only=iw.Name(name))
    except InitwiseError:
        return None
    pairs = zip(plan[name].parts, changed[name].parts, strict=True)
    return None if all(same(old.law, new.law) for old, new in pairs) else changed


def same(old: Law | None, new: Law | None) -> bool:
    """Tell whether two laws are one, by the rule above.

    >>> import torch
    >>> from initwise.initializers import Target
    >>> same(iw.Normal(std=0.05).law(Target((4, 4))), iw.Normal(std=0.0505).law(Target((4, 4))))
    True
    >>> same(iw.Normal(std=0.05).law(Target((4, 4))), iw.Uniform(-0.0866, 0.0866).law(Target((4, 4))))
    False
    """
    if old is None or new is None:
        return False
    ends = zip((old.mean, old.std, *old.support), (new.mean, new.std, *new.support), strict=True)
    if not all(a == b or math.isclose(a, b, rel_tol=MARGIN) for a, b in ends):
        return False
    if {type(each) for each in old.invariants} != {type(each) for each in new.invariants}:
        return False
    if old.cdf is None or new.cdf is None:
        return True
    grid = old.mean + old.std * np.linspace(-4, 4, 801)
    return bool(np.abs(old.cdf(grid) - new.cdf(grid)).max() < APART)


def main() -> None:
    """Mutate all models, print the tables, write them to MUTATIONS.md."""
    text = page(outcome for mutable in MODELS for outcome in outcomes(mutable, make(mutable, seed=0)))
    print(text)
    Path(__file__).with_name("MUTATIONS.md").write_text(text)


if __name__ == "__main__":
    main()
