"""What a lint looks at: a model as it was read, and what a measured pass showed where there are inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from initwise.findings import Finding
from initwise.model import Graph, Parameter, Reading
from initwise.provenance import Log
from initwise.shards import local
from initwise.signals import Culprit, Probe, culprits, probed
from initwise.statistics import Sample


@dataclass(frozen=True, eq=False)
class Subject:
    """A model under `check`.

    Attributes:
        reading: its parameters and how each is used; `reading.roles` has the traced graph where one could be made.
        probe: one real forward and backward pass; None where no inputs were given.
        log: who wrote which parameter while the model was made; None where nobody recorded it.
        notes: remarks of lints that are no findings; the report shows them.
    """

    reading: Reading
    probe: Probe | None = None
    log: Log | None = None
    notes: list[str] = field(default_factory=list)
    _samples: dict[str, Sample] = field(default_factory=dict, repr=False)

    @property
    def graph(self) -> Graph | None:
        """The traced graph, or None."""
        return self.reading.roles.graph if self.reading.roles is not None else None

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that have values: not empty, not on the meta device, and no integers (packed or counted)."""
        return tuple(
            each
            for each in self.reading.parameters
            if each.numel() and not each.tensor.is_meta and (each.dtype.is_floating_point or each.dtype.is_complex)
        )

    @cached_property
    def weights(self) -> tuple[Parameter, ...]:
        """The trained matrices and kernels that are contracted with the signal."""
        return tuple(each for each in self.parameters if each.role in {"weight", "recurrent"} and each.requires_grad)

    @cached_property
    def culprits(self) -> Mapping[str, Culprit]:
        """The parameters that the measured signal speaks against, by name, the worst first; none without a pass."""
        if self.probe is None:
            return {}
        found = culprits(probed(self.probe, self.reading), reading=self.reading)
        return {each.parameter: each for each in found}

    def sample(self, parameter: Parameter) -> Sample:
        """Return the values of a parameter, measured once for all lints; of a shard its local part."""
        if parameter.name not in self._samples:
            self._samples[parameter.name] = Sample(local(parameter.values()))
        return self._samples[parameter.name]


Lint = Callable[[Subject], Iterator[Finding]]
