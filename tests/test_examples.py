"""Every example runs and says what it should."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest
import torch

from examples import gpt2

EXAMPLES = Path(__file__).parent.parent / "examples"

SAYS = {
    "linear.py": "Verified: the weights are what the plan says.",
    "convolution.py": "By the formula std = sqrt(2) / sqrt(128 * 3 * 3) = 0.041667.",
    "small_cnn.py": "fc.weight",
    "lstm.py": "bias 1",
    "gpt2.py": "GPT-2 with 124,439,808 parameters; scores of 16 tokens: (1, 16, 50257).",
    "coordinate_check.py": "muP keeps every update.",
    "monitor_loop.py": "100 steps, 22 of them looked at.",
    "monitor_lightning.py": "6 steps of the optimizer",
    "monitor_transformers.py": "4 steps of the optimizer",
    "demo.py": "torch.nn.init with the same laws",
}

TRAINERS = {"monitor_lightning.py", "monitor_transformers.py"}  # run in tests/monitoring, where the libraries are there


def load(name: str) -> ModuleType:
    """The example as a module."""
    return importlib.import_module(f"examples.{name.removesuffix('.py')}")


def test_every_example_has_a_line_in_the_table() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("name", sorted(SAYS.keys() - {"demo.py"} - TRAINERS))
def test_an_example_runs_and_says_what_it_should(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    load(name).main()
    assert SAYS[name] in capsys.readouterr().out


def test_the_lstm_has_orthogonal_gates_and_a_forget_bias_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    load("lstm.py").main()
    gates = [line for line in capsys.readouterr().out.splitlines() if line.startswith("gate ")]
    assert [line.split(", ")[-1] for line in gates] == ["bias 0", "bias 1", "bias 0", "bias 0"]
    assert all(float(line.split("<= ")[1].split(",")[0]) < 1e-5 for line in gates)


def test_the_plain_gpt2_has_the_names_of_the_release_and_a_tied_head() -> None:
    with torch.device("meta"):
        model = gpt2.build()
    names = [name for name, _ in model.named_parameters()]
    assert names[:4] == [
        "transformer.wte.weight",
        "transformer.wpe.weight",
        "transformer.h.0.ln_1.weight",
        "transformer.h.0.ln_1.bias",
    ]
    assert "transformer.h.11.mlp.c_proj.bias" in names
    assert names[-1] == "transformer.ln_f.bias"
    assert model.lm_head.weight is model.transformer.wte.weight


def test_the_plain_gpt2_looks_only_backwards() -> None:
    model = gpt2.build(layers=2, heads=2, width=16, vocabulary=11, positions=8)
    whole, prefix = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[1, 2]])
    torch.testing.assert_close(model(whole)[:, :2], model(prefix))
