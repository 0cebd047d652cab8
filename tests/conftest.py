"""What every test may rely on: no network, and a torchvision that can be imported wherever it is installed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

os.environ["HF_HUB_OFFLINE"] = "1"  # before any import of transformers or timm: a test never asks for a file

import pytest
from hypothesis import HealthCheck, settings

from initwise.signals.forecast._table import RULES
from tests import peers  # noqa: F401 - importing it declares torchvision's operators

# No test depends on the machine's speed: neither an example's time nor that of making examples fails one.
settings.register_profile("initwise", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("initwise")


@pytest.fixture(autouse=True)
def rules_of_prediction() -> Iterator[None]:
    """A rule that a test or an example adds is gone after it: what is unknown stays unknown for the next one."""
    there = dict(RULES)
    yield
    RULES.clear()
    RULES.update(there)


ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Take addresses out of test names: each process of a parallel run must find the same names."""
    item.name = ADDRESS.sub("", item.name)
    item._nodeid = ADDRESS.sub("", item.nodeid)  # type: ignore[attr-defined]
