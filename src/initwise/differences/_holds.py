"""A plan and a model: what was asked for each parameter against what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from initwise.differences import _parts
from initwise.differences._match import matched, name_of, names
from initwise.differences._plans import described, fans_words, law_words, only
from initwise.differences._samples import finite, has_values, model_words, sample_of, values_words
from initwise.differences._value import Compared, Difference
from initwise.initializers import Keep
from initwise.model import Parameter, Reading
from initwise.planning import Part, Plan, Row
from initwise.shards import local
from initwise.statistics import Moments, pooled

_FALSE_ALARM = 1e-4  # at most: the chance that any parameter of a rightly drawn model is said to differ


def plan_and_model(plan: Plan, reading: Reading) -> Difference:
    """Compare what a plan asks for (`a`) with what a model holds (`b`)."""
    alpha = _FALSE_ALARM / max(1, 2 * sum(len(row.parts) for row in plan))
    rows = tuple(_compared(row, held, alpha) for row, held in matched(plan.rows, reading.parameters))
    return Difference(described(plan), model_words(reading), rows)


def _compared(row: Row | None, held: Parameter | None, alpha: float) -> Compared:
    if row is None:
        return Compared(held.name, "only in b", held.shape, reason="the plan does not know it")  # type: ignore[union-attr]
    if held is None:
        return only(row, "a")
    law = None if row.kept else row.law
    asked = Compared(
        name_of(row, held),
        "agrees",
        row.shape,
        law_words(row),
        mean_a=law.mean if law else None,
        std_a=law.std if law else None,
        fans=fans_words(row),
    )
    try:
        return _measured(asked, row, held, alpha)
    except Exception as error:  # noqa: BLE001 - a parametrization is any code
        said = f"the weight cannot be computed: {type(error).__name__}: {error}"
        return replace(asked, status="differs", reason=said)


def _measured(asked: Compared, row: Row, held: Parameter, alpha: float) -> Compared:
    if not has_values(held):
        return replace(asked, status="no values", reason="it is on the meta device")
    if tuple(held.shape) != tuple(row.shape):
        said = f"{row.shape} in the plan, {held.shape} in the model"
        return replace(_with_sample(asked, held), status="shape differs", reason=said)
    values = held.values().detach()
    parts = list(_pieces(row, values))
    if not parts:
        nothing = [("kept" if row.kept else "not testable", row.reason)]
        return _told(_with_sample(asked, held), [], nothing, row, held)
    slack = _parts.slack_of(held)
    found = [_parts.measure(part, pieces, alpha, slack) for part, pieces in parts]
    off = _labelled(
        [(part.label, said) for (part, _), each in zip(parts, found, strict=True) for said in each.off], len(parts)
    )
    off += _parts.padding(row, local(values))
    allowed = _labelled([(part.label, each.allowed) for (part, _), each in zip(parts, found, strict=True)], len(parts))
    testable = all(_parts.is_testable(part, slack) for part, _ in parts)
    otherwise = ("agrees", "; ".join(allowed)) if testable else ("not testable", row.reason)
    return _told(_with_moments(asked, [each.moments for each in found], held), off, [otherwise], row, held)


def _labelled(said: list[tuple[str, str]], parts: int) -> list[str]:
    """Return each sentence once, with the blocks that it is about, unless these are all."""
    labels: dict[str, list[str]] = {}
    for label, sentence in said:
        if sentence:
            labels.setdefault(sentence, []).append(label)
    return [each if len(of) == parts else f"{', '.join(of)}: {each}" for each, of in labels.items()]


def _told(found: Compared, off: list[str], otherwise: list[tuple[str, str]], row: Row, held: Parameter) -> Compared:
    said = [("differs", each) for each in off] + list(_others(row, held))
    said = said or otherwise
    return replace(found, status=said[0][0], reason="; ".join(each for _, each in said))


def _pieces(row: Row, values: Tensor) -> Iterator[tuple[Part, list[Tensor]]]:
    """Yield what was drawn, part by part; of a shard, where one law holds everywhere, the values that are here."""
    if local(values) is not values:
        if len(row.parts) == 1 and row.padding is None and not row.kept:
            yield row.parts[0], [local(values)]
        return
    for part in row.parts:
        if not isinstance(part.initializer, Keep):
            yield part, _parts.pieces(values, part, row)


def _with_sample(asked: Compared, held: Parameter) -> Compared:
    sample = sample_of(held)
    words = values_words(sample, constants_only=True)
    return replace(asked, law_b=words, mean_b=finite(sample.mean), std_b=finite(sample.std))


def _with_moments(asked: Compared, measured: list[Moments], held: Parameter) -> Compared:
    """Give mean and std of what was drawn: without padding and kept rows."""
    drawn = [each for each in measured if each.count]
    if not drawn or not all(each.finite for each in drawn):
        return replace(asked, law_b="not finite" if drawn else "empty")
    mean, std = pooled(drawn)
    low, high = min(each.low for each in drawn), max(each.high for each in drawn)
    words = f"{low:.6g} everywhere" if low == high else ""
    return replace(asked, law_b=words, mean_b=mean, std_b=std * (2**0.5 if held.dtype.is_complex else 1.0))


def _others(row: Row, held: Parameter) -> Iterator[tuple[str, str]]:
    if held.dtype != row.dtype:
        yield "dtype differs", f"{row.dtype} in the plan, {held.dtype} in the model".replace("torch.", "")
    if names(row) != names(held) and (row.aliases or held.aliases):
        planned, there = (", ".join(each.aliases) or "nothing" for each in (row, held))
        yield "ties differ", f"tied with {planned} in the plan, with {there} in the model"
