"""What a log of the model's construction says: memory that nobody wrote, and work that was lost."""

from __future__ import annotations

from collections.abc import Iterator

from initwise.findings import Finding
from initwise.lints._subject import Subject


def recorded(subject: Subject) -> Iterator[Finding]:
    """INI112, INI113 and INI114 of the recorded construction, where they are more than a remark."""
    if subject.log is None:
        return
    known = {name for parameter in subject.reading.parameters for name in parameter.names}
    for finding in subject.log.findings:
        if finding.severity != "info" and finding.parameter in known:
            yield finding
