"""What is wrong between rules and model, in sentences that say what to write instead."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from torch import nn

from initwise.model import Parameter, Reading
from initwise.rules import Rule
from initwise.selectors import And, Glob, Name, Not, Or, Regex, Selector, Type, class_name


def unmatched(parameters: Sequence[Parameter], recipes: Sequence[str], *, traced: bool) -> Iterator[str]:
    """Say for each parameter without a rule what to write; names that differ only in numbers stand together."""
    groups: defaultdict[tuple[str, tuple[int, ...]], list[Parameter]] = defaultdict(list)
    for parameter in parameters:
        groups[_unnumbered(parameter.name), parameter.shape].append(parameter)
    for same in groups.values():
        names = [parameter.name for parameter in same]
        owner = same[0].kind
        subject = f"{', '.join(map(repr, names))} (shape {same[0].shape}, of {owner}): no rule matches"
        yield f"{subject}; {_advice(_pattern(names), same[0], recipes, traced=traced)}"


def _advice(pattern: str, parameter: Parameter, recipes: Sequence[str], *, traced: bool) -> str:
    added = f'iw.rule("{pattern}", {_likely(parameter)})'
    keep = f'or iw.rule("{pattern}", iw.Keep()) to leave it'
    advice = f"add a rule such as {added}, {keep}"
    if len(recipes) == 1:
        advice = f'add a rule to the recipe, such as ["{recipes[0]}", {added}], {keep}'
    if traced:  # inputs are there, and do not tell
        return advice
    if _is_raw_matrix(parameter):
        return f"give inputs=, with which a forward pass shows its axes, or declare them: {advice}"
    return f"{advice}; or give inputs=, which show how it is used" if recipes and parameter.usage is None else advice


_BY_ROLE = {
    "rate": "iw.LogOfUniform()",
    "scale": "iw.Ones()",
    "token": "iw.Normal(std=0.02)",
    "position": "iw.Normal(std=0.02)",
    "table": "iw.Normal(std=0.02)",
    "slope": "iw.Constant(0.25)",
    "norm_weight": "iw.Ones()",
    "norm_bias": "iw.Zeros()",
    "bias": "iw.Zeros()",
}


def _likely(parameter: Parameter) -> str:
    """Return what one would try first, as arguments of a rule: by role, and by shape where the role is unknown."""
    if parameter.usage is not None and parameter.usage.neutral is not None:
        return "iw.Zeros()" if parameter.usage.neutral == 0.0 else "iw.Ones()"
    if parameter.role in _BY_ROLE:
        return _BY_ROLE[parameter.role]
    if _is_raw_matrix(parameter):
        return f"iw.LecunNormal(), axes={_example_axes(parameter.ndim)}"
    return "iw.Normal(std=0.02)" if parameter.ndim > 1 else "iw.Zeros()"


def _is_raw_matrix(parameter: Parameter) -> bool:
    """Tell whether neither a pass nor a type says what a parameter's axes are, and it may be a weight by its shape."""
    return parameter.usage is None and parameter.ndim > 1 and all(size > 1 for size in parameter.shape)


def _example_axes(ndim: int) -> str:
    """Return axes as they often are, to be put right: outputs before inputs, stacked along the axes before these."""
    stacked = f", batch={tuple(range(ndim - 2))!r}" if ndim > 2 else ""
    return f"iw.Axes(fan_in=({ndim - 1},), fan_out=({ndim - 2},){stacked})"


