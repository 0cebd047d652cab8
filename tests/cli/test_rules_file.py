"""Rule files: one schema in three formats; all problems at once, each with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from torch import nn

import initwise.initializers as values
from initwise.axes import Axes
from initwise.cli._rules_file import RuleFile, read_rules
from initwise.errors import SchemaError
from initwise.rules import Rule, rule
from initwise.selectors import Glob, Name, Regex, Type

YAML = """
seed: 3
recipe: classic
rules:
  - select: {type: torch.nn.Conv2d}
    weight: {KaimingNormal: {mode: fan_out}}
    bias: Zeros
  - select: ["*norm*.weight", {regex: "ln_[0-9]"}, {name: head}]
    initializer: Ones
    optional: true
    why: norms do nothing at first
  - select: router.weight
    initializer: {Normal: {std: 1e-2}}
    axes: {fan_in: [1], fan_out: [0], groups: 2}
  - select: {type: LSTM}
    weight_hh: Orthogonal
    bias: {PerBlock: {f: Ones, rest: Zeros}}
"""

TOML = """
seed = 3
recipe = "classic"
[[rules]]
select = {type = "torch.nn.Conv2d"}
weight = {KaimingNormal = {mode = "fan_out"}}
bias = "Zeros"
[[rules]]
select = ["*norm*.weight", {regex = "ln_[0-9]"}, {name = "head"}]
initializer = "Ones"
optional = true
why = "norms do nothing at first"
[[rules]]
select = "router.weight"
initializer = {Normal = {std = 1e-2}}
axes = {fan_in = [1], fan_out = [0], groups = 2}
[[rules]]
select = {type = "LSTM"}
weight_hh = "Orthogonal"
bias = {PerBlock = {f = "Ones", rest = "Zeros"}}
"""

JSON = """
{"seed": 3, "recipe": "classic", "rules": [
\t{"select": {"type": "torch.nn.Conv2d"}, "weight": {"KaimingNormal": {"mode": "fan_out"}}, "bias": "Zeros"},
\t{"select": ["*norm*.weight", {"regex": "ln_[0-9]"}, {"name": "head"}], "initializer": "Ones", "optional": true,
\t "why": "norms do nothing at first"},
\t{"select": "router.weight", "initializer": {"Normal": {"std": 1e-2}},
\t "axes": {"fan_in": [1], "fan_out": [0], "groups": 2}},
\t{"select": {"type": "LSTM"}, "weight_hh": "Orthogonal", "bias": {"PerBlock": {"f": "Ones", "rest": "Zeros"}}}
]}
"""

EXPECTED = RuleFile(
    seed=3,
    rules=(
        "classic",
        rule(nn.Conv2d, weight=values.KaimingNormal(mode="fan_out"), bias=values.Zeros()),
        rule(
            Glob("*norm*.weight") | Regex("ln_[0-9]") | Name("head"),
            values.Ones(),
            optional=True,
            why="norms do nothing at first",
        ),
        rule("router.weight", values.Normal(std=0.01), axes=Axes(fan_in=(1,), fan_out=(0,), groups=2)),
        rule(
            Type(nn.LSTM),
            weight_hh=values.Orthogonal(),
            bias=values.PerBlock(f=values.Ones(), rest=values.Zeros()),
        ),
    ),
)


def written(folder: Path, text: str, ending: str = "yaml") -> Path:
    path = folder / f"rules.{ending}"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("ending", "text"), [("yaml", YAML), ("yml", YAML), ("toml", TOML), ("json", JSON)])
def test_the_same_rules_are_read_from_every_format(tmp_path: Path, ending: str, text: str) -> None:
    assert read_rules(written(tmp_path, text, ending)) == EXPECTED


WRONG = """\
sed: 3
recipe: classik
rules:
  - select: {type: torch.nn.Conv2}
    weight: {KaimingNormal: {nonlinearit: relu}}
    bias: Zero
  - selec: "*norm*.weight"
    initializer: Ones
    optional: yep
  - select: router.weight
    initializer: {Normal: {std: -1}}
    axes: {fan_in: [1], fan_ou: [0]}
  - select: {typ: a}
    bias: {PerBlock: {f: One, rest: [1]}}
  - 5
  - select: {regex: "["}
    initializer: Ones
    weight: Ones
  - select: x
    why: 3
    "a b": Ones
