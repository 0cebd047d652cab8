"""Laws that the signal speaks against, though it does not explode or vanish: verdicts on the measured pass."""

from __future__ import annotations

from collections.abc import Iterator

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.lints.measured._backward import uneven
from initwise.lints.measured._dead import dead
from initwise.lints.measured._growth import exploding, vanishing
from initwise.lints.measured._loss import far_loss
from initwise.lints.measured._saturated import saturated

_OTHERS = (exploding, vanishing, far_loss, saturated, dead, uneven)


def unsuited(subject: Subject) -> Iterator[Finding]:
    """SIG507: the parameter that a verdict on the measured pass blames, where nothing else is told of the signal.

    One wrong law shows in many places; the worst is named, and the others only when it is mended.
    """
    culprit = next(iter(subject.culprits.values()), None)
    if culprit is None or any(True for lint in _OTHERS for _ in lint(subject)):
        return
    yield found(
        "SIG507",
        culprit.parameter,
        culprit.message,
        f"{culprit.found:.4g}" if culprit.found is not None else culprit.law,
        f"{culprit.wanted:.4g}" if culprit.wanted is not None else "another law",
        culprit.fix,
    )
