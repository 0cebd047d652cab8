"""What import-linter cannot hold: who may write, what `import initwise` may load, what the package shows."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import initwise

SOURCE = Path(initwise.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
HEAVY = ("numba", "scipy", "rich", "typer", "yaml", "triton")
WRITERS = ("writing/", "random/")  # the only writer, and the kernels that it calls
USERS = ("cli/", "__main__")  # stand on the facade
# Methods that end in an underscore and are no in-place method of a tensor are spelled here.
NOT_IN_PLACE = {"manual_seed_", "register_hook_", "requires_grad_"}


def place(path: Path) -> str:
    """Where a file stands in the package."""
    return path.relative_to(SOURCE).as_posix()


def outside(*rooms: str) -> list[Path]:
    """All files that are in none of these rooms."""
    return [path for path in FILES if not place(path).startswith(rooms)]


def offences(tree: ast.AST) -> Iterator[str]:
    """In-place tensor methods called, and every `.data` but the address of a NumPy array, `.ctypes.data`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name.endswith("_") and not name.startswith("_") and name not in NOT_IN_PLACE:
                yield f"line {node.lineno}: .{name}()"
        if isinstance(node, ast.Attribute) and node.attr == "data" and getattr(node.value, "attr", "") != "ctypes":
            yield f"line {node.lineno}: .data"


def from_the_facade(tree: ast.AST) -> Iterator[str]:
    """Imports of the package itself, or of a name that is no room or file in it."""
    rooms = {path.stem for path in SOURCE.iterdir()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name == "initwise" for alias in node.names):
            yield f"line {node.lineno}: import initwise"
        if isinstance(node, ast.ImportFrom) and node.module == "initwise":
            yield from (f"line {node.lineno}: {alias.name}" for alias in node.names if alias.name not in rooms)


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a new process has loaded after one statement."""
    code = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("path", outside(*WRITERS), ids=place)
def test_only_the_writing_room_and_the_kernels_write_into_tensors(path: Path) -> None:
    assert list(offences(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_the_search_for_writers_finds_them() -> None:
    code = "x.normal_()\nx.data\ninit.zeros_(x)\ntorch.relu(x)\nx._private_()\nx.ctypes.data"
    assert sorted(offences(ast.parse(code))) == ["line 1: .normal_()", "line 2: .data", "line 3: .zeros_()"]


@pytest.mark.parametrize("path", outside(*USERS), ids=place)
def test_no_room_below_the_command_line_imports_the_facade(path: Path) -> None:
    assert list(from_the_facade(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_the_search_for_imports_of_the_facade_finds_them() -> None:
    code = "import initwise\nfrom initwise import plan\nfrom initwise import errors\nimport initwise.errors"
    assert list(from_the_facade(ast.parse(code))) == ["line 1: import initwise", "line 2: plan"]


def test_importing_every_public_name_loads_nothing_heavy_that_torch_did_not_load() -> None:
    added = loaded_by("import torch\nfrom initwise import *") - loaded_by("import torch")
    assert added.isdisjoint(HEAVY)


def test_importing_the_package_alone_loads_no_room() -> None:
    code = "import sys, torch, initwise\nprint(*(name for name in sys.modules if name.startswith('initwise')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["initwise"]


def test_the_stub_names_what_the_package_holds_and_from_where() -> None:
    stub = ast.parse((SOURCE / "__init__.pyi").read_text(encoding="utf-8"))
    for node in ast.walk(stub):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert getattr(initwise, alias.name) is getattr(import_module(node.module or ""), alias.name)
    (pinned,) = (node.value for node in stub.body if isinstance(node, ast.Assign))
    assert ast.literal_eval(pinned) == initwise.__all__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'initwise' has no attribute 'initialise'"):
        _ = initwise.initialise  # type: ignore[attr-defined]


def test_the_public_names_are_the_pinned_ones() -> None:
    assert sorted(initwise.__all__) == sorted(PUBLIC)
    assert [name for name in PUBLIC if not hasattr(initwise, name)] == []


PUBLIC = [
    "ApplyError",
    "ArgumentError",
    "Axes",
    "BilinearKernel",
    "ChronoBias",
    "Comparison",
    "Constant",
    "Custom",
    "DeltaOrthogonal",
    "Dirac",
    "Given",
    "FlatRange",
    "Glob",
    "ICNR",
    "Identity",
    "InitwiseError",
    "KaimingNormal",
    "KaimingUniform",
    "Keep",
    "Law",
    "LecunNormal",
    "LecunUniform",
    "LogOfUniform",
    "LogRange",
    "MeanOfRows",
    "Monitor",
    "Name",
    "NewRows",
    "Normal",
    "Ones",
    "Orthogonal",
    "PerBlock",
    "Plan",
    "PlanError",
    "Regex",
    "RingDecay",
    "RingGain",
    "Rule",
    "Scaled",
    "SchemaError",
    "Sparse",
    "Slice",
    "Suppression",
    "Task",
    "TimeStepBias",
    "TruncatedNormal",
    "Type",
    "Uniform",
    "VarianceScaling",
    "VerificationError",
    "Where",
    "WriteError",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "actnorm_init",
    "apply",
    "assert_initialized",
    "check",
    "compare",
    "coordinate_check",
    "diff",
    "digest",
    "errors",
    "gain",
    "gradinit",
    "init",
    "initialize",
    "lsuv",
    "materialize",
    "measure",
    "metainit",
    "monitoring",
    "output_prior",
    "pages",
    "plan",
    "predict",
    "random",
    "recipes",
    "record",
    "report",
    "rule",
    "signals",
    "verify",
    "weight_norm_init",
    "within_channel",
    "write_weights",
]
