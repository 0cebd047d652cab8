"""Everything that may be wrong with a law, the worst first."""

from __future__ import annotations

from collections import defaultdict

from initwise.signals.verdicts._chains import chains
from initwise.signals.verdicts._everywhere import narrow, without_gain
from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._own import growing
from initwise.signals.verdicts._scores import hot, sharp
from initwise.signals.verdicts._siblings import odd_ones, odd_vectors, odd_zeros
from initwise.signals.verdicts._streams import streams
from initwise.signals.verdicts._suspect import Suspect
from initwise.signals.verdicts._vectors import biases, embeddings, norms, positions, shifts

_OF_LAYERS = (odd_ones, odd_zeros, growing, chains, without_gain, narrow, streams, sharp, hot)
_OF_OTHERS = (odd_vectors, norms, shifts, biases, embeddings, positions)


def suspects(flow: Flow) -> list[Suspect]:
    """Return the parameters whose law may be wrong, each once, the worst first; of equal ones the earliest.

    Of what speaks against one parameter the charge is told that explains its number, if one does, else the first: what
    siblings have says more than what a layer does by itself.
    """
    charges: defaultdict[str, list[Suspect]] = defaultdict(list)
    for look in (*_OF_LAYERS, *_OF_OTHERS):
        for each in look(flow):
            if each.weight.trained:  # what is frozen is fixed by design
                charges[each.weight.name].append(each)
    ordered = sorted(charges.values(), key=lambda same: (-round(_worst(same), 1), min(each.row for each in same)))
    return [next((each for each in same if each.reason), same[0]) for same in ordered]


def _worst(same: list[Suspect]) -> float:
    return max(each.severity for each in same)
