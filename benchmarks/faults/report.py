"""The page: recall and precision, what was missed, what was said in vain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from benchmarks.faults.scoring import Outcome
from initwise.findings import Finding

HEAD = """# Faults found, and false alarms

Written by `make bench-faults`. Each fault is rebuilt from a maintainers' thread as a small model, beside its mended
twin; labels were frozen before the tools were asked (the commit that added them says so; after the first run one case,
whose thread had been closed as no fault, gave way to another). *Found* asks for an error or a warning that names a
faulty parameter with a code that says the fault. *Noted*: right, but only as a note. *Elsewhere*: an alarm about
something else. Twins, controls (models that look faulty and are right) and stock models must stay silent: any
error or warning there is a false alarm; notes are counted apart. Where a tool was improved on what is listed here, the
same list no longer shows how it does on faults that nobody has looked at: of the first 94 faults 86 were found when
they were first asked for (1 of 94 twins alarmed); of the 60 of `cases/unseen_*`, written later by an author who had
not seen the lints, 45 were found at first, and 2 of 60 twins and 1 of 27 controls alarmed. What they showed was then
mended.

- *recall* = found / faults
- *precision by case* = found / (found + twins, controls and stock models with a false alarm)
- *precision by finding* = right findings / (right + false ones), each as it is told, however many parameters it names
- *per 1,000 parameters* = errors and warnings on stock models, per thousand parameters; one may name many parameters.
  Those of ModernBERT (a padding row that is drawn) and MobileViT (batch norms that are drawn) are true faults of the
  release of transformers named below, and counted as false alarms all the same: their labels were frozen
"""


def share(part: float, whole: float) -> str:
    """A share in percent, or a dash."""
    return f"{part / whole:.1%}" if whole else "-"


def summary(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The numbers that count."""
    by = {part: [each for each in outcomes if each.part == part] for part in ("fault", "twin", "control", "stock")}
    found = sum(each.verdict == "found" for each in by["fault"])
    quiet = [*by["twin"], *by["control"], *by["stock"]]
    alarmed = sum(each.verdict == "alarm" for each in quiet)
    right = sum(len(each.right) for each in by["fault"])
    false = sum(len(each.alarms) for each in quiet)
    beside = sum(len(each.alarms) - len(each.right) for each in by["fault"])
    notes = sum(len(each.findings) - len(each.alarms) for each in quiet)
    named = sum(len(finding.each()) for each in by["stock"] for finding in each.alarms)
    parameters = sum(each.parameters for each in by["stock"])
    yield "| | | |"
    yield "|---|--:|---|"
    yield f"| recall | **{share(found, len(by['fault']))}** | {found} of {len(by['fault'])} faults |"
    precision = share(found, found + alarmed)
    yield f"| precision by case | **{precision}** | {alarmed} of {len(quiet)} right models alarmed |"
    yield (
        f"| precision by finding | **{share(right, right + false)}** | {right} right, {false} false;"
        f" {beside} more on faulty models |"
    )
    if parameters:
        per = 1000 * named / parameters
        told = sum(len(each.alarms) for each in by["stock"])
        yield (
            f"| false alarms per 1,000 parameters | **{1000 * told / parameters:.2f}** | {told} findings on"
            f" {parameters:,} parameters of stock models; they name {named} of them, {per:.2f} per 1,000 |"
        )
    yield f"| notes on right models | {notes} | |"
    failed = sum(each.verdict == "failed" for each in outcomes)
    yield f"| failed | {failed} | of {len(outcomes)} models |"
    for part, name in (("twin", "twins"), ("control", "controls"), ("stock", "stock models")):
        alarms = sum(each.verdict == "alarm" for each in by[part])
        yield f"| {name} alarmed | {alarms} | of {len(by[part])} |"


def families(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Recall by family."""
    counts: dict[str, Counter[str]] = {}
    for each in outcomes:
        if each.part == "fault":
            counts.setdefault(each.case.family, Counter())[each.verdict] += 1
    yield "| family | faults | found | noted | elsewhere | missed | failed | recall |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for family, count in counts.items():
        cells = [count[verdict] for verdict in ("found", "noted", "elsewhere", "missed", "failed")]
        total = count.total()
        yield f"| {family} | {total} | {' | '.join(map(str, cells))} | {share(count['found'], total)} |"


def misses(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Each fault that was not found, what it is, and what was said instead."""
    for each in outcomes:
        if each.part == "fault" and each.verdict != "found":
            case = each.case
            yield f"- **{case.name}** ({case.family}, {case.tool}; {each.verdict}): {case.about} {case.source}"
            yield from _said(each, each.findings)


def alarms(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Each right model that was alarmed, and what was said."""
    for each in outcomes:
        if each.part != "fault" and each.verdict in {"alarm", "failed"}:
            yield f"- **{each.case.name}** ({each.part}, {each.case.tool})"
            yield from _said(each, each.alarms)


def _said(outcome: Outcome, findings: Sequence[Finding]) -> Iterator[str]:
    if outcome.failure:
        yield f"  - failed: {outcome.failure.splitlines()[0][:300]}"
    for finding in findings[:6]:
        more = f" and {len(finding.others)} more" if finding.others else ""
        yield (
            f"  - {finding.severity} {finding.code} `{finding.parameter}`{more}: {finding.message}"
            f" (measured {finding.measured}; expected {finding.expected})"
        )
    if findings[6:]:
        yield f"  - ... and {len(findings) - 6} more"


def every_fault(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """One line a fault."""
    yield "| fault | family | tool | verdict | said |"
    yield "|---|---|---|---|---|"
    for each in outcomes:
        if each.part == "fault":
            said = sorted({finding.code for finding in (each.right or each.alarms)})
            case = each.case
            yield f"| [{case.name}]({case.source}) | {case.family} | {case.tool} | {each.verdict} | {' '.join(said)} |"


def page(outcomes: Sequence[Outcome], machine: str) -> Iterator[str]:
    """The whole page."""
    yield from HEAD.splitlines()
    yield ""
    yield machine
    yield ""
    yield from summary(outcomes)
    for title, lines in (
        ("Recall by family", families(outcomes)),
        ("Not found", misses(outcomes)),
        ("False alarms", alarms(outcomes)),
        ("Every fault", every_fault(outcomes)),
    ):
        yield ""
        yield f"## {title}"
        yield ""
        yield from list(lines) or ["None."]
