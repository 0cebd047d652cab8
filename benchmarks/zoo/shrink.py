"""Configurations of transformers with fewer layers: the same kinds of parameters, and fewer of each to read.

Only depths are cut. A model reads as it would at its full depth, and every width fits every other one, because they are
the ones that its authors chose.
"""

from __future__ import annotations

from typing import Any

from benchmarks.zoo.settings import DEEP, FOR_CLASS, SETTINGS

DEPTHS = frozenset(
    """
    num_hidden_layers encoder_layers decoder_layers num_layers depth num_encoder_layers num_decoder_layers n_layer
    n_layers layers pred_num_hidden_layers decoder_num_hidden_layers encoder_num_hidden_layers resampler_depth
    speech_encoder_layers t2u_encoder_layers t2u_decoder_layers conf_num_hidden_layers num_spatial_layers
    num_temporal_layers num_auxiliary_layers decoder_num_layers text_encoder_num_layers num_self_attends_per_block
    folding_trunk_num_hidden_layers l_layers x_layers r_layers num_timestamp_prediction_layers num_layers_per_stack
    """.split()
)
KINDS = ("layer_types", "layers_block_type", "mlp_layer_types", "attention_layers")  # what each layer is, one by one
LEAST = 2
MOST = 12  # where the kinds of layers take this many to meet all of them


def smallest(kind: type, model: str = "", *, shorten: bool = True) -> Any:
    """Return a configuration of class `kind` whose stacks of layers are as short as their variety of layers allows.

    Args:
        kind: the class of the configuration.
        model: the class that is built from it, which may need settings of its own.
        shorten: leave the depths as they are if False.
    """
    name = getattr(kind, "model_type", "")
    shorten = shorten and name not in DEEP
    settings = SETTINGS.get(name, {}) | FOR_CLASS.get(model, {})
    config = kind(**(changes(kind(**settings), shorten=shorten) | settings))
    _fit(config)
    return config


def _fit(config: Any) -> None:
    """Let what looks give vectors of the width of what reads, where the defaults of the two parts disagree."""
    text: Any = getattr(config, "text_config", None)
    vision: Any = getattr(config, "vision_config", None)
    for name in ("out_hidden_size", "output_dim"):
        if hasattr(vision, name) and hasattr(text, "hidden_size"):
            setattr(vision, name, text.hidden_size)


def changes(config: Any, *, shorten: bool) -> dict[str, Any]:
    """Return the arguments that make a configuration like `config`, with short stacks of layers, of known parts."""
    given: dict[str, Any] = {}
    for name, value in vars(config).items():
        if isinstance(value, bool):
            continue
        if hasattr(value, "to_diff_dict"):
            given |= _part(name, value, shorten)
        elif shorten and name in DEPTHS and isinstance(value, int):
            given[name] = min(value, _enough(config))
        elif shorten and name == "depths" and isinstance(value, (list, tuple)):
            given[name] = type(value)(min(depth, LEAST) for depth in value)
    return given


def _part(name: str, config: Any, shorten: bool) -> dict[str, Any]:
    """The configuration of a part, with the settings that its whole has made for it, but for what changes in it."""
    new = changes(config, shorten=shorten and config.model_type not in DEEP) | SETTINGS.get(config.model_type, {})
    if not new:
        return {}
    given = config.to_diff_dict()
    for derived in ("model_type", "transformers_version", "dtype", *KINDS):
        given.pop(derived, None)
    return {name: type(config)(**(given | new))}


def _enough(config: Any) -> int:
    """How many layers show every kind of layer."""
    enough = LEAST
    for name in KINDS:
        kinds = getattr(config, name, None)
        if isinstance(kinds, (list, tuple)) and kinds and all(isinstance(kind, str) for kind in kinds):
            enough = max(enough, *(list(kinds).index(kind) + 1 for kind in set(kinds)))
    return enough if enough <= MOST else LEAST
