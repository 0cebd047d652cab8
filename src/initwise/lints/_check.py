"""`check`: every lint on one model."""

from __future__ import annotations

from typing import Any

from torch import nn

from initwise.findings import Column, Table
from initwise.lints._subject import Subject
from initwise.lints._table import LINTS
from initwise.model import read
from initwise.reporting import Report


def check(model: nn.Module, inputs: Any = None, loss: Any = None) -> Report:
    """Look for what is wrong with the weights of `model` as they stand; no plan is needed."""
    subject = Subject(read(model))
    findings = tuple(finding for lint in LINTS for finding in lint(subject))
    return Report("check", Table("", (Column("parameter"),), ()), findings, subject.reading.parameters)