def _pattern(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    first, *others = (re.split(r"(\d+)", name) for name in names)
    return "".join(part if all(other[i] == part for other in others) else "*" for i, part in enumerate(first))


def unused(rule: Rule, reading: Reading) -> Iterator[str]:
    """Say what is wrong with a rule that decides about no parameter; nothing if its attributes are there but None."""
    if rule.initializer is not None:
        yield f"{rule!r} matches no parameter{_near_parameter(rule.selector, reading)}"
        return
    selected = _selected(rule, reading)
    if not selected:
        yield f"{rule!r} matches no module{_near_module(rule.selector, reading)}"
    for keyword, _ in rule.keywords if selected else ():
        if not any(_has(rule, keyword, module) for module in selected):
            kinds = ", ".join(sorted({type(module).__name__ for module in selected}))
            attributes = dict.fromkeys(name for module in selected for name in _attributes(module))
            yield (
                f"{rule!r}: no selected module ({kinds}) has a parameter {keyword!r}"
                f"{_did_you_mean(keyword, attributes) or _list_of('their parameters are', attributes)}"
            )


def unselected(argument: str, selector: Selector, reading: Reading) -> Iterator[str]:
    """Say which part of a selector picks no parameter."""
    parts = selector.parts if isinstance(selector, Or) else (selector,)
    for part in parts:
        if not any(part.parameter(parameter) for parameter in reading.parameters):
            yield f"{argument}={part!r} matches no parameter{_near_parameter(part, reading)}"


def _selected(rule: Rule, reading: Reading) -> list[nn.Module]:
    found = []
    for name, module in reading.modules.items():
        with suppress(Exception):  # a predicate may fail on modules without parameters, which concern no rule
            if rule.selector.module(name, module) is not None:
                found.append(module)
    return found


def _has(rule: Rule, keyword: str, module: nn.Module) -> bool:
    fits = any(name == keyword or name.startswith(f"{keyword}_") for name in _attributes(module))
    return fits or hasattr(module, keyword)


def _attributes(module: nn.Module) -> list[str]:
    return [*module._parameters, *getattr(module, "parametrizations", {})]


def _near_parameter(selector: Selector, reading: Reading) -> str:
    names = [name for parameter in reading.parameters for name in parameter.names]
    for leaf in _leaves(selector):
        if isinstance(leaf, Name) and leaf.name in reading.modules:
            return f'; {leaf.name!r} is a module: write iw.rule("{leaf.name}", weight=..., bias=...) or "{leaf.name}.*"'
    return _near(selector, names, reading)


def _near_module(selector: Selector, reading: Reading) -> str:
    for leaf in _leaves(selector):
        if isinstance(leaf, Name) and leaf.name in reading:
            return f'; {leaf.name!r} is a parameter: give one initializer, iw.rule("{leaf.name}", ...), not keywords'
        if isinstance(leaf, (Glob, Regex)) and any(leaf.parameter(parameter) for parameter in reading.parameters):
            return f"; {leaf.pattern!r} matches parameters: give one initializer, or a glob over module names"
    return _near(selector, [name for name in reading.modules if name], reading)


def _near(selector: Selector, names: Iterable[str], reading: Reading) -> str:
    for leaf in _leaves(selector):
        if isinstance(leaf, (Name, Glob, Regex)):
            written = leaf.name if isinstance(leaf, Name) else leaf.pattern.replace("\\", "")
            return _did_you_mean(written, names)
        if isinstance(leaf, Type):
            kinds = {class_name(type(module)): None for module in reading.modules.values()}
            return _did_you_mean(class_name(leaf.kind), kinds) or _list_of("the model has", kinds)
    return ""


def _leaves(selector: Selector) -> Iterator[Selector]:
    if isinstance(selector, (And, Or)):
        for part in selector.parts:
            yield from _leaves(part)
    elif isinstance(selector, Not):
        yield from _leaves(selector.part)
    else:
        yield selector


def _did_you_mean(written: str, names: Iterable[str]) -> str:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        groups[_unnumbered(name)].append(name)
    near = difflib.get_close_matches(_unnumbered(written), groups, 3, 0.5) or _near_by_segment(written, list(groups))
    shown = [_closest(written, groups[match]) for match in near]
    return f"; did you mean {' or '.join(map(repr, shown))}?" if shown else ""


def _closest(written: str, names: Sequence[str]) -> str:
    """Return the name most like what was written, the first of several."""
    matcher = difflib.SequenceMatcher(None, b=written)

    def likeness(name: str) -> float:
        matcher.set_seq1(name)
        return matcher.ratio()

    return max(names, key=likeness)


def _near_by_segment(written: str, names: Sequence[str]) -> list[str]:
    """Return names with a segment like one that was written, for patterns with little else than wildcards."""
    segments = {segment for name in names for segment in name.split(".")}
    near = {
        match for word in re.findall(r"\w+", written) for match in difflib.get_close_matches(word, segments, 1, 0.6)
    }
    return [name for name in names if near & set(name.split("."))][:3]


def _unnumbered(name: str) -> str:
    return re.sub(r"\d+", "0", name)


def _list_of(head: str, names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 6} more" if len(listed) > 6 else ""
    return f"; {head} {', '.join(listed[:6])}{more}" if listed else ""
