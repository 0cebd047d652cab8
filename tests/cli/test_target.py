"""TARGET: every form is found, every wrong one refused with what to do; nothing goes to standard output."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from initwise.cli._target import find_model
from initwise.errors import TargetError

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("net.py:Net", "Net"),
        ("./net.py:Net", "Net"),
        ("net:Net", "Net"),
        ("net.py:instance", "Linear"),
        ("torch.nn:Identity", "Identity"),
    ],
)
def test_a_module_file_class_or_model_is_found(target: str, kind: str) -> None:
    assert type(find_model(target).build()).__name__ == kind


def test_a_class_inside_a_class_is_found_by_its_dotted_name(folder: Path) -> None:
    (folder / "nested.py").write_text("from torch import nn\nclass Outer:\n    Inner = nn.Identity\n")
    assert isinstance(find_model("nested.py:Outer.Inner").build(), nn.Identity)


def test_settings_are_literals_and_reach_the_callable() -> None:
    model = find_model("net.py:Net", ["width=4", "bias=false"]).build()
    assert model.get_parameter("norm.weight").shape == (4,)
    assert "hidden.bias" not in dict(model.named_parameters())


def test_on_meta_nothing_is_allocated_and_what_cannot_be_built_there_is_built_on_the_cpu() -> None:
    assert all(p.is_meta for p in find_model("net.py:Net").build(meta=True).parameters())
    assert not any(p.is_meta for p in find_model("net.py:CpuOnly").build(meta=True).parameters())


def test_a_compiled_model_has_the_names_of_the_model_inside(folder: Path) -> None:
    # torch.compile wraps so; importing its compiler would take seconds.
    (folder / "wrapped.py").write_text(
        "from torch import nn\nclass Wrapped(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self._orig_mod = nn.Linear(2, 2)\n"
    )
    assert set(find_model("wrapped.py:Wrapped").build().state_dict()) == {"weight", "bias"}


def test_a_dtype_converts_the_model() -> None:
    model = find_model("net.py:Net", dtype="bfloat16").build(meta=True)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}


def test_the_words_of_the_models_own_code_go_to_standard_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "loud.py").write_text(
        "from torch import nn\nprint('imported')\ndef build():\n    print('built')\n    return nn.Identity()\n"
    )
    find_model("loud.py:build").build()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "imported\nbuilt\n"


def test_a_file_and_an_import_of_it_give_the_same_classes(folder: Path) -> None:
    (folder / "user.py").write_text("import net\nbuild = net.Net\n")
    assert type(find_model("net.py:Net").build()) is type(find_model("user.py:build").build())


def test_a_file_named_like_a_module_that_exists_does_not_replace_it(folder: Path) -> None:
    (folder / "json.py").write_text("from torch import nn\nbuild = nn.Identity\n")
    before = sys.modules["json"]
    assert isinstance(find_model("json.py:build").build(), nn.Identity)
    assert sys.modules["json"] is before


def test_the_import_path_is_left_as_it_was() -> None:
    before = list(sys.path)
    find_model("net.py:Net").build()
    assert sys.path == before


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        ("net", [], "target 'net': it names no model; write package.module:callable"),
        ("nett:Net", [], "there is no module 'nett' in .* or among the installed packages"),
        ("nett.py:Net", [], "there is no file 'nett.py'; check the path; did you mean 'net.py'"),
        ("net.py:Nets", [], "'net' has no 'Nets'; name a module class, .*; did you mean 'Net'"),
        ("net.py:raises", [], r"calling it raised ValueError: no such width \(.*net.py:\d+, in raises\)"),
        ("net.py:number", [], "it gave a int, but it must be a torch.nn.Module"),
        ("net.py:constant", [], "it gave a int, but it must be a torch.nn.Module"),
        ("net.py:instance", ["width=3"], "it is a Linear, which takes no arguments; leave --set width away"),
        ("net.py:Net", ["widht=3"], "unexpected keyword argument 'widht'; it is called as Net\\(width: int = 8"),
        ("torch.nn:Linear", [], "missing a required argument: 'in_features'"),
        ("net.py:Net", ["width"], "--set width: write it as name=value"),
        ("net.py:Net", ["width=3", "width=4"], "--set width=4: width was already set to 3; give it once"),
    ],
)
def test_a_wrong_target_is_told_with_what_to_do(target: str, settings: list[str], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        find_model(target, settings).build(meta=True)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def build(:", r"running broken.py raised SyntaxError: .* \(.*broken.py:1\)"),
        ("1 / 0", r"running broken.py raised ZeroDivisionError: division by zero \(.*broken.py:1, in <module>\)"),
        ("import no_such_package", "running broken.py raised ModuleNotFoundError: No module named 'no_such_package'"),
    ],
)
def test_a_file_that_cannot_be_run_shows_its_own_error(folder: Path, source: str, message: str) -> None:
    (folder / "broken.py").write_text(source)
    with pytest.raises(TargetError, match=message):
        find_model("broken.py:build")


@pytest.mark.parametrize("target", ["quits.py:build", "quits:build"])
@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "import sys\nsys.exit(7)",
            r"(running quits.py|importing quits) called sys.exit\(7\) \(.*quits.py:2, in <modu",
        ),
        ("def build():\n    raise SystemExit", r"calling it called sys.exit\(\) \(.*quits.py:2, in build\); keep what"),
        ("def __getattr__(name):\n    raise SystemExit('no')", r"importing build called sys.exit\('no'\)"),
    ],
)
def test_a_target_that_ends_the_process_is_told(folder: Path, target: str, source: str, message: str) -> None:
    (folder / "quits.py").write_text(source)
    with pytest.raises(TargetError, match=message):
        find_model(target).build(meta=True)


def test_a_module_that_fails_to_import_another_says_so_and_not_that_it_is_missing(folder: Path) -> None:
    (folder / "broken.py").write_text("import no_such_package")
    with pytest.raises(
        TargetError, match="importing broken raised ModuleNotFoundError: No module named 'no_such_package'"
    ):
        find_model("broken:build")


def test_an_unknown_dtype_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(TargetError, match="--dtype int8: this is no dtype for weights; allowed are float32, float16"):
        find_model("net.py:Net", dtype="int8")


class _Config:
    def __init__(self, **values: Any) -> None:
        self.hidden = values.get("hidden", 3)

    def to_dict(self) -> dict[str, Any]:
        return {"hidden": self.hidden}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> _Config:
        return cls(**data)


class _TinyModel(nn.Linear):
    config_class = _Config

    def __init__(self, config: _Config) -> None:
        super().__init__(config.hidden, 2)


class _Auto:
    @staticmethod
    def from_config(config: _Config) -> nn.Module:
        return nn.Linear(config.hidden, 7)


@pytest.fixture
def fake_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with the few names that are used of the library, so that these paths run wherever the tests do."""
    fake: Any = ModuleType("transformers")
    fake.TinyModel, fake.AutoModel = _TinyModel, _Auto
    fake.CONFIG_MAPPING = {"tiny": _Config}
    fake.models = ModuleType("models")
    fake.models.auto = ModuleType("auto")
    fake.models.auto.configuration_auto = fake
    monkeypatch.setitem(sys.modules, "transformers", fake)


