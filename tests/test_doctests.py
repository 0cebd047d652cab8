"""Every example in a docstring runs and shows what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import initwise

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(initwise.__path__, "initwise.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str) -> None:
    if name.endswith("_triton"):
        pytest.importorskip("triton", reason="triton is not installed (it comes with CUDA builds of torch)")
    assert failures(importlib.import_module(name)) == 0


def test_an_example_that_does_not_hold_is_found() -> None:
    module = ModuleType("module", ">>> 1 + 1\n3\n")
    assert failures(module) == 1


def failures(module: ModuleType) -> int:
    return doctest.testmod(module, verbose=False, optionflags=doctest.ELLIPSIS).failed
