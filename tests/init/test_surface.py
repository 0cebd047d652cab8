"""The names, signatures and documentation of the drop-in."""

from __future__ import annotations

import doctest
import importlib
import inspect
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from initwise import init

NAMES = list(torch.nn.init.__all__)
OLD_NAMES = [name for name in NAMES if name + "_" in NAMES]
TORCH_OF_THE_SIGNATURES = torch.__version__.startswith("2.13.")


def shape_of_signature(function: object) -> list[tuple[str, object, object]]:
    """Names, kinds and defaults of the parameters."""
    assert callable(function)
    return [(one.name, one.kind, one.default) for one in inspect.signature(function).parameters.values()]


def test_all_public_names_of_torch_are_here_in_its_order() -> None:
    assert init.__all__ == NAMES
    assert len(NAMES) == 26
    assert [name for name in NAMES if not callable(getattr(init, name))] == []


@pytest.mark.parametrize("name", NAMES)
def test_parameters_have_the_names_kinds_and_defaults_of_torch(name: str) -> None:
    assert shape_of_signature(getattr(init, name)) == shape_of_signature(getattr(nn.init, name))


@pytest.mark.skipif(not TORCH_OF_THE_SIGNATURES, reason="torch's annotations differ between its versions")
@pytest.mark.parametrize("name", NAMES)
def test_the_whole_signature_equals_that_of_torch(name: str) -> None:
    assert inspect.signature(getattr(init, name)) == inspect.signature(getattr(nn.init, name))


@pytest.mark.parametrize("name", NAMES)
def test_every_function_has_its_name_and_a_docstring(name: str) -> None:
    function = getattr(init, name)
    assert function.__name__ == name
    assert function.__doc__


@pytest.mark.parametrize("name", OLD_NAMES)
def test_an_old_name_warns_at_the_call_and_does_what_the_new_one_does(name: str) -> None:
    shape, rest = ((4, 4, 3), ()) if name == "dirac" else ((4, 4), {"constant": (0.5,), "sparse": (0.5,)}.get(name, ()))
    old, new = torch.empty(shape), torch.empty(shape)
    torch.manual_seed(0)
    message = rf"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`\."
    with pytest.warns(FutureWarning, match=message) as caught:
        assert getattr(init, name)(old, *rest) is old
    torch.manual_seed(0)
    getattr(init, name + "_")(new, *rest)
    assert caught[0].filename == __file__
    assert torch.equal(old, new)


def test_the_fan_functions_that_much_code_borrows_are_here() -> None:
    weight = torch.empty(64, 1, 3, 3)
    borrowed: Any = init
    assert borrowed._calculate_fan_in_and_fan_out(weight) == (9, 576)
    assert borrowed._calculate_correct_fan(weight, "fan_out") == 576


@pytest.mark.parametrize("module", ["_basic", "_scaled", "_structured"])
def test_the_examples_in_the_docstrings_run(module: str) -> None:
    failed, attempted = doctest.testmod(importlib.import_module(f"initwise.init.{module}"))
    assert failed == 0
    assert attempted > 0


def test_importing_the_drop_in_loads_no_compiler() -> None:
    code = "import sys, initwise.init; print('torch._dynamo' in sys.modules, 'torch._inductor' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
