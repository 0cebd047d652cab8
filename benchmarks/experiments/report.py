"""The page: what was run, how long it took, and what was found."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.experiments.twins import Told
from benchmarks.experiments.whole import WORKERS, Found
from initwise.comparison.statistics import clopper_pearson

AT_MOST = 180.0  # seconds that a whole experiment may take on two cores
HEAD = f"""# Whole experiments on the built-in tasks

Written by `make bench-experiments`. Each experiment is one command, from nothing, with {WORKERS} workers of one thread;
its time is that of the whole process, imports and all, and should be under {AT_MOST:.0f} s on two cores.
"""
ALL = """
## All of them

| experiment | time | under 3 min | runs | as expected |
|---|--:|---|--:|---|
"""
TWINS = """
## One strategy twice

`digits-mlp`, Kaiming's law against itself, drawn from two parts of the stream: 40 steps, 8 seeds. Each repetition has
weights and an order of the data that no other has. To call the two different is wrong, and may happen in one of
twenty experiments; the interval is that of Clopper and Pearson for the rate.

Where each twin tunes its own learning rate, the two may end at different rates, and then they are no twins any more:
that counts as wrong here all the same. The last columns tell how often that was so, and how often of these the two
were called different.

| setting | experiments | equivalent | undecided | different | rate, 95 % interval | time | two rates | different |
|---|--:|--:|--:|--:|--:|--:|--:|--:|
"""


def experiment(found: Found) -> Iterator[str]:
    """One experiment: its command, and a row for each strategy."""
    case, result = found.case, found.result
    yield from ("", f"## {case.title}", "", f"    initwise {' '.join(case.words)}", "")
    yield f"{found.seconds:.0f} s, {len(result['runs'])} runs of {result['experiment']['steps']} steps."
    yield from ("", "| strategy | verdict | learning rate | median loss | diverged | lower on | grounds |")
    yield "|---|---|--:|--:|--:|--:|---|"
    fates = {each["strategy"]: each for each in result["verdicts"]["divergences"]}
    for name in case.strategies:
        said = found.verdicts.get(name)
        rate, fate = result["learning_rates"][name], fates[name]
        verdict = "reference" if said is None else _marked(said["verdict"], case.expected.get(name))
        wins = "" if said is None else f"{said['improvement']['value']:.0%}"
        cells = [name, verdict, f"{rate:g}", _median(found, name), f"{fate['diverged']} of {fate['runs']}", wins]
        yield f"| {' | '.join([*cells, '' if said is None else said['reason']])} |"


def summary(found: Found) -> str:
    """One row for each experiment."""
    fast = "yes" if found.seconds < AT_MOST else "**no**"
    right = "yes" if found.as_expected else "**no**"
    title = f"{found.case.task}: {found.case.title}"
    return f"| {title} | {found.seconds:.0f} s | {fast} | {len(found.result['runs'])} | {right} |"


def twins(found: Told) -> str:
    """One row for each setting of the twins."""
    count = sum(found.verdicts.values())
    low, high = clopper_pearson(found.different, count)
    rate = f"{found.different / count:.0%} ({low:.0%} to {high:.0%})"
    said = [found.verdicts[name] for name in ("equivalent", "undecided")]
    row = [found.setting, count, *said, found.different, rate, f"{found.seconds:.0f} s", found.apart]
    return f"| {' | '.join(map(str, [*row, found.different_apart]))} |"


def _marked(verdict: str, expected: str | None) -> str:
    if expected is None:
        return verdict
    return f"**{verdict}**" if verdict == expected else f"**{verdict}** ({expected} was expected)"


def _median(found: Found, name: str) -> str:
    rate = found.result["learning_rates"][name]
    runs = [each for each in found.result["runs"] if (each["cell"]["strategy"], each["cell"]["rate"]) == (name, rate)]
    decided = [each for each in runs if each["cell"]["seed"] < found.result["experiment"]["seeds"]]
    losses = sorted(each["validation"] for each in decided if not each["diverged"])
    return f"{losses[len(losses) // 2]:.4g}" if losses else "-"
