"""Candidates for models of transformers: forward's signature says what is asked, the configuration how large it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from initwise.model.inputs._arguments import VALUES, placeholders
from initwise.model.inputs._call import LENGTH, Call
from initwise.model.inputs._example import Example
from initwise.model.inputs._families import family
from initwise.model.inputs._plain import required
from initwise.model.inputs._settings import TEXT

MAIN = ("input_ids", "pixel_values", "input_features", "input_values", "past_values", "inputs", "inputs_embeds")
WITH_IMAGES = ("image_grid_thw", "mm_token_type_ids")
OPTIONAL = ("bool_masked_pos", "encoder_hidden_states")  # without them a mask token or cross-attention has no use
CROSS = ("crossattention", "encoder_attn", "cross_attn", "cross_attention", "EncDecAttention")
PATIENCE = 4  # how often one example is mended
ALWAYS = ("bbox", "xpath_tags_seq", "xpath_subs_seq")


def transformers_candidates(model: Any) -> Iterator[Example]:
    """Yield inputs of everything that the model takes (text and images, say), then of its main input alone."""
    seen: list[set[str]] = []
    own = family(model)
    everything = [[*names, *own] for names in _everything(model)]
    main = _main(model)
    for names in (*everything, [*main, *(name for name in own if name in main or name not in _SIGNALS)]):
        if names and set(names) not in seen:
            seen.append(set(names))
            example = _example(_call(model, names), names)
            if example is not None:
                yield example


def mended(model: Any, example: Example, error: BaseException) -> Example | None:
    """Return the example with as many placeholders as the model says it has features; None where it does not say.

    Vision-language models of transformers refuse a text with too few placeholders, and tell how many features an image
    has: only they know it.
    """
    match = _COUNTS.search(str(error))
    ids = example.kwargs.get("input_ids")
    if match is None or ids is None or example.mended >= PATIENCE:
        return None
    call = _call(model, list(example.kwargs))
    wanted = int(match["wanted"])
    if wanted > _MOST:  # some count the elements of all features
        wanted //= int(call.setting("hidden_size", within=TEXT, default=1))
    call.images, call.audios = (placeholders(call, ids, what) for what in ("image", "audio"))
    here = "images" if match["what"].lower() == "image" else "audios"
    if wanted in (getattr(call, here), 0) or wanted > _MOST:
        return None
    setattr(call, here, wanted)
    call.length = LENGTH + call.images + call.audios
    better = _example(call, [name for name in example.kwargs if name != "use_cache"])
    return None if better is None else replace(better, mended=example.mended + 1)


_MOST = 1 << 13
_COUNTS = re.compile(
    r"(?P<what>image|audio)\w* features and \w+ tokens do not match\D*(?P<found>\d+)\D+(?P<wanted>\d+)", re.IGNORECASE
)


def _call(model: Any, names: list[str]) -> Call:
    """Two texts; or one, if it goes with an image, or to a classifier that cannot find the end of padded ones."""
    config = model.config
    text = next((part for name in TEXT if (part := getattr(config, name, None)) is not None), config)
    padded = "ForSequenceClassification" not in type(model).__name__ or getattr(text, "pad_token_id", None) is not None
    alone = "input_ids" not in names or names == ["input_ids"] or not _SIGNALS.intersection(names)
    return Call(model, config, VALUES, batch=2 if padded and alone else 1)


_SIGNALS = {
    "pixel_values",
    "pixel_values_videos",
    "high_res_pixel_values",
    "input_features",
    "input_values",
    "image_attention_mask",
    "pixel_attention_mask",
    "input_features_mask",
    "feature_attention_mask",
    "spatial_shapes",
    "target_sizes",
    "image_merge_sizes",
    "aspect_ratio_ids",
    "aspect_ratio_mask",
}


def _example(call: Call, names: list[str]) -> Example | None:
    own = family(call.model)
    for name in _ordered([name for name in names if call.takes(name)]):
        call.making = name
        try:
            value = own[name](call) if name in own else call.plain(name)
        except (AttributeError, KeyError, TypeError, ValueError):  # a configuration with other settings than we know
            return None
        if value is None and name not in own:
            return None
        if value is not None:
            call.done[name] = value
    if "use_cache" in call.parameters:
        call.done["use_cache"] = False
    return Example((), dict(call.done))


def _modalities(model: Any) -> tuple[str, ...]:
    found = getattr(model, "input_modalities", ())
    return (found,) if isinstance(found, str) else tuple(found)


def _main(model: Any) -> list[str]:
    takes = _call(model, []).parameters
    names = required(model)
    main = getattr(model, "main_input_name", None)
    for name in main if isinstance(main, (list, tuple)) else (main, *MAIN):
        if name in takes and not names:
            names = [name]
    if _has_decoder(model) and "decoder_input_ids" in takes:
        names.append("decoder_input_ids")
    return _ordered([*names, *(name for name in ALWAYS if name in takes)])


def _everything(model: Any) -> Iterator[list[str]]:
    """Yield the arguments of all modalities, first with those that are optional and that a part of it waits for."""
    takes = _call(model, []).parameters
    names = _main(model)
    modalities = _modalities(model)
    if "text" in modalities and "input_ids" in takes:
        names.append("input_ids")
    if "image" in modalities and "pixel_values" in takes:
        names += ["pixel_values", *(name for name in WITH_IMAGES if name in takes)]
    if "audio" in modalities:
        names += [name for name in ("input_features", "input_values", "input_features_mask") if name in takes][:2]
    optional = [name for name in OPTIONAL if name in takes and (name != "encoder_hidden_states" or _crosses(model))]
    yield _ordered([*names, *optional])
    if "image_sizes" in takes and "pixel_values" in names:
        yield _ordered([*names, *optional, "image_sizes"])
    yield _ordered(names)


def _crosses(model: Any) -> bool:
    """Whether a decoder alone has attention to an encoder's states."""
    return not _has_decoder(model) and any(path.rpartition(".")[2] in CROSS for path, _ in model.named_modules())


def _ordered(names: list[str]) -> list[str]:
    """Each once; ids and pixels first, because masks are made to fit them."""
    first = [name for name in ("input_ids", "pixel_values", "input_features") if name in names]
    return list(dict.fromkeys([*first, *names]))


def _has_decoder(model: Any) -> bool:
    return bool(getattr(model.config, "is_encoder_decoder", False))
