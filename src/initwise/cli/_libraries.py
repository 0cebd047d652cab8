"""Targets in model libraries: torchvision, timm and transformers. Nothing is ever downloaded."""

from __future__ import annotations

import importlib
import inspect
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from initwise._arguments import nearest
from initwise.cli._calls import attribute, done, name_of, told
from initwise.errors import TargetError

Builder = Callable[[], Any]

_WEIGHTS = ("weights", "weights_backbone", "pretrained")


def torchvision_model(name: str, arguments: Mapping[str, Any]) -> Builder:
    """A model of torchvision by the name that `torchvision.models.list_models()` lists, without its weights."""
    target = f"torchvision:{name}"
    _refuse_weights(target, arguments)
    models = _import(target, "torchvision.models", "torchvision")
    if name not in models.list_models():
        raise _unknown(
            target, "torchvision has no such model", "torchvision.models.list_models()", models.list_models()
        )
    build = models.get_model_builder(name)
    # Some builders fetch the weights of their backbone by default, also where none were asked for.
    nothing = {key: None for key in _WEIGHTS if key in inspect.signature(build).parameters}
    return lambda: _call(target, build, {**nothing, **arguments})


def timm_model(name: str, arguments: Mapping[str, Any]) -> Builder:
    """A model of timm by the name that `timm.list_models()` lists, without its weights."""
    target = f"timm:{name}"
    _refuse_weights(target, arguments)
    timm = _import(target, "timm", "timm")
    if not timm.is_model(name):
        raise _unknown(target, "timm has no such model", "timm.list_models()", timm.list_models())
    return lambda: _call(target, timm.create_model, {"model_name": name, "pretrained": False, **arguments})


def transformers_model(name: str, arguments: Mapping[str, Any]) -> Builder:
    """A model class of transformers with its default configuration, or what a local config.json describes."""
    target = f"transformers:{name}"
    transformers = _import(target, "transformers", "transformers")
    if name.endswith(".json") or Path(name).is_dir():
        return _from_file(target, transformers, Path(name), arguments)
    model = attribute(target, transformers, name)
    if model is None:
        raise _unknown(target, f"transformers has no class {name}", "dir(transformers)", dir(transformers))
    config = getattr(model, "config_class", None)
    if config is None:
        raise TargetError(
            f"target {target!r}: this class has no default configuration of its own; name a model class such as"
            " GPT2LMHeadModel, or give the path of a config.json."
        )
    _check_settings(target, config, arguments)
    return lambda: _call(target, model, {}, lambda: (config(**arguments),))


def _from_file(target: str, transformers: Any, path: Path, arguments: Mapping[str, Any]) -> Builder:
    file = path / "config.json" if path.is_dir() else path
    data = _read(target, file)
    kind = data.get("model_type")
    if not isinstance(kind, str):
        raise TargetError(f"target {target!r}: {file} has no 'model_type'; transformers needs it to know the model.")
    known = transformers.models.auto.configuration_auto.CONFIG_MAPPING
    if kind not in known:
        raise _unknown(
            f"transformers:{kind}",
            f"{file} has a model_type that transformers does not know",
            "transformers.CONFIG_MAPPING",
            known,
        )
    config = known[kind]
    _check_settings(target, config, arguments)
    values = {**data, **arguments}
    model = _architecture(target, transformers, values)
    return lambda: _call(target, model, {}, lambda: (config.from_dict(dict(values)),))


def _architecture(target: str, transformers: Any, data: Mapping[str, Any]) -> Any:
    """The class in "architectures"; without one, what AutoModel makes of the configuration."""
    names = data.get("architectures") or []
    if not names:
        return transformers.AutoModel.from_config
    model = attribute(target, transformers, str(names[0]))
    if model is None:
        offered = dir(transformers)
        raise _unknown(
            f"transformers:{names[0]}",
            f"'architectures' of {target} names it, but transformers does not have it",
            "dir(transformers)",
            offered,
        )
    return model


def _read(target: str, file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise TargetError(f"target {target!r}: {file} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise TargetError(f"target {target!r}: {file} is no JSON: {error}.") from error
    if not isinstance(data, dict):
        raise TargetError(f"target {target!r}: {file} holds a {type(data).__name__}; a configuration is an object.")
    return data


def _check_settings(target: str, config: Any, arguments: Mapping[str, Any]) -> None:
    """Refuse names that the configuration does not have: its class would take and ignore them in silence."""
    default = config()
    for name in arguments:
        if not hasattr(default, name):
            raise TargetError(
                f"--set {name}: {config.__name__} has no such setting (target {target!r});"
                f" {config.__name__}().to_dict() lists them{nearest(name, default.to_dict())}"
            )


def _unknown(target: str, what: str, listing: str, names: Iterable[str]) -> TargetError:
    name = target.partition(":")[2]
    return TargetError(f"target {target!r}: {what}; {listing} lists what there is{nearest(name, names)}")


def _refuse_weights(target: str, arguments: Mapping[str, Any]) -> None:
    for name in _WEIGHTS:
        if arguments.get(name):
            raise TargetError(f"--set {name}: weights are never downloaded; leave it away (target {target!r}).")


def _import(target: str, module: str, package: str) -> Any:
    # Read by the libraries when they are imported: from here on no lookup may leave this machine.
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise TargetError(f"target {target!r}: importing {package} {done(error)}") from error
        raise TargetError(
            f"target {target!r}: {package} is not installed; install it: pip install {package}"
        ) from error
    except (Exception, SystemExit) as error:
        raise TargetError(
            f"target {target!r}: {package} is installed but cannot be imported: {told(error)}; install the build of it"
            " that belongs to the installed torch."
        ) from error


def _call(target: str, build: Any, named: Mapping[str, Any], positional: Callable[[], tuple[Any, ...]] = tuple) -> Any:
    try:
        return build(*positional(), **named)
    except (Exception, SystemExit) as error:
        raise TargetError(f"target {target!r}: calling {name_of(build)} {done(error)}") from error


LIBRARIES: dict[str, Callable[[str, Mapping[str, Any]], Builder]] = {
    "torchvision": torchvision_model,
    "timm": timm_model,
    "transformers": transformers_model,
}
