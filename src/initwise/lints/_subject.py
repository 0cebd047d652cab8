"""What a lint looks at: a model as it was read, and what a measured pass showed where there are inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from initwise.findings import Finding
from initwise.model import Reading
from initwise.signals import Probe


@dataclass(frozen=True, eq=False)
class Subject:
    """A model under `check`.

    Attributes:
        reading: its parameters and how each is used; `reading.roles` has the traced graph where one could be made.
        probe: one real forward and backward pass; None where no inputs were given.
    """

    reading: Reading
    probe: Probe | None = None


Lint = Callable[[Subject], Iterator[Finding]]
