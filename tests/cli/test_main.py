"""The command as a whole: exit codes, one clear message on standard error, nothing else on standard output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import initwise
from initwise.cli import _main
from initwise.cli.plan import plan as plan_command
from tests.cli.conftest import Run


def test_the_version_is_told(run: Run) -> None:
    outcome = run("--version")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"initwise {initwise.__version__} (torch ")


def test_help_lists_the_commands_and_the_exit_codes(run: Run) -> None:
    outcome = run("--help")
    assert outcome.code == 0
    for command in ("plan", "init", "verify", "explain", "recipes"):
        assert f"  {command} " in outcome.out
    assert "Exit codes: 0 clean, 1 findings, 2 wrong usage or configuration, 3 our own" in outcome.out
    assert "130 interrupted, 141 nobody reads the output any more, 143 terminated." in " ".join(outcome.out.split())


def test_without_a_command_the_help_is_shown_as_wrong_usage(run: Run) -> None:
    outcome = run()
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("Usage: initwise")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plam"], "No such command 'plam'"),
        (["plan"], "Missing argument 'TARGET'"),
        (["plan", "net.py:Net", "--recpe", "gpt2"], "No such option: --recpe"),
        (["plan", "net.py:Net", "--seed", "x"], "Invalid value for '--seed'"),
        (["plan", "net.py:Net", "--format", "xml"], "Invalid value for '--format'"),
        (["init", "net.py:Net"], "Missing option '--out'"),
        (["verify", "net.py:Net"], "Missing option '--weights'"),
    ],
)
def test_wrong_usage_is_one_message_with_where_to_look(run: Run, arguments: list[str], message: str) -> None:
    outcome = run(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("initwise: error: ")
    assert message in outcome.err
    assert outcome.err.rstrip().endswith("--help'.")
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "net.py:Net", "--recipe", "kaimin"], "there is no such recipe; there are "),
        (["plan", "net.py:Net", "--recipe", "gpt2", "--rules", "r.yaml"], "--recipe and --rules: give one of them"),
        (["plan", "net.py:Net", "--rules", "r.yaml"], "r.yaml: it cannot be read: No such file or directory"),
        (["plan", "net.py:Net", "--recipe", "gpt2", "--seed", "-1"], "seed is -1, allowed is 0 <= seed < 2**64"),
        (["plan", "net.py:Net", "--recipe", "gpt2", "--seed", str(2**64)], f"seed is {2**64}, allowed is"),
        (["plan", "net.py:Net", "--recipe", "gpt2", "--dtype", "int8"], "--dtype int8: this is no dtype for weights"),
        (["plan", "net.py:raises", "--recipe", "gpt2"], "calling it raised ValueError: no such width"),
        (["plan", "quits.py:build", "--recipe", "gpt2"], "calling it called sys.exit(0)"),
        (["plan", "net.py:Net", "--recipe", "gpt2", "--out", "."], "a file, such as ./plan.txt."),
        (
            ["init", "net.py:Net", "--recipe", "gpt2", "--out", "net.py", "--max-shard-size", "1GB"],
            "--max-shard-size: its",
        ),
        (["plan", "net.py:number", "--recipe", "gpt2"], "it gave a int, but it must be a torch.nn.Module"),
        (["explain", "torch.nn.Liner"], "there is nothing of this name to explain"),
    ],
)
def test_wrong_configuration_is_one_message_and_exit_code_2(
    run: Run, folder: Path, arguments: list[str], message: str
) -> None:
    (folder / "quits.py").write_text("import sys\ndef build():\n    sys.exit(0)\n")
    outcome = run(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("initwise: error: ") == 1
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_a_rule_that_matches_nothing_is_told_by_the_plan(run: Run, folder: Path) -> None:
    (folder / "rules.yaml").write_text("recipe: classic\nrules:\n- {select: '*.nrom', weight: Ones}\n")
    outcome = run("plan", "net.py:Net", "--rules", "rules.yaml")
    assert outcome.code == 2
    assert "*.nrom" in outcome.err


def test_a_parameter_that_a_recipe_does_not_know_is_told_with_where_a_rule_for_it_goes(run: Run, folder: Path) -> None:
    (folder / "raw.py").write_text(
        "import torch\nfrom torch import nn\n"
        "class Raw(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.token = nn.Parameter(torch.empty(1, 3))\n"
    )
    outcome = run("plan", "raw.py:Raw", "--recipe", "classic")
    assert outcome.code == 2
    assert "'token'" in outcome.err
    assert "rules beside a recipe go into a file, --rules rules.yaml, that says recipe: classic" in outcome.err
    (folder / "rules.yaml").write_text(
        "recipe: classic\nrules:\n- {select: token, initializer: {Normal: {std: 0.02}}}\n"
    )
    assert "N(0, 0.02²)" in run("plan", "raw.py:Raw", "--rules", "rules.yaml").out


def test_our_own_failure_is_exit_code_3_and_says_how_to_report_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(plan_command.__globals__, "choose", _fails)
    outcome = run("plan", "net.py:Net")
    assert (outcome.code, outcome.out) == (3, "")
    assert "initwise: error: internal failure: LookupError: 7" in outcome.err
    assert "INITWISE_DEBUG=1" in outcome.err
    assert "Traceback" not in outcome.err
    monkeypatch.setenv("INITWISE_DEBUG", "1")
    assert "Traceback" in run("plan", "net.py:Net").err


def _fails(*_: object, **__: object) -> None:
    raise LookupError(7)


def test_an_interrupt_is_exit_code_130(run: Run) -> None:
    outcome = run("plan", "net.py:interrupted", "--recipe", "gpt2")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.endswith("initwise: error: interrupted; no file was left behind\n")


def test_an_exit_in_the_models_own_code_is_no_crash_of_ours() -> None:
    assert _main.guarded(lambda: sys.exit(4)) == 4
    assert _main.guarded(lambda: sys.exit("words")) == 3


@pytest.mark.parametrize("command", [["initwise"], [sys.executable, "-m", "initwise"]])
def test_an_interrupt_while_pytorch_is_imported_is_told_in_one_line(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "torch.py").write_text("raise KeyboardInterrupt")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, "recipes"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(tmp_path)},
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "initwise: error: interrupted; no file was left behind\n"


@pytest.mark.parametrize("command", [["initwise"], [sys.executable, "-m", "initwise"]])
def test_the_installed_command_and_the_module_run(command: list[str]) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, "recipes", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert '"name": "gpt2"' in done.stdout


def test_a_reader_that_has_seen_enough_causes_no_traceback(folder: Path) -> None:
    (folder / "slow.py").write_text(
        "import pathlib, time\nfrom torch import nn\n"
        "def build():\n"
        "    while not pathlib.Path('closed').exists():\n        time.sleep(0.01)\n"
        "    return nn.Linear(1, 1)\n"
    )
    command = [sys.executable, "-m", "initwise", "plan", "slow.py:build", "--recipe", "classic"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    (folder / "closed").touch()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 141
