"""`initwise plan --why NAME` explains one parameter; what names none, or several, is told with the near ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

WHY = """\
hidden.weight
  shape      8 x 8, float32
  operation  linear, by its module's type
  role       weight
  axes       axis 1 summed over, axis 0 kept
  fans       fan_in 8, fan_out 8
  rule       recipe classic
  after      He et al. 2015 (arXiv:1502.01852) and Glorot, Bengio 2010; convolutions as in torchvision's ResNet
  law        U(±0.6124): mean 0, std 0.353553, support [-0.612372, 0.612372]
  reason     Linear weight, fan_in 8, fan_out 8: std = 1 / sqrt((8 + 8) / 2)
"""


def test_one_parameter_is_explained_as_the_plan_explains_it(run: Run) -> None:
    outcome = run("plan", "net.py:Net", "--recipe", "classic", "--why", "hidden.weight")
    assert (outcome.code, outcome.out) == (0, WHY)


@pytest.mark.parametrize("written", ["head.weight", "*ead.*", "embed.w*"])
def test_aliases_and_globs_that_fit_one_parameter_find_it(run: Run, written: str) -> None:
    outcome = run("plan", "net.py:Net", "--recipe", "classic", "--why", written)
    assert outcome.code == 0
    assert outcome.out.splitlines()[:2] == ["embed.weight", "  also called  head.weight"]


def test_the_end_of_a_name_or_of_an_alias_finds_its_parameter(run: Run, folder: Path) -> None:
    (folder / "nested.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    model = nn.ModuleDict({'body': nn.ModuleDict({'fc': nn.Linear(3, 3), 'out': nn.Linear(3, 3)})})\n"
        "    model['body']['out'].weight = model['body']['fc'].weight\n"
        "    return model\n"
    )
    for written, found in (("fc.bias", "body.fc.bias"), ("out.weight", "body.fc.weight")):
        outcome = run("plan", "nested.py:build", "--recipe", "classic", "--why", written)
        assert outcome.out.splitlines()[0] == found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--why", "norm.wieght"], "--why norm.wieght: the model has no such parameter; did you mean 'norm.weight'"),
        (["--why", "q9"], "--why q9: the model has no such parameter; it has embed.weight, head.weight, hidden.weight"),
        (["--why", "norm.*"], "--why norm.*: this fits 2 parameters: norm.weight, norm.bias; give one name"),
        (["--why", "hidden.bias", "--summary"], "it explains one parameter in words; leave --summary and --format"),
        (
            ["--why", "hidden.bias", "--format", "json"],
            "it explains one parameter in words; leave --summary and --form",
        ),
    ],
)
def test_what_explains_no_single_parameter_is_wrong_usage(run: Run, arguments: list[str], message: str) -> None:
    outcome = run("plan", "net.py:Net", "--recipe", "classic", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in " ".join(outcome.err.split())


def test_inputs_are_passed_on_by_init_and_verify_too(run: Run) -> None:
    target = ("torch.nn:Linear", "--set", "in_features=4", "--set", "out_features=3")
    made = run("init", *target, "--inputs", "2x4", "--out", "w.st", "--plan-out", "plan.json")
    assert made.code == 0
    assert "a forward pass on meta with 2x4 float32" in made.out
    assert run("verify", *target, "--recipe", "auto", "--inputs", "2x4", "--weights", "w.st").code == 0
    for command in (("init", "--out", "other.st"), ("verify", "--weights", "w.st", "--recipe", "auto")):
        outcome = run(command[0], *target, "--inputs", "2x5", *command[1:])
        assert outcome.code == 2
        assert "inputs do not fit the model: linear raised RuntimeError with 2x5 float32" in outcome.err
        outcome = run(command[0], *target, "--inputs", "2 by 5", *command[1:])
        assert outcome.code == 2
        assert "inputs '2 by 5'" in outcome.err
