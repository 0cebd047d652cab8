"""Every error that initwise raises on purpose: a class for each situation, all under `InitwiseError`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class InitwiseError(Exception):
    """The base of all errors that initwise raises on purpose."""


class ArgumentError(InitwiseError, ValueError):
    """An argument has a value that is not allowed."""


class ArgumentTypeError(ArgumentError, TypeError):
    """An argument has a type that is not allowed."""


class FanError(ArgumentError):
    """The fans of a weight are needed and cannot be known: its axes must be declared."""


class NotSupportedError(InitwiseError, NotImplementedError):
    """What was asked for is meaningful, but this version cannot do it."""


class ProblemsError(InitwiseError):
    """Several problems, found in one pass and told all together.

    `operation` says what was tried; `problems` holds one sentence for each problem.
    """

    def __init__(self, operation: str, problems: Sequence[str]) -> None:
        self.operation = operation
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{operation}: {count} problem{'s' if count != 1 else ''}"
        super().__init__("\n".join([head, *(f"  - {problem}" for problem in self.problems)]))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.operation, self.problems)


class PlanError(ProblemsError, ValueError):
    """Rules and model do not make a plan; nothing was changed."""


class ApplyError(ProblemsError, RuntimeError):
    """A plan cannot be applied to this model; no weight was changed."""


class WriteError(ProblemsError, RuntimeError):
    """Weights cannot be written to files; what was not whole is not there, and nothing else was touched."""


class DigestError(ProblemsError, ValueError):
    """What shall be digested has no one digest: it cannot be read, misses parts, or its replicas differ."""


class SchemaError(ProblemsError, ValueError):
    """A plan or a rule file does not follow its schema, or is of another version."""


class TargetError(InitwiseError, ValueError):
    """A command-line target, path or option is wrong."""


class VerificationError(InitwiseError):
    """The weights are not what the plan asked for. The `report` says where."""

    def __init__(self, message: str, report: Any) -> None:
        super().__init__(message)
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.report)
