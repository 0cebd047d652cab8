"""The page: how often the culprit was named rightly, and what was said of each plant and each twin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.culprits._first_run import AT, FIRST_RUN
from benchmarks.culprits.asking import Answer

HEAD = """# Who is to blame

Written by `make bench-culprits`. Three lists of twenty models. Each model has a sensible plan and, in the plant, one
wrong law of the kind that people write: fan_out for fan_in, a gain twice or never, ten times or a tenth of a standard
deviation, N(0, 1), a variance for a standard deviation, a bound for one. Lists and labels were committed before
anything was asked. What a planted layer puts out differs from the twin by more than a factor of 3 in its second moment
(`tests/test_culprits.py` holds this). No plant is one that a norm undoes at once: the path keeps its size there.

- *right*: the first verdict that is not ok blames the parameter that has the wrong law (where one rule drew many, any
  of them); *wrong*: it blames another one, or an operation; *silent*: it blames nobody, or all verdicts are ok
- *twins*: the same model with the right law: any culprit there is a false alarm
- *direction*: of the right ones that give numbers, how many ask for a change the right way (smaller, larger)
- *near*: of these, how many propose a standard deviation within 30 % of the twin's; a plan by hand does not always keep
  the signal to a few percent (GPT-2's 0.02 at width 384 does not), so that a good proposal may lie outside
"""
WAYS = ("right", "wrong", "silent", "failed")


def counts(answers: Sequence[Answer]) -> dict[str, int]:
    """The numbers of one list and one kind."""
    plants = [each for each in answers if not each.twin]
    found = {way: sum(each.verdict == way for each in plants) for way in WAYS}
    twins = [each for each in answers if each.twin]
    found["alarms"] = sum(each.verdict == "alarm" for each in twins)
    found["twins failed"] = sum(each.verdict == "failed" for each in twins)
    found["direction"], found["numbers"] = (
        sum(each.direction is True for each in plants),
        sum(each.direction is not None for each in plants),
    )
    found["near"] = sum(each.near is True for each in plants)
    return found | {"of": len(plants), "twins": len(twins)}


def table(rows: Mapping[tuple[str, str], Mapping[str, int]]) -> Iterator[str]:
    """One line for each list and kind."""
    yield "| list | signals | right | wrong | silent | failed | twins alarmed | twins failed | direction | near |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for (name, kind), row in rows.items():
        plants = f"**{row['right']} of {row['of']}** | {row['wrong']} | {row['silent']} | {row['failed']}"
        twins = f"{row['alarms']} of {row['twins']} | {row['twins failed']}"
        fixes = f"{row['direction']} of {row['numbers']} | {row['near']} of {row['numbers']}"
        yield f"| {name} | {kind} | {plants} | {twins} | {fixes} |"


def summed(lists: Mapping[str, Sequence[Answer]]) -> dict[tuple[str, str], dict[str, int]]:
    """The numbers of each list, predicted and measured."""
    return {
        (name, kind): counts([each for each in answers if each.kind == kind])
        for name, answers in lists.items()
        for kind in dict.fromkeys(each.kind for each in answers)
    }


def page(lists: Mapping[str, Sequence[Answer]], machine: str) -> Iterator[str]:
    """All lines of the page."""
    yield from HEAD.splitlines()
    yield ""
    yield machine
    yield ""
    yield from table(summed(lists))
    yield ""
    yield "## When it was first asked"
    yield ""
    yield from AT.splitlines()
    yield ""
    yield from table(FIRST_RUN)
    for name, answers in lists.items():
        yield ""
        yield f"## The {name} list"
        yield ""
        yield from cases(answers)


def cases(answers: Sequence[Answer]) -> Iterator[str]:
    """One line for each plant."""
    kinds = list(dict.fromkeys(each.kind for each in answers))
    yield f"| model | planted | should become | {' | '.join(f'{kind} | its twin' for kind in kinds)} |"
    yield "|---|---|---|" + "---|---|" * len(kinds)
    by: dict[str, list[Answer]] = {}
    for each in answers:
        by.setdefault(each.plant.name, []).append(each)
    for same in by.values():
        plant = same[0].plant
        labels = ", ".join(f"`{label}`" for label in plant.labels)
        told = " | ".join(cell(each) for each in same)
        yield f"| {plant.name} | {plant.mistake} {labels} | {plant.fix} | {told} |"


def cell(answer: Answer) -> str:
    """What was said: the verdict, whom it blames where that is not right, and the numbers where they are given."""
    if answer.failure:
        return "**failed**: " + answer.failure.splitlines()[0].replace("|", "/")[:160]
    named = answer.named or (answer.others[0] if answer.others else "")
    numbers = (
        f" {answer.found:.3g} to {answer.wanted:.3g}" if answer.found is not None and answer.wanted is not None else ""
    )
    if answer.verdict == "right":
        return f"right{numbers}{'' if answer.direction is not False else ', **the wrong way**'}"
    if answer.verdict == "silent":
        return "**silent**" + (f", later `{named}`" if named else "")
    return "clean" if answer.verdict == "clean" else f"**{answer.verdict}**: `{named.replace('|', '/')}`{numbers}"


def line(answer: Answer) -> str:
    """One line for the terminal."""
    plant = answer.plant
    who = "twin" if answer.twin else "plant"
    text = f"{answer.verdict:<7} {answer.kind:<9} {who:<5} {plant.name:<32} {answer.seconds:6.2f} s"
    told = answer.failure.splitlines()[:1] or [answer.named, answer.fix]
    more = [f"later: {', '.join(answer.others[:6])}"] if answer.others else []
    return "  ".join([text, *filter(None, told), *more])
