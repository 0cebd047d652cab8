"""Which rule decides about which parameter: the most specific one, and what is wrong where there is none or two."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from initwise.errors import InitwiseError
from initwise.model import Parameter, Reading
from initwise.rules import Match, Rule
from initwise.selectors import Name


@dataclass(frozen=True)
class Choice:
    """The rule that decides about a parameter, and how it matched."""

    rule: Rule
    match: Match


@dataclass(frozen=True)
class Resolution:
    """For each parameter name its choice (None where no rule matches), and what went wrong on the way.

    `used` counts the parameters that each rule matched, by its position; `won` those that it decided; `broken` are the
    rules whose predicate raised.
    """

    choices: dict[str, Choice | None]
    used: Counter[int]
    won: Counter[int]
    broken: frozenset[int]
    problems: tuple[str, ...]


def resolve(reading: Reading, rules: Sequence[Rule]) -> Resolution:
    """Ask every rule about every parameter and keep the most specific answer; exact names are looked up."""
    search = _Search(rules)
    choices: dict[str, Choice | None] = {}
    for parameter in reading.parameters:
        choices[parameter.name] = search.choose(parameter)
    return Resolution(choices, search.used, search.won, frozenset(search.failures), tuple(search.problems()))


class _Search:
    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.used: Counter[int] = Counter()
        self.won: Counter[int] = Counter()
        self._exact: defaultdict[str, list[int]] = defaultdict(list)
        self._general: list[int] = []
        self._conflicts: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
        self.failures: dict[int, str] = {}
        for index, rule in enumerate(rules):
            if isinstance(rule.selector, Name) and rule.initializer is not None:
                self._exact[rule.selector.name].append(index)
            else:
                self._general.append(index)

    def choose(self, parameter: Parameter) -> Choice | None:
        found = [(index, match) for index in self._candidates(parameter) if (match := self._ask(index, parameter))]
        self.used.update(index for index, _ in found)
        if not found:
            return None
        best = max(self._rank(index, match) for index, match in found)
        equal = [(index, match) for index, match in found if self._rank(index, match) == best]
        first, *others = sorted(equal, key=lambda entry: (entry[1].owner, entry[0]))
        for index, match in others:
            if not self._compatible(first, (index, match), parameter):
                self._conflicts[first[0], index].append(parameter.name)
        self._check_owners(first[0], parameter)
        self.won[first[0]] += 1
        return Choice(self.rules[first[0]], first[1])

    def problems(self) -> Iterator[str]:
        yield from self.failures.values()
        yield from _duplicates(self.rules)
        recipes: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for (first, second), names in self._conflicts.items():
            one, other = self.rules[first], self.rules[second]
            if first == second:
                yield (
                    f"{one!r} says different things about {_listed(names)}, tied between modules that it selects "
                    "equally specifically; add a rule with the exact name"
                )
            elif one.origin and other.origin:
                recipes[one.origin, other.origin] += names
            elif one != other:
                yield (
                    f"{one!r} and {other!r} are equally specific for {_listed(names)}; make one more specific "
                    "(exact name, then glob, then type, then predicate) or remove it"
                )
        for (one_name, other_name), names in recipes.items():
            yield f"the recipes {one_name!r} and {other_name!r} both decide about {_listed(names)}; use one recipe"

    def _candidates(self, parameter: Parameter) -> list[int]:
        if not self._exact:
            return self._general
        names = dict.fromkeys((*parameter.names, parameter.path, *parameter.originals))
        return sorted({index for name in names for index in self._exact.get(name, ())}) + self._general

    def _ask(self, index: int, parameter: Parameter) -> Match | None:
        try:
            return self.rules[index].match(parameter)
        except InitwiseError:
            raise
        except Exception as error:  # noqa: BLE001 - a user's predicate may raise anything; it is reported with its rule
            said = f"{self.rules[index]!r}: its predicate raised {type(error).__name__} for {parameter.name!r}: {error}"
            self.failures.setdefault(index, said)
            return None

    def _rank(self, index: int, match: Match) -> tuple[bool, tuple[int, int]]:
        return not self.rules[index].origin, match.specificity  # a rule of yours before any of a recipe

    def _compatible(self, one: tuple[int, Match], other: tuple[int, Match], parameter: Parameter) -> bool:
        """Of a tied parameter, several rules may say the same thing; between a recipe's, the first owner's holds."""
        if len(parameter.owners) == 1:
            return False
        first, second = self.rules[one[0]], self.rules[other[0]]
        if first.origin and first.origin == second.origin and one[1].owner != other[1].owner:
            return True
        return one[1].initializer == other[1].initializer and first.axes == second.axes and first != second

    def _check_owners(self, index: int, parameter: Parameter) -> None:
        if len(parameter.owners) > 1 and not self.rules[index].origin:
            said = {match.initializer for match in self.rules[index].ties(parameter)}
            if len(said) > 1:
                self._conflicts[index, index].append(parameter.name)


def _duplicates(rules: Sequence[Rule]) -> Iterator[str]:
    counts = Counter(rule for rule in rules)
    for rule, count in counts.items():
        if count > 1:
            yield f"{rule!r} is given {'twice' if count == 2 else f'{count} times'}; keep one"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:4]))
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown
