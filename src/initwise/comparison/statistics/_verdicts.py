"""Verdicts: each contender better, worse, equivalent or undecided, with one error rate for all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from initwise._arguments import Arguments
from initwise.comparison.statistics._divergence import divergences
from initwise.comparison.statistics._family import TESTS, Test, least_seeds, smallest_p
from initwise.comparison.statistics._judging import Family, loser
from initwise.comparison.statistics._losses import Losses
from initwise.comparison.statistics._paired import paired
from initwise.comparison.statistics._racing import Race
from initwise.comparison.statistics._result import Verdicts
from initwise.comparison.statistics._summaries import interquartile_mean

MARGIN = 0.02  # of the log loss: two per cent of the loss


def verdicts(
    losses: Losses,
    *,
    reference: str | None = None,
    margin: float | None = None,
    alpha: float = 0.05,
    test: Test = "exact",
    race: Race | None = None,
) -> Verdicts:
    """Judge every contender against a reference, so that any of the verdicts is wrong with at most `alpha`.

    Each comparison has two p-values, both held against one level: of no difference (two-sided, divergence scored as the
    worst), and of a difference as large as the margin (two one-sided tests). Whatever the true difference is, all that
    is false to say of it has together at most that level: with a true difference of zero only "better" and "worse" are
    false; with one beyond the margin "equivalent" and the wrong direction, and what leads to the second leads to the
    first (the partitioning principle; Stefansson, Kim, Hsu 1988). So equivalence costs no further alpha. The level is
    alpha over the number of comparisons, or more where some are settled (`Family`): Holm's method where no margin is
    given. benchmarks/comparison holds all of it against simulated truths.

    Args:
        losses: the table.
        reference: who is compared with; None takes the best of the table and pays for that choice: the family is then
            all pairs.
        margin: the difference of mean log losses that does not matter; None takes 0.02, and no equivalence where the
            scale is the identity, since nobody but you knows its unit.
        alpha: the error rate of all verdicts together, those of the race included.
        test: "exact", sign flips: exact for every symmetric law; or "t": decides with fewer seeds if differences are
            normal.
        race: the race that was run; who lost it is worse, and the verdicts get the alpha that it left.

    Raises:
        ArgumentError: an unknown reference or test, a margin that is not positive, alpha outside 0 to 1, or a race with
            another alpha or reference.
    """
    _check(losses, reference, margin, alpha, test, race)
    lost = race.lost(losses) if race else ()
    gone = [each.strategy for each in lost]
    base = _best(losses.without(gone)) if reference is None else reference
    size = MARGIN if margin is None and losses.scale == "log" else margin
    left = race.left if race else alpha
    family = Family(losses, base, size, left, test, named=reference is not None, lost=gone)
    judged = {each.strategy: each for each in family.contenders()}
    judged |= {each.strategy: loser(losses, base, size, test, each) for each in lost}
    return Verdicts(
        reference=base,
        named=reference is not None,
        scale=losses.scale,
        seeds=losses.seeds,
        alpha=alpha,
        margin=size,
        test=test,
        contenders=tuple(judged[name] for name in losses.strategies if name != base),
        divergences=divergences(losses),
        means=tuple(map(interquartile_mean, losses.rows)),
        lost=lost,
        notes=tuple(_notes(family, size, left)),
    )


def _check(
    losses: Losses, reference: str | None, margin: float | None, alpha: float, test: Test, race: Race | None
) -> None:
    if reference is not None:
        losses.row(reference)
    arguments = Arguments("verdicts")
    arguments.choice("test", test, TESTS)
    if margin is not None and arguments.number("margin", margin) <= 0:
        arguments.refuse(f"margin is {margin}, and must be positive; None leaves it to the scale")
    if not 0 < arguments.number("alpha", alpha) < 1:
        arguments.refuse(f"alpha is {alpha}, and must lie between 0 and 1")
    if race and (race.alpha, race.reference) != (alpha, reference):
        found = f"alpha {race.alpha} and reference {race.reference!r}"
        arguments.refuse(f"race was run with {found}, the verdicts have {alpha} and {reference!r}; give both the same")
    if race and race.seeds < losses.seeds:
        arguments.refuse(f"race was planned for {race.seeds} seeds, and {losses.seeds} were run; plan them before it")
    arguments.done()


def _best(losses: Losses) -> str:
    """Return who has the lowest scores against all others together; without divergence, the lowest mean log loss."""

    def total(name: str) -> float:
        rivals = (other for other in losses.strategies if other != name)
        return math.fsum(score for other in rivals for score in paired(losses, name, other).scored)

    return min(losses.strategies, key=total)


def _notes(family: Family, margin: float | None, alpha: float) -> Iterator[str]:
    if family.losses.scale == "identity":
        yield "a loss is zero or negative: differences are plain, not of logarithms"
    if margin is None:
        yield "no margin was given: nothing can be found equivalent"
    seeds = family.losses.seeds
    if family.rivals and smallest_p(seeds, family.test) > family.level:
        least = least_seeds(family.count, alpha, family.test)
        yield f"{seeds} seeds cannot show any difference among {family.count} comparisons; {least} are needed"
    if any(pair.discordant for pair in family.pairs):
        yield "a run that diverged counts as the largest difference seen; the difference is over joint survivors"
