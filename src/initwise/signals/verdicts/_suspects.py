"""Everything that may be wrong with a law, the worst first."""

from __future__ import annotations

from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._own import chains, growing, without_gain
from initwise.signals.verdicts._scores import hot, sharp
from initwise.signals.verdicts._siblings import odd_ones, odd_vectors
from initwise.signals.verdicts._suspect import Suspect
from initwise.signals.verdicts._vectors import biases, embeddings, norms, positions

_LOOKS = (odd_ones, odd_vectors, growing, chains, without_gain, sharp, hot, norms, biases, embeddings, positions)


def suspects(flow: Flow) -> list[Suspect]:
    """Return the parameters whose law may be wrong, the worst first; of equal ones the earliest."""
    found = [each for look in _LOOKS for each in look(flow)]
    return sorted(found, key=lambda each: (-round(each.severity, 1), each.row))