@pytest.mark.usefixtures("fake_transformers")
def test_a_transformers_class_is_built_from_its_default_configuration() -> None:
    assert find_model("transformers:TinyModel").build(meta=True).get_parameter("weight").shape == (2, 3)
    assert find_model("transformers:TinyModel", ["hidden=5"]).build().get_parameter("weight").shape == (2, 5)


@pytest.mark.usefixtures("fake_transformers")
def test_a_config_file_names_its_class_or_is_left_to_the_auto_model(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "tiny", "hidden": 4, "architectures": ["TinyModel"]}')
    assert find_model("transformers:config.json").build().get_parameter("weight").shape == (2, 4)
    assert find_model("transformers:.", ["hidden=6"]).build().get_parameter("weight").shape == (2, 6)
    (folder / "config.json").write_text('{"model_type": "tiny", "hidden": 4}')
    assert find_model("transformers:config.json").build().get_parameter("weight").shape == (7, 4)


@pytest.mark.usefixtures("fake_transformers")
@pytest.mark.parametrize(
    ("name", "settings", "text", "message"),
    [
        ("TinyModle", [], "", "transformers has no class TinyModle; .*; did you mean 'TinyModel'"),
        ("AutoModel", [], "", "this class has no default configuration of its own"),
        ("TinyModel", ["hiden=3"], "", "--set hiden: _Config has no such setting .*; did you mean 'hidden'"),
        ("config.json", [], None, "config.json cannot be read: No such file or directory"),
        ("config.json", [], "{", "config.json is no JSON"),
        ("config.json", [], "[]", "config.json holds a list; a configuration is an object"),
        ("config.json", [], "{}", "config.json has no 'model_type'"),
        (
            "config.json",
            [],
            '{"model_type": "tyni"}',
            "model_type that transformers does not know; .*; did you mean 'tiny'",
        ),
        ("config.json", [], '{"model_type": "tiny", "architectures": ["X"]}', "'architectures' of .* names it, but"),
    ],
)
def test_a_wrong_transformers_target_is_told(
    folder: Path, name: str, settings: list[str], text: str | None, message: str
) -> None:
    if text is not None:
        (folder / "config.json").write_text(text)
    with pytest.raises(TargetError, match=message):
        find_model(f"transformers:{name}", settings)


