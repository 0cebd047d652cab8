"""Two plans: law by law, and what else they decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from initwise.differences._laws import same_law
from initwise.differences._match import matched, name_of, names
from initwise.differences._value import Compared, Difference
from initwise.initializers import Law, NewRows
from initwise.planning import Part, Plan, Row

_SHOWN = 3


def plans(a: Plan, b: Plan) -> Difference:
    """Compare two plans, of one model or of two."""
    pairs = list(matched(a.rows, b.rows))
    rows = tuple(_compared(one, other) for one, other in pairs)
    return Difference(described(a), described(b), rows, tuple(_notes(a, b, pairs)))


def described(plan: Plan) -> str:
    """Return a plan in words."""
    recipe = f", recipe {plan.recipe}" if plan.recipe else ""
    plural = "" if len(plan) == 1 else "s"
    return f"plan of {len(plan):,} parameter{plural}, seed {plan.seed}{recipe}, digest {plan.digest()[:16]}"


def law_words(row: Row) -> str:
    """Return the law of a row as tables show it."""
    if row.kept:
        return "kept"
    return row.law.describe() if row.law is not None else repr(row.initializer)


def fans_words(row: Row) -> str:
    """Return the fans of a row as tables show them."""
    known = row.fan_in is not None and row.fan_out is not None
    return f"{row.fan_in:g} -> {row.fan_out:g}" if known else ""


def only(row: Row, side: str) -> Compared:
    """Return the comparison of a row that only one side has."""
    law: Law | None = None if row.kept else row.law
    mean, std = (law.mean, law.std) if law is not None else (None, None)
    words = law_words(row)
    found = Compared(
        row.name, "only in a", row.shape, words, mean_a=mean, std_a=std, fans=fans_words(row), reason=row.reason
    )
    return found if side == "a" else found.turned()


def _compared(a: Row | None, b: Row | None) -> Compared:
    if a is None or b is None:
        return only(a, "a") if a is not None else only(b, "b")  # type: ignore[arg-type]
    found = list(_differences(a, b))
    one, other = (None if row.kept else row.law for row in (a, b))
    return Compared(
        name=name_of(a, b),
        status=found[0][0] if found else "same",
        shape=a.shape,
        law_a=law_words(a),
        law_b=law_words(b),
        mean_a=one.mean if one else None,
        mean_b=other.mean if other else None,
        std_a=one.std if one else None,
        std_b=other.std if other else None,
        fans="; ".join(dict.fromkeys(fans for fans in (fans_words(a), fans_words(b)) if fans)),
        reason="; ".join(said for _, said in found) if found else a.reason,
    )


def _differences(a: Row, b: Row) -> Iterator[tuple[str, str]]:
    """Yield a status and a sentence for each difference, the gravest first."""
    if a.shape != b.shape:
        yield "shape differs", f"{_shape(a)} in a, {_shape(b)} in b"
    if a.kept != b.kept:
        yield "kept in a" if a.kept else "kept in b", _reasons(a, b)
    elif not a.kept:
        yield from _laws(a, b)
    if _old_rows(a) != _old_rows(b):
        yield "kept rows differ", f"{_old_rows(a)} rows are kept in a, {_old_rows(b)} in b"
    if _padding(a) != _padding(b):
        yield "padding differs", f"padding row {_row(a)} in a, {_row(b)} in b"
    if a.dtype != b.dtype:
        yield "dtype differs", f"{a.dtype} in a, {b.dtype} in b".replace("torch.", "")
    if names(a) != names(b) and not (a.name != b.name and not a.aliases and not b.aliases):
        yield "ties differ", f"tied with {_listed(a)} in a, with {_listed(b)} in b"


def _laws(a: Row, b: Row) -> Iterator[tuple[str, str]]:
    if a.initializer == b.initializer and a.law is None and b.law is None:
        return
    overall = same_law(a.law, b.law)
    grown = _old_rows(a) or _old_rows(b)  # the law is that of the new rows, however many these are
    if not (overall if grown else _same_parts(a.parts, b.parts)):
        yield ("blocks differ", _blocks(a, b)) if overall else ("law differs", _reasons(a, b))


def _same_parts(a: tuple[Part, ...], b: tuple[Part, ...]) -> bool:
    """Tell whether every element has one law; blocks do not matter where all of them are drawn by one."""
    if _uniform(a) and _uniform(b):
        return same_law(a[0].law, b[0].law)
    places = [[(part.axis, part.start, part.stop) for part in side] for side in (a, b)]
    pairs = zip(a, b, strict=False)
    return places[0] == places[1] and all(
        same_law(one.law, other.law) or one.initializer == other.initializer for one, other in pairs
    )


def _uniform(parts: tuple[Part, ...]) -> bool:
    first = parts[0].law
    independent = len(parts) == 1 or (first is not None and (first.iid or first.std == 0))
    return first is not None and independent and all(part.law == first for part in parts)


def _reasons(a: Row, b: Row) -> str:
    return a.reason if a.reason == b.reason else f"a: {a.reason or a.rule}; b: {b.reason or b.rule}"


def _blocks(a: Row, b: Row) -> str:
    one, other = (" ".join(row.blocks.names) if row.blocks is not None else "none" for row in (a, b))
    return f"blocks {one} in a, {other} in b"


def _old_rows(row: Row) -> int:
    return row.initializer.after if isinstance(row.initializer, NewRows) else 0


def _padding(row: Row) -> int | None:
    return None if row.padding is None else row.padding % row.shape[0]


def _row(row: Row) -> str:
    return "none" if row.padding is None else str(row.padding)


def _shape(row: Row) -> str:
    return " x ".join(map(str, row.shape)) or "scalar"


def _listed(row: Row) -> str:
    return ", ".join(row.aliases) or "nothing"


def _notes(a: Plan, b: Plan, pairs: list[tuple[Row | None, Row | None]]) -> Iterator[str]:
    if a.seed != b.seed:
        yield f"other numbers: seed {a.seed} in a, seed {b.seed} in b"
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    renamed = [(one, other) for one, other in both if one.canonical != other.canonical]
    if renamed:
        shown = ", ".join(f"{one.canonical} in a is {other.canonical} in b" for one, other in renamed[:_SHOWN])
        yield f"other numbers, drawn under other names: {shown}{_more(renamed)}"
    yield from _multipliers(a, b)
    for side, one, other in (("a", a, b), ("b", b, a)):
        yield from (f"noted only in {side}: {note}" for note in one.notes if note not in other.notes)


def _multipliers(a: Plan, b: Plan) -> Iterator[str]:
    one, other = ({(each.target, each.kind): each.value for each in plan.multipliers} for plan in (a, b))
    off = [key for key in dict.fromkeys((*one, *other)) if one.get(key) != other.get(key)]
    if off:
        shown = ", ".join(
            f"{kind} of {target or 'the model'} {_factor(one.get((target, kind)))} in a, "
            f"{_factor(other.get((target, kind)))} in b"
            for target, kind in off[:_SHOWN]
        )
        yield f"multipliers differ: {shown}{_more(off)}"


def _factor(value: float | None) -> str:
    return "none" if value is None else f"x{value:g}"


def _more(items: Sequence[object]) -> str:
    return f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
