"""Frameworks start process groups and set variables of the environment; neither outlives a test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch.distributed as dist


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Put the environment back, and end what a framework has started."""
    before = dict(os.environ)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    yield
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
    os.environ.clear()
    os.environ.update(before)
