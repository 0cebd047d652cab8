"""The summary of an experiment: which strategy to use, how sure that is, and what could not be shown."""

from __future__ import annotations

from initwise.comparison import Comparison
from initwise.comparison.statistics import Contender
from initwise.pages._facts import Fact
from initwise.pages._words import counted, listed
from initwise.pages.experiment._words import lasting, percent, smaller


def verdict(comparison: Comparison) -> Fact:
    """Return what to do, and on what grounds."""
    found = comparison.verdicts
    if comparison.best != found.reference:
        return _better(comparison)
    if not found.named:
        return _best(comparison)
    words = ("equivalent", "worse", "undecided")
    told = " ".join(f"{_standing(comparison, word)}." for word in words if _names(comparison, word))
    open_ = _names(comparison, "undecided")
    sentence = f"No contender was shown to be better on {comparison.experiment.task.name}. {told}"
    return Fact("Verdict", f"Keep {found.reference}", sentence, "warning" if open_ else "good")


def _better(comparison: Comparison) -> Fact:
    found, best = comparison.verdicts, comparison.best
    said = found.of(best)
    size = smaller(said, found.scale) if said is not None else ""
    sentence = f"It is better than {found.reference} on {comparison.experiment.task.name}{': ' if size else ''}{size}."
    others = [name for name in _names(comparison, "better") if name != best]
    if others:
        they = "is" if len(others) == 1 else "are"
        sentence += (
            f" {listed(others)} {they} better than {found.reference} too; {best} has the lowest loss of them, but they"
            " were not tested against each other."
        )
    return Fact("Verdict", f"Use {best}, at learning rate {comparison.rates[best]:g}", sentence, "good")


def _best(comparison: Comparison) -> Fact:
    """Return the verdict where no reference was named: the others are held against the one with the lowest losses."""
    best, beaten, left = comparison.best, _names(comparison, "worse"), _names(comparison, "undecided")
    close = _names(comparison, "equivalent")
    parts = [f"{listed(beaten)} {_is(beaten)} worse" if beaten else ""]
    parts += [f"{listed(close)} {_is(close)} as good" if close else ""]
    parts += [f"for {listed(left)} no difference could be shown" if left else ""]
    sentence = f"It has the lowest losses on {comparison.experiment.task.name}: {'; '.join(filter(None, parts))}."
    value = f"Use {best}, at learning rate {comparison.rates[best]:g}" if beaten or close else "No winner was shown"
    return Fact("Verdict", value, sentence if beaten or close else f"{best}: {sentence}", "warning" if left else "good")


def facts(comparison: Comparison) -> list[Fact]:
    """Return what else the summary tells."""
    told = [_sure(comparison), _open(comparison), _power(comparison), _diverged(comparison)]
    return [*told, _grid(comparison), _runs(comparison)]


def edges(comparison: Comparison) -> list[str]:
    """Return which strategies chose a learning rate at an end of the grid; those that chose the same stand together."""
    groups: dict[str, list[str]] = {}
    for name, said in comparison.edges.items():
        groups.setdefault(said, []).append(name)
    return [f"{listed(found)}: {said}" for said, found in groups.items()]


def _grid(comparison: Comparison) -> Fact:
    found = edges(comparison)
    grid = comparison.experiment.design.rates
    if len(grid) == 1:
        return Fact("Learning rates", "not tuned", f"every strategy ran at {grid[0]:g}")
    if found:
        return Fact("Learning rates", "at an end of the grid", "; ".join(found), "warning")
    said = f"every strategy has its own of {len(grid)}, from {grid[0]:g} to {grid[-1]:g}; none is at an end"
    return Fact("Learning rates", "inside the grid", said, "good")


def _sure(comparison: Comparison) -> Fact:
    found = comparison.verdicts
    how = "exact sign flips" if found.test == "exact" else "Student's t"
    said = f"all verdicts together; pairs of runs with the same seed and data, {how}"
    return Fact("How sure", f"at most {found.alpha * 100:g} % wrong", said)


def _open(comparison: Comparison) -> Fact:
    left = [each for each in comparison.verdicts.contenders if each.verdict == "undecided"]
    if not left:
        return Fact("What could not be shown", "nothing is open", "every strategy has a verdict", "good")
    said = "; ".join(f"{each.strategy}: {_needs(each)}" for each in left)
    count = f"{len(left)} of {len(comparison.verdicts.contenders)} undecided"
    return Fact("What could not be shown", count, f"{said}. Undecided does not mean equal", "warning")


def _needs(said: Contender) -> str:
    return f"about {said.seeds_needed:,} seeds would decide" if said.seeds_needed else "more seeds would hardly decide"


def _power(comparison: Comparison) -> Fact:
    power = comparison.power
    return Fact(
        "Power, announced before it ran",
        f"{power.power * 100:.0f} %" if power.possible else "none",
        percent(str(power)).replace(f"{power.effect / power.noise:g} noise", "the size of one seed's noise"),
        "plain" if power.possible else "warning",
    )


def _diverged(comparison: Comparison) -> Fact:
    fates = comparison.verdicts.divergences
    count, runs = sum(each.diverged for each in fates), sum(each.runs for each in fates)
    who = [f"{each.strategy} {each.diverged} of {each.runs}" for each in fates if each.diverged]
    said = listed(who) if who else "every run that decides stayed finite"
    return Fact("Diverged", f"{count} of {counted(runs, 'run')}", said, "warning" if count else "good")


def _runs(comparison: Comparison) -> Fact:
    design = comparison.experiment.design
    seconds = sum(each.seconds for each in comparison.outcomes.values())
    tuned = f", {counted(design.tuning_seeds, 'other seed')} to choose learning rates" if design.tuning else ""
    said = f"{counted(design.steps, 'step')} each; {counted(design.seeds, 'seed')} decide{tuned}"
    return Fact("Runs", f"{len(comparison.outcomes):,}", f"{said}; {lasting(seconds)} of work")


def _names(comparison: Comparison, word: str) -> list[str]:
    return [each.strategy for each in comparison.verdicts.contenders if each.verdict == word]


def _standing(comparison: Comparison, word: str) -> str:
    names = _names(comparison, word)
    reference = comparison.verdicts.reference
    if word == "undecided":
        return f"Whether {listed(names)} {'differs' if len(names) == 1 else 'differ'} from it could not be shown"
    than = f"equivalent to {reference}" if word == "equivalent" else f"worse than {reference}"
    return f"{listed(names)} {_is(names)} {than}"


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
