"""An attribute stands for the argument of its name only where the constructor's source shows that it is it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from initwise.writing.materialization._faithful import unfaithful

# ruff: noqa: B010 - the constructors below are what users write


class _Module(nn.Module):
    base: Any

    def table(self, base: Any) -> None:
        self.register_buffer("table_of", torch.arange(3) * base)


class AsItIs(_Module):
    def __init__(self, base: float) -> None:
        super().__init__()
        self.table(base)
        self.base = base


class Typed(_Module):
    def __init__(self, base: float) -> None:
        super().__init__()
        self._base: float = base
        self.table(base)


class InATuple(_Module):
    def __init__(self, other: int, base: float) -> None:
        super().__init__()
        self.other, self.base = other, base


class WithADefault(_Module):
    def __init__(self, base: float | None = None) -> None:
        super().__init__()
        if base is None:
            base = 1e4
        elif base < 0:
            raise ValueError
        self.base = base
        self.table(base)


class ChangedAndUsedChanged(_Module):
    def __init__(self, base: float) -> None:
        super().__init__()
        self.base = int(base)
        self.table(self.base)


class HandedOn(AsItIs):
    def __init__(self, base: float) -> None:
        super().__init__(base)


class HandedOnByName(WithADefault):
    def __init__(self, base: float) -> None:
        super().__init__(base=base)


class Inherited(AsItIs):
    pass


class NoConstructor(nn.Conv2d):
    pass


@dataclass(eq=False)
class Generated(_Module):
    base: float

    def __post_init__(self) -> None:
        super().__init__()


@pytest.mark.parametrize(
    "kind",
    [
        AsItIs,
        Typed,
        InATuple,
        WithADefault,
        ChangedAndUsedChanged,
        HandedOn,
        HandedOnByName,
        Inherited,
        NoConstructor,
        Generated,
    ],
)
def test_an_argument_that_is_kept_as_it_was_used_is_known(kind: type) -> None:
    assert unfaithful(kind, "base") == ""


class ChangedAndUsedBefore(_Module):
    def __init__(self, base: float) -> None:
        super().__init__()
        self.base = int(base)
        self.table(base)


class UsedBeforeItsDefault(_Module):
    def __init__(self, base: float | None) -> None:
        super().__init__()
        self.table(base or 7)
        base = base or 1e4
        self.base = base


class MoreThanADefault(_Module):
    def __init__(self, base: float | None) -> None:
        super().__init__()
        factor = 1.0
        if base is None:
            base = 1e4
            factor = 2.0
        self.base = base
        self.table(factor)


class TwoAtOnce(_Module):
    def __init__(self, base: float | None) -> None:
        super().__init__()
        base, factor = (1e4, 2.0) if base is None else (base, 1.0)
        self.base = base
        self.table(factor)


class ChangedWithAnother(_Module):
    def __init__(self, base: float) -> None:
        super().__init__()
        self.base, self.factor = int(base), base * 2
        self.table(self.factor)


class KeptTwice(_Module):
    def __init__(self, base: float) -> None:
        super().__init__()
        self.base = base
        self.table(base)
        self.base = 3


class ThroughALoop(_Module):
    def __init__(self, base: float) -> None:
        super().__init__()
        self.table(base)
        for base in (1.0, 2.0):  # noqa: PLR1704 - as bad as it can be
            self.base = base


class HandedOnAndUsed(AsItIs):
    def __init__(self, base: float) -> None:
        super().__init__(base)
        self.table(base)


class HandedOnChanged(AsItIs):
    def __init__(self, base: float) -> None:
        super().__init__(int(base))


class HandedOnAsAnother(InATuple):
    def __init__(self, base: Any) -> None:
        super().__init__(base, 3.0)


class KeptByAMethod(_Module):
    def __init__(self, base: float) -> None:
        super().__init__()
        self.keep(base)

    def keep(self, base: float) -> None:
        self.base = int(base)
        self.table(base)


class ChangedByAMethod(AsItIs):
    def reset(self) -> None:
        self.base = 3


class KeptUnseen(_Module):
    def __init__(self, base: float) -> None:
        super().__init__()
        setattr(self, "base", int(base))
        self.table(base)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (ChangedAndUsedBefore, "keeps another 'base' than it was given, and uses what it was given too"),
        (UsedBeforeItsDefault, "keeps another 'base' than it was given"),
        (MoreThanADefault, "keeps another 'base' than it was given"),
        (TwoAtOnce, "keeps another 'base' than it was given"),
        (ChangedWithAnother, "keeps another 'base' than it was given"),
        (KeptTwice, "keeps another 'base' than it was given"),
        (ThroughALoop, "keeps another 'base' than it was given"),
        (HandedOnAndUsed, "does not keep argument 'base' itself"),
        (HandedOnChanged, "does not keep argument 'base' itself"),
        (HandedOnAsAnother, "does not keep argument 'base' itself"),
        (KeptByAMethod, "KeptByAMethod.keep writes into 'base'"),
        (ChangedByAMethod, "ChangedByAMethod.reset writes into 'base'"),
        (KeptUnseen, "does not keep argument 'base' itself"),
    ],
)
def test_an_argument_that_may_have_been_another_is_told(kind: type, said: str) -> None:
    assert said in unfaithful(kind, "base")


def test_a_constructor_without_source_is_told() -> None:
    names: dict[str, Any] = {"nn": nn}
    exec("class Typed(nn.Module):\n    def __init__(self, base):\n        self.base = base\n", names)  # noqa: S102
    assert "the source of Typed.__init__ is not at hand" in unfaithful(names["Typed"], "base")