"""


def test_everything_that_is_wrong_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, WRONG)
    with pytest.raises(SchemaError, match=r"rule file .*: 17 problems") as caught:
        read_rules(path)
    found = [problem.removeprefix(f"{path}:") for problem in caught.value.problems]
    for line, start in (
        (1, "unknown key 'sed'; allowed are seed, recipe, rules; did you mean 'seed'?"),
        (2, "there is no recipe 'classik'; there are "),
        (4, "select: there is no class 'torch.nn.Conv2'; write it with its module, as torch.nn.Linear; did you mean "),
        (5, "KaimingNormal has no argument 'nonlinearit'; did you mean 'nonlinearity'?"),
        (6, "kind is 'Zero'; did you mean 'Zeros'"),
        (7, "this rule has no 'select': a name, a glob, or {type: torch.nn.Linear}"),
        (7, "unknown key 'selec'; did you mean 'select'?"),
        (9, "optional is 'yep'; give true or false"),
        (11, "Normal: std is -1.0, and must not be negative"),
        (12, "axes: unknown key 'fan_ou'; allowed are fan_in, fan_out"),
        (12, "axes needs 'fan_out'"),
        (13, "select: unknown key 'typ'; allowed are type, glob, regex, name; did you mean 'type'?"),
        (14, "[1] is no initializer; write Zeros, or {Normal: {std: 0.02}}"),
        (15, "a rule is a mapping with the key 'select', found 5"),
        (16, "select: Regex: '[' is no regular expression"),
        (20, "why is 3; give a string"),
        (21, "unknown key 'a b'; besides select, initializer, axes, optional, why a key names an attribute"),
    ):
        assert any(problem.startswith(f"{line}: {start}") for problem in found), (line, start, found)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("initialiser: Ones", "unknown key 'initialiser'; did you mean 'initializer'?"),
        ("Initializer: Ones", "unknown key 'Initializer'; did you mean 'initializer'?"),
        ("init: Ones", "unknown key 'init'; did you mean 'initializer'?"),
        ("initialize: Ones", "unknown key 'initialize'; did you mean 'initializer'?"),
        ("selector: Ones", "unknown key 'selector'; did you mean 'select'?"),
        ("axis: Ones", "unknown key 'axis'; did you mean 'axes'?"),
        ("optionl: Ones", "unknown key 'optionl'; did you mean 'optional'?"),
        ("type: Ones", "unknown key 'type'; write select: {type: ...}"),
        ("glob: '*'", "unknown key 'glob'; write select: {glob: ...}"),
        ("regex: '*'", "unknown key 'regex'; write select: {regex: ...}"),
        ("name: fc1", "unknown key 'name'; write select: {name: ...}"),
    ],
)
def test_a_mistyped_key_is_no_attribute(tmp_path: Path, key: str, message: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(f"rules.yaml:2: {message}")):
        read_rules(written(tmp_path, f"rules:\n- {{select: '*', {key}}}"))


def test_usual_attributes_are_not_taken_for_mistyped_keys(tmp_path: Path) -> None:
    names = "weight bias gain scale gamma alpha weight_hh in_proj_weight cls_token pos_embed init_scale A_log".split()
    keys = ", ".join(f"{name}: Ones" for name in names)
    (made,) = read_rules(written(tmp_path, f"rules:\n- {{select: '*', {keys}}}")).rules
    assert made == Rule(Glob("*"), keywords=tuple((name, values.Ones()) for name in names))


@pytest.mark.parametrize(
    ("initializer", "instead"),
    [
        ("{kind: Ones}", "Ones"),
        ("{kind: Normal, std: 0.5}", "{Normal: {std: 0.5}}"),
        ("{kind: KaimingNormal, mode: fan_out, a: 1}", '{KaimingNormal: {mode: "fan_out", a: 1}}'),
        ("{kind: PerBlock, blocks: {}, rest: {kind: Ones}}", "{PerBlock: {f: Ones, rest: Zeros}}"),
        ("{kind: 5}", "{Normal: {std: 0.02}}"),
    ],
)
def test_an_initializer_as_a_plan_stores_it_is_told_how_to_write_it(
    tmp_path: Path, initializer: str, instead: str
) -> None:
    with pytest.raises(SchemaError, match=re.escape(f"in a rule file write {instead}") + "$"):
        read_rules(written(tmp_path, f"rules:\n- {{select: '*', initializer: {initializer}}}"))


def test_toml_problems_carry_the_path_of_their_key(tmp_path: Path) -> None:
    path = written(tmp_path, '[[rules]]\nselect = "x"\ninitializer = {Normal = {st = 1}}\n', "toml")
    with pytest.raises(SchemaError, match=r"rules.toml, rules\[0\].initializer: Normal has no argument 'st'"):
        read_rules(path)


@pytest.mark.parametrize(
    ("ending", "text", "message"),
    [
        ("txt", "", "its name must end in .yaml, .yml, .toml or .json"),
        ("yaml", "a: [1", "rules.yaml:1: it is no YAML: expected ',' or ']'"),
        ("yaml", "a: 1\na: 2", "rules.yaml:2: key 'a' is given twice, first at .*rules.yaml:1"),
        ("yaml", "&a [*a]", "rules.yaml:1: this alias contains itself"),
        ("yaml", "? [1]\n: 2", "rules.yaml:1: a key must be a word, found a sequence"),
        ("yaml", "a: !!python/object:os.system x", "rules.yaml:1: 'x' cannot be read: could not determine"),
        ("yaml", "", "a rule file is a mapping with the key 'rules'"),
        ("yaml", "rules: []", "rules.yaml:1: rules: give a list of rules"),
        ("yaml", "rules:\n- select: x", "rules.yaml:2: rule: found neither an initializer and keywords"),
        ("yaml", "seed: true\nrules:\n- {select: x, initializer: Ones}", "rules.yaml:1: seed is True; give an integer"),
        ("toml", "a = [", "it is no TOML"),
        ("json", "{", "it is no JSON"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, ending: str, text: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        read_rules(written(tmp_path, text, ending))


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"rules\.yaml: it cannot be read: No such file or directory"):
        read_rules(tmp_path / "rules.yaml")
    (tmp_path / "rules.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SchemaError, match="it is no UTF-8 text"):
        read_rules(tmp_path / "rules.yaml")
