"""The page: one line a model with the four numbers, then where and by how much each fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.auto.measuring import GROWTH, HIGH, LOSS, LOW, SHARE, SPREAD, Result
from benchmarks.auto.models import Case

WORST = 6  # names shown for each failure
GOALS = ("outputs", "streams", "loss", "gradients")
HEAD = f"""# What `{{recipe}}` keeps at initialization

Written by `make bench-auto`. Each model is initialized, then runs forward and backward once on random inputs (batch
norms in training mode, no dropout) with random classes. Measured on the operations themselves:

- *outputs*: the share of weights' operations, output layers counted in and writers into residual streams left out,
  whose output has a second moment in [{LOW:g}, {HIGH:g}]; at least {SHARE:.0%}. An output layer whose logits are small
  enough for the loss lies outside, so a model of fewer than ten operations misses this goal; *hidden* leaves it out.
- *streams*: the growth of a residual stream's second moment from its start to its highest, the worst one; below e.
- *loss*: cross entropy minus ln C, its mean over all choices of classes; at most {LOSS:g} either way.
- *gradients*: the second moment of the gradient with respect to the operation's output, summed over positions: largest
  over smallest among layers of one role (name without numbers, shapes of output and kernel, whether it writes into a
  stream), the worst; below {SPREAD:g}.

A number in bold misses its goal. Models in italics are those that `auto` was first written with. Failures of the others
were then mended too, so this list no longer shows how `auto` does on models that nobody has looked at. One seed is
measured; models near a bound pass with one seed and fail with another.
"""

Line = tuple[Case, Result]


def table_head() -> Iterator[str]:
    """The table's head."""
    yield "| model | outputs | of | hidden | streams | loss - ln C | gradients | seconds | |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|---|"


def line(case: Case, result: Result) -> str:
    """One model."""
    name = f"*{case.name}*" if case.known else case.name
    if result.cause:
        return f"| {name} | | | | | | | {result.seconds:.1f} | **failed** |"
    passed = result.passed()
    numbers = {
        "outputs": f"{result.share:.0%}",
        "streams": _number(result.growth, ".2f"),
        "loss": _number(result.excess, "+.3f"),
        "gradients": _number(result.spread, ".1f"),
    }
    cells = [numbers[goal] if passed[goal] else f"**{numbers[goal]}**" for goal in GOALS]
    met = "pass" if all(passed.values()) else "fail"
    return (
        f"| {name} | {cells[0]} | {len(result.counted)} | {result.hidden:.0%} | "
        + " | ".join([*cells[1:], f"{result.seconds:.1f}", met])
        + " |"
    )


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def failures(case: Case, result: Result) -> Iterator[str]:
    """The worst offenders of a model, goal by goal."""
    if result.cause:
        yield f"- {case.name}: {result.cause}"
        return
    passed = result.passed()
    if not passed["outputs"]:
        yield f"- {case.name}, outputs {result.share:.0%} of {len(result.counted)}: {_outputs(result)}"
    if not passed["streams"]:
        yield f"- {case.name}, streams: {_streams(result)}"
    if not passed["loss"]:
        yield f"- {case.name}, loss: {result.excess:+.3f} with {result.classes} classes{_logits(result)}"
    if not passed["gradients"]:
        yield f"- {case.name}, gradients: {_gradients(result)}"
    if result.unseen:
        yield f"- {case.name}, not measured: {_some(result.unseen)}"


def _outputs(result: Result) -> str:
    """The layers outside of the bounds, those of one role together."""
    missed: dict[str, list[tuple[str, float]]] = {}
    for weight in result.counted:
        if not weight.kept:
            missed.setdefault(f"{weight.role[0]} {weight.kind}".strip(), []).append((weight.name, weight.square))
    return _some([_range(role, layers) for role, layers in missed.items()])


def _range(role: str, layers: Sequence[tuple[str, float]]) -> str:
    if len(layers) == 1:
        return f"`{layers[0][0]}` {layers[0][1]:.3g}"
    squares = [square for _, square in layers]
    return f"{len(layers)} of `{role}` {min(squares):.3g} to {max(squares):.3g}"


def _streams(result: Result) -> str:
    grown = sorted((each for each in result.streams if each.growth >= GROWTH), key=lambda each: -each.growth)
    return _some([f"`{each.name}` {each.start:.3g} to {max(each.levels):.3g} in {len(each.levels)}" for each in grown])


def _logits(result: Result) -> str:
    return "".join(f", `{each.name}` makes {each.square:.3g}" for each in result.weights if each.kind == "output")


def _gradients(result: Result) -> str:
    wide = sorted((each for each in result.spreads if each.ratio >= SPREAD), key=lambda each: -each.ratio)
    return _some(
        [
            f"{each.ratio:.3g}x of `{each.role}`: `{each.layers[0][0]}` {each.layers[0][1]:.2g}, "
            f"`{each.layers[-1][0]}` {each.layers[-1][1]:.2g}"
            for each in wide
        ]
    )


def _some(parts: Sequence[str]) -> str:
    more = f"; and {len(parts) - WORST} more" if len(parts) > WORST else ""
    return "; ".join(parts[:WORST]) + more


def summary(lines: Sequence[Line]) -> Iterator[str]:
    """How many meet each goal, of those developed with and of the others."""
    yield "| | models | " + " | ".join(GOALS) + " | all four | all four, outputs of hidden layers |"
    yield "|---|--:|" + "--:|" * (len(GOALS) + 2)
    for what, known in (("developed with", True), ("not developed with", False)):
        those = [result for case, result in lines if case.known is known]
        passed = [result.passed() for result in those]
        met = [str(sum(each[goal] for each in passed)) for goal in GOALS]
        four = sum(all(each.values()) for each in passed)
        hidden = sum(all(each.passed(hidden=True).values()) for each in those)
        yield f"| {what} | {len(those)} | " + " | ".join([*met, str(four), str(hidden)]) + " |"
