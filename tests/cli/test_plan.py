"""`initwise plan`: whole tables, data that reads back, code that runs."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import torch

from initwise.cli._target import find_model
from initwise.planning import Plan
from tests.cli.conftest import Run

TABLE = """\
parameter      shape   operation  role         fans    law            std  reason
-------------  ------  ---------  -----------  ------  ----------  ------  ------------------------------------------------------------------
embed.weight   10 x 8  embedding  embedding    1 -> 8  N(0, 1²)         1  Embedding weight: N(0, 1); tied with head.weight; row 0 stays zero
hidden.weight  8 x 8   linear     weight       8 -> 8  U(±0.6124)  0.3536  Linear weight, fan_in 8, fan_out 8: std = 1 / sqrt((8 + 8) / 2)
hidden.bias    8       linear     bias                 0                0  Linear bias: zero
norm.weight    8       norm       norm_weight          1                0  LayerNorm weight: one
norm.bias      8       norm       norm_bias            0                0  LayerNorm bias: zero

5 parameters, 168 elements, seed 7, recipe classic, digest """  # noqa: E501 - a table as it is printed


def test_the_table_says_what_and_why_for_each_parameter(run: Run) -> None:
    outcome = run("plan", "net.py:Net", "--recipe", "classic", "--seed", "7")
    assert outcome.code == 0
    assert outcome.out.startswith(TABLE)
    assert outcome.err == "the model's own words\n"


def test_one_parameter_is_explained_by_the_end_of_its_name(run: Run) -> None:
    outcome = run("plan", "net.py:Net", "--recipe", "classic", "--why", "den.weight")
    assert outcome.code == 2
    assert "--why den.weight: the model has no such parameter; did you mean 'hidden.weight' or " in outcome.err
    outcome = run("plan", "net.py:Net", "--recipe", "classic", "--why", "hidden.*ght")
    assert outcome.code == 0
    assert outcome.out.splitlines()[0] == "hidden.weight"
    assert "fan_in 8, fan_out 8" in outcome.out
    outcome = run("plan", "net.py:Net", "--recipe", "classic", "--why", "*weight")
    assert "this fits 3 parameters: embed.weight, hidden.weight, norm.weight; give one name" in outcome.err


def test_inputs_in_words_are_traced_and_misfits_told(run: Run) -> None:
    target = ("torch.nn:Embedding", "--set", "num_embeddings=10", "--set", "embedding_dim=4")
    outcome = run("plan", *target, "--inputs", "2x5 int64 <10")
    assert (outcome.code, "a forward pass on meta with 2x5 int64" in outcome.out) == (0, True)
    outcome = run("plan", *target, "--inputs", "2x5")
    assert outcome.code == 2
    assert "inputs do not fit the model: embedding raised RuntimeError with 2x5 float32" in outcome.err


def test_the_summary_has_one_line_for_names_that_differ_in_numbers(run: Run, folder: Path) -> None:
    (folder / "deep.py").write_text(
        "from torch import nn\ndef build(): return nn.Sequential(*(nn.Linear(4, 4) for _ in range(9)))\n"
    )
    outcome = run("plan", "deep.py:build", "--recipe", "kaiming", "--summary")
    assert [line.split()[:2] for line in outcome.out.splitlines()[2:4]] == [["0-8.weight", "x9"], ["0-8.bias", "x9"]]


def test_without_recipe_and_rules_it_says_that_it_plans_by_usage(run: Run) -> None:
    outcome = run("plan", "net.py:Net")
    assert outcome.code == 0
    assert "recipe auto" in outcome.out
    assert "no --recipe and no --rules: planning auto" in outcome.err


def test_json_reads_back_as_the_same_plan(run: Run) -> None:
    outcome = run("plan", "net.py:Net", "--recipe", "classic", "--seed", "7", "--format", "json")
    read = Plan.from_dict(json.loads(outcome.out))
    assert outcome.code == 0
    assert (read.seed, read.recipe, len(read)) == (7, "classic", 5)


def test_python_is_code_that_initializes_the_model_without_initwise(run: Run, folder: Path) -> None:
    outcome = run("plan", "net.py:Net", "--recipe", "classic", "--format", "python", "--out", "init_net.py")
    assert (outcome.code, outcome.out) == (0, "")
    code = (folder / "init_net.py").read_text()
    assert "initwise" not in code.replace("by initwise", "").replace("initwise plan", "")
    model = find_model("net.py:Net").build()
    runpy.run_path(str(folder / "init_net.py"))["initialize"](model)
    assert torch.equal(model.get_parameter("hidden.bias"), torch.zeros(8))
    assert bool(model.get_parameter("hidden.weight").abs().max() <= 0.6124)


def test_a_rule_file_decides_with_its_recipe_and_its_seed(run: Run, folder: Path) -> None:
    (folder / "rules.yaml").write_text(
        "seed: 5\nrecipe: classic\nrules:\n- {select: {type: net.Net}, optional: true, hidden: Ones}\n"
        "- {select: hidden.weight, initializer: {Normal: {std: 0.5}}, why: wide on purpose}\n"
    )
    outcome = run("plan", "net.py:Net", "--rules", "rules.yaml")
    assert outcome.code == 0
    assert "hidden.weight  8 x 8   linear     weight       8 -> 8  N(0, 0.5²)  0.5  wide on purpose" in outcome.out
    assert "seed 5" in outcome.out
    assert "seed 6" in run("plan", "net.py:Net", "--rules", "rules.yaml", "--seed", "6").out


def test_frozen_parameters_are_planned_on_request_only(run: Run, folder: Path) -> None:
    (folder / "frozen.py").write_text(
        "from torch import nn\ndef build(): return nn.Linear(2, 2).requires_grad_(False)\n"
    )
    assert "kept" in run("plan", "frozen.py:build", "--recipe", "classic").out
    assert "kept" not in run("plan", "frozen.py:build", "--recipe", "classic", "--include-frozen").out


def test_a_plan_that_fails_leaves_no_file(run: Run, folder: Path) -> None:
    before = sorted(folder.iterdir())
    assert run("plan", "net.py:raises", "--recipe", "classic", "--out", "plan.txt").code == 2
    assert sorted(path for path in folder.iterdir() if path.name != "__pycache__") == before
