"""Partial initialization: which parameters a checkpoint has loaded, and which of their rows; the others are planned."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

from initwise._arguments import nearest, show
from initwise.errors import ArgumentError
from initwise.model import Parameter, Reading, canonical_name, is_parallel
from initwise.planning._checkpoint import Checkpoint, Shape, read_checkpoint

MISSING = "missing"


@dataclass
class Partial:
    """What is not to be drawn, and what was noticed on the way.

    Attributes:
        active: a checkpoint decides what is planned.
        loaded: for each parameter that was loaded, its name and why it is kept.
        old_rows: for parameters that grew along axis 0, the number of rows that are kept.
        problems, notes: sentences.
    """

    active: bool = False
    loaded: dict[str, str] = field(default_factory=dict)
    old_rows: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def partial(reading: Reading, only: Any, checkpoint: Any, old_rows: Any) -> Partial:
    """Return what `only="missing"`, `checkpoint=` and `old_rows=` say about the parameters of a model."""
    result = Partial()
    asked = isinstance(only, str) and only == MISSING
    if checkpoint is not None and not asked:
        result.problems.append(f'checkpoint is given, and only is {show(only)}; write only="missing" beside it')
    elif checkpoint is None and asked and MISSING not in reading and MISSING not in reading.modules:
        result.problems.append(
            'only="missing" needs to know what is there: give checkpoint=, such as the result of '
            "model.load_state_dict(state, strict=False), a state dict, or the path of a safetensors file"
        )
        result.active = True
        result.loaded = dict.fromkeys((parameter.name for parameter in reading.parameters), "not known")
    elif checkpoint is not None:
        result.active = True
        try:
            _Matcher(reading, read_checkpoint(checkpoint), result).match()
        except ArgumentError as error:
            result.problems.append(str(error))
            result.loaded = dict.fromkeys((parameter.name for parameter in reading.parameters), "not known")
    _add_old_rows(reading, old_rows, result)
    return result


def _add_old_rows(reading: Reading, old_rows: Any, result: Partial) -> None:
    if old_rows is None:
        return
    if not isinstance(old_rows, Mapping):
        result.problems.append(f"old_rows is {show(old_rows)}; give a mapping from names to numbers of old rows")
        return
    for name, count in old_rows.items():
        if name not in reading:
            result.problems.append(f"old_rows: the model has no parameter {name!r}{nearest(name, reading.by_name)}")
            continue
        parameter = reading[name]
        rows = parameter.shape[0] if parameter.shape else 0
        if isinstance(count, bool) or not isinstance(count, Integral) or not 0 < int(count) < rows:
            result.problems.append(
                f"old_rows: {name!r} has {rows} rows, of which {show(count)} are said to be old; give an integer above "
                f"0 and below {rows}"
            )
        else:
            result.old_rows[parameter.name] = int(count)
            result.loaded.pop(parameter.name, None)


class _Matcher:
    """Holds the names of a checkpoint against those of a model, both without wrappers."""

    def __init__(self, reading: Reading, checkpoint: Checkpoint, result: Partial) -> None:
        self.reading = reading
        self.checkpoint = checkpoint
        self.result = result
        self.why = f"loaded from {checkpoint.words}"
        self.parallel = is_parallel(reading.model)
        self.places = {parameter.name: self._places(parameter) for parameter in reading.parameters}
        names = {name: name for places in self.places.values() for place in places for name in place}
        self.names = names | {name: name for p in reading.parameters for name in p.names}
        for parameter in reading.parameters:  # a pruned weight is stored under another name than its own
            if not parameter.parametrized:
                self.names.setdefault(self._plain(parameter.path), parameter.name)
        self.buffers = {self._plain(name) for name, _ in reading.model.named_buffers(remove_duplicate=False)}

    def match(self) -> None:
        if self.checkpoint.missing is not None:
            self._by_missing({self._known(name) for name in self.checkpoint.missing})
        else:
            self._by_loaded({self._known(name): shape for name, shape in (self.checkpoint.loaded or {}).items()})
        planned = [p for p in self.reading.parameters if p.name not in self.result.loaded]
        if not planned:
            self.result.notes.append(f"nothing is missing from {self.checkpoint.words}: every parameter is kept")
        frozen = [p.name for p in planned if not p.requires_grad]
        if frozen:
            self.result.notes.append(
                f"missing from {self.checkpoint.words} and frozen, so that only include_frozen=True plans them: "
                f"{_listed(frozen)}"
            )

    def _by_missing(self, missing: set[str]) -> None:
        self.result.problems += [
            f"checkpoint: {name!r} is said to be missing, and the model has no such name{nearest(name, self.names)}"
            for name in sorted(missing)
            if not self._has_place(name)
        ]
        for parameter in self.reading.parameters:
            self._one(parameter, {name for place in self.places[parameter.name] for name in place} - missing)
        if not self.result.loaded and self.checkpoint.unexpected:
            self._nothing_fits(self.checkpoint.unexpected)

    def _by_loaded(self, loaded: dict[str, Shape | None]) -> None:
        strangers = [name for name in loaded if not self._has_place(name)]
        for parameter in self.reading.parameters:
            name = next((name for name in parameter.names if name in loaded), None)
            if name is not None and not parameter.parametrized:
                self._of_shape(parameter, name, loaded[name])
            elif name is not None:  # a plain weight that was loaded before it was parametrized is there too
                self.result.loaded[parameter.name] = self.why
            else:
                self._one(parameter, loaded)
        if not self.result.loaded and not self.result.old_rows and not self.result.problems:
            self._nothing_fits(strangers or list(loaded))
        elif strangers:
            self._renamed(strangers, loaded)

    def _one(self, parameter: Parameter, there: Collection[str]) -> None:
        """Keep a parameter that is there in one of its places; note one of which a part is."""
        places = self.places[parameter.name]
        if any(all(name in there for name in place) for place in places):
            self.result.loaded[parameter.name] = self.why
        elif half := next((place for place in places if any(name in there for name in place)), None):
            has = _listed([name for name in half if name in there])
            lacks = _listed([name for name in half if name not in there])
            self.result.problems.append(
                f"{parameter.name!r}: {self.checkpoint.words} has {has} and lacks {lacks}, from which together it is "
                "computed; load all of them or none"
            )

    def _of_shape(self, parameter: Parameter, name: str, shape: Shape | None) -> None:
        if shape is None or shape == parameter.shape:
            self.result.loaded[parameter.name] = self.why
        elif shape and shape[1:] == parameter.shape[1:] and 0 < shape[0] < parameter.shape[0]:
            self.result.old_rows[parameter.name] = shape[0]
        else:
            self.result.problems.append(
                f"{name!r} has shape {shape} in {self.checkpoint.words} and {parameter.shape} in the model; only more "
                "rows (axis 0) can be added to loaded ones. If it was not loaded, leave it out of checkpoint="
            )

    def _renamed(self, strangers: list[str], loaded: Mapping[str, Shape | None]) -> None:
        """Refuse names that would be those of missing parameters but for a prefix; note the others."""
        missing = [p for p in self.reading.parameters if p.name not in self.result.loaded | self.result.old_rows]
        fits = [
            (stranger, name, words)
            for stranger, name, words in _prefixes(strangers, [p.name for p in missing])
            if loaded[stranger] in (None, self.reading[name].shape)
        ]
        if fits:
            common = Counter(words for _, _, words in fits).most_common(1)[0][0]
            stranger, name = next((stranger, name) for stranger, name, words in fits if words == common)
            self.result.problems.append(
                f"{self.checkpoint.words} has {stranger!r}, which looks like {name!r} here ({len(fits)} such names); "
                f"{common}, or leave them out if they are others"
            )
        else:
            counted = f"{len(strangers)} name{'s' if len(strangers) > 1 else ''}"
            self.result.notes.append(
                f"{self.checkpoint.words} has {counted} that the model has no place for: {_listed(strangers)}"
            )

    def _nothing_fits(self, strangers: Iterable[str]) -> None:
        names = [parameter.name for parameter in self.reading.parameters]
        found = list(strangers)
        words = Counter(words for _, _, words in _prefixes(found, names)).most_common(1)
        advice = words[0][0] if words else "give the checkpoint of this model"
        self.result.problems.append(
            f"no name in {self.checkpoint.words} fits the model: it has {_listed(found, 2)}, and the model has "
            f"{_listed(names, 2)}; {advice}"
        )

    def _has_place(self, name: str) -> bool:
        return name in self.names or name in self.buffers or name.endswith("_extra_state")

    def _plain(self, name: str) -> str:
        return canonical_name(name, parallel=self.parallel)

    def _known(self, name: str) -> str:
        """Return a checkpoint's name as this model's, where the difference is a wrapper or an older weight norm."""
        plain = canonical_name(name)
        owner, _, last = plain.rpartition(".")
        stem, _, half = last.rpartition("_")
        newer = f"{owner}.parametrizations.{stem}.original{'gv'.find(half)}".removeprefix(".")
        candidates = (plain, plain.removeprefix("module."), newer if half in {"g", "v"} else plain)
        return next((self.names[each] for each in candidates if each in self.names), plain)

    def _places(self, parameter: Parameter) -> list[tuple[str, ...]]:
        """Return, for each place where a parameter is registered, the names that a state dict has for it there."""
        if not parameter.parametrized:
            return [(name,) for name in parameter.names]
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for path in map(self._plain, parameter.originals):
            owner, _, last = path.rpartition(".")
            groups[owner if last.startswith("original") else f"{owner}.{last.rpartition('_')[0]}"].append(path)
        return [tuple(group) for group in groups.values()]


def _prefixes(strangers: Iterable[str], names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (name in the checkpoint, name here, what to do) where one is the other behind a prefix."""
    known = set(names)
    ends: defaultdict[str, list[str]] = defaultdict(list)
    for name in known:
        for tail in _tails(name):
            ends[tail].append(name)
    for stranger in strangers:
        for name in ends.get(stranger, ()):
            prefix = name.removesuffix(stranger)
            yield stranger, name, f'add the prefix: checkpoint={{"{prefix}" + name: value for ...}}'
        for tail in _tails(stranger):
            if tail in known:
                prefix = stranger.removesuffix(tail)
                yield (
                    stranger,
                    tail,
                    f'take the prefix off: checkpoint={{name.removeprefix("{prefix}"): value for ...}}',
                )


def _tails(name: str) -> Iterator[str]:
    segments = name.split(".")
    for start in range(1, len(segments)):
        yield ".".join(segments[start:])


def _listed(names: Iterable[str], most: int = 4) -> str:
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(map(repr, listed[:most])) + more
