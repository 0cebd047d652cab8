"""The statistical tests of a whole model as one family: each parameter, the pools of small ones, and Holm over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from initwise.statistics import holm, moments, sample
from initwise.verification._outcome import Outcome
from initwise.verification._pools import Pool, pools
from initwise.verification._structure import clones, copies, dependence_tests
from initwise.verification._tests import (
    Sampled,
    Test,
    allowed_std,
    distribution_tests,
    is_testable,
    moment_tests,
    rounding,
)
from initwise.verification._units import Unit

LEVEL = 1e-3  # the chance that a rightly drawn model is reported, over all its parameters and tests


def decide(outcomes: Sequence[Outcome], margin: float) -> None:
    """Add the findings and the proofs of those units that only statistics can decide about."""
    open_ones = [outcome for outcome in outcomes if outcome.proof is None]
    for outcome in open_ones:  # one after the other: the products of matrices have threads of their own
        _test(outcome, margin)
    _find_clones(outcomes)
    count = max(1, sum(len(outcome.tests) for outcome in open_ones))
    small = [each for each in open_ones if not _is_large(each, LEVEL / count)]
    together = list(pools([(each.unit, each.sampled) for each in small if each.sampled is not None], margin))
    pooled = [(pool, list(pool.tests(margin))) for pool in together]
    level = _adjust(open_ones, pooled)
    by_unit = {outcome.unit: outcome for outcome in small}
    for outcome in open_ones:
        _conclude(outcome, margin, level, small=outcome.unit in by_unit)
    for pool, tests in pooled:
        _conclude_pool(pool, tests, by_unit, level)


def _test(outcome: Outcome, margin: float) -> None:
    unit, law = outcome.unit, outcome.unit.sampled
    if law is None:
        return
    where, tensors, measured = unit.where, unit.tensors, outcome.moments
    if law is not unit.law:
        where, tensors = f"{where} (nonzero)", [tensor[tensor != 0] for tensor in tensors]
        measured = moments(tensors, law.mean, law.std)
        if not measured.count:
            outcome.proof = "by its law"
            return
    sampled = Sampled(where, law, measured, sample(tensors), unit.dtype, rounding(law, unit.dtype))
    outcome.sampled = sampled
    outcome.tests = [*moment_tests(sampled, margin), *distribution_tests(sampled, margin)]
    if law is unit.law:
        outcome.findings += copies(unit, sampled) if measured.low < measured.high else ()
        outcome.tests += dependence_tests(unit, sampled, margin)


def _find_clones(outcomes: Sequence[Outcome]) -> None:
    """Compare all drawn parameters, those that agree with the plan as well: a copy may be of one of these."""
    known = {outcome.unit: outcome for outcome in outcomes}
    drawn = []
    for outcome in outcomes:
        law = outcome.unit.sampled
        if law is not None and law is outcome.unit.law and outcome.moments.finite and outcome.moments.count:
            drawn.append((outcome.unit, outcome.moments))
    for unit, finding in clones(drawn):
        known[unit].findings.append(finding)


def _adjust(outcomes: Sequence[Outcome], pooled: Sequence[tuple[Pool, list[Test]]]) -> float:
    """Adjust all p-values as one family, and return the level that each test has at first."""
    owners = [(outcome, test) for outcome in outcomes for test in outcome.tests]
    tests = [*(test for _, test in owners), *(test for _, tests in pooled for test in tests)]
    for test, adjusted in zip(tests, holm([test.p for test in tests]), strict=True):
        test.adjusted = adjusted
    return LEVEL / max(1, len(tests))


def _conclude(outcome: Outcome, margin: float, level: float, *, small: bool) -> None:
    copied = any(finding.code.startswith("SYM") for finding in outcome.findings)  # correlations follow from that
    outcome.findings += [test.finding(level) for test in ([] if copied else _failed(outcome.tests))]
    outcome.p = min((test.adjusted for test in outcome.tests), default=None)
    sampled = outcome.sampled
    if sampled is not None and outcome.unit.law is sampled.law:
        outcome.allowed = allowed_std(sampled.law, sampled.moments.count, level, margin, sampled.rounding)
    if outcome.proof is None:
        outcome.proof = "not testable" if small else "by its law"


def _conclude_pool(pool: Pool, tests: Sequence[Test], outcomes: Mapping[Unit, Outcome], level: float) -> None:
    failed = _failed(tests)
    least = min(test.adjusted for test in tests)
    for unit, _ in pool.members:
        member = outcomes[unit]
        member.p = least if member.p is None else min(member.p, least)
        if not failed and pool.is_testable(level):
            member.proof, member.others = "pooled", len(pool.members) - 1
        if unit is pool.worst:
            member.findings += [test.finding(level) for test in failed]


def _failed(tests: Sequence[Test]) -> list[Test]:
    """Return one failed test for each code; where mean or std are off, what follows from that is not told as well."""
    failed = {test.code: test for test in tests if test.adjusted <= LEVEL and test.large}
    moments_off = [test for code, test in failed.items() if code.startswith("INI")]
    return moments_off or list(failed.values())


def _is_large(outcome: Outcome, level: float) -> bool:
    sampled = outcome.sampled
    return sampled is None or is_testable(sampled.law, sampled.moments.count, level)