@pytest.mark.parametrize("library", ["torchvision", "timm", "transformers"])
def test_a_library_that_is_not_installed_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setattr("importlib.import_module", lambda name: _raise(ModuleNotFoundError("no", name=library)))
    with pytest.raises(TargetError, match=f"{library} is not installed; install it: pip install {library}"):
        find_model(f"{library}:model")


def test_a_library_that_is_installed_but_broken_shows_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.import_module", lambda name: _raise(RuntimeError("operator nms does not exist")))
    with pytest.raises(
        TargetError, match="torchvision is installed but cannot be imported: RuntimeError: operator nms"
    ):
        find_model("torchvision:resnet18")


@pytest.mark.parametrize(("target", "name"), [("torchvision:resnet18", "weights"), ("timm:resnet18", "pretrained")])
def test_weights_are_never_downloaded(target: str, name: str) -> None:
    with pytest.raises(TargetError, match=f"--set {name}: weights are never downloaded; leave it away"):
        find_model(target, [f"{name}=True"])


def test_a_torchvision_model_is_built_without_weights_of_any_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def builder(*, weights: str | None = "W", weights_backbone: str | None = "B", classes: int = 2) -> nn.Module:
        assert weights is None
        assert weights_backbone is None
        return nn.Linear(1, classes)

    fake: Any = ModuleType("torchvision.models")
    fake.list_models = lambda: ["resnet18"]
    fake.get_model_builder = lambda name: builder
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", fake)
    assert find_model("torchvision:resnet18", ["classes=3"]).build().get_parameter("weight").shape == (3, 1)
    with pytest.raises(TargetError, match=r"torchvision has no such model; .*; did you mean 'resnet18'"):
        find_model("torchvision:resnet19")


@pytest.mark.parametrize(
    "target",
    ["torchvision:resnet18", "timm:resnet18", "transformers:GPT2LMHeadModel"],
)
def test_a_library_that_is_installed_gives_its_real_model(target: str) -> None:
    pytest.importorskip(target.partition(":")[0], reason="the library is not installed here")
    assert sum(p.numel() for p in find_model(target).build(meta=True).parameters()) > 10_000_000


def _raise(error: Exception) -> Any:
    raise error
