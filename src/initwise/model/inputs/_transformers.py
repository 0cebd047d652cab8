"""Candidates for models of transformers: forward's signature says what is asked, the configuration how large it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from initwise.model.inputs._arguments import Call
from initwise.model.inputs._example import Example
from initwise.model.inputs._plain import required
from initwise.model.inputs._settings import TEXT

MAIN = ("input_ids", "pixel_values", "input_features", "input_values", "past_values", "inputs", "inputs_embeds")
WITH_IMAGES = ("image_grid_thw", "mm_token_type_ids", "image_sizes")
ALWAYS = ("bbox", "xpath_tags_seq", "xpath_subs_seq")


def transformers_candidates(model: Any) -> Iterator[Example]:
    """Yield inputs of everything that the model takes (text and images, say), then of its main input alone."""
    seen: list[set[str]] = []
    for names in (_everything(model), _main(model)):
        if names and set(names) not in seen:
            seen.append(set(names))
            example = _example(Call(model, model.config, batch=_batch(model)), names)
            if example is not None:
                yield example


def mended(model: Any, example: Example, error: BaseException) -> Example | None:
    """Return the example with as many placeholders as the model says it has features; None where it does not say."""
    match = _COUNTS.search(str(error))
    if match is None or "input_ids" not in example.kwargs:
        return None
    what, found, wanted = match["what"].lower(), int(match["tokens"]), int(match["features"])
    if found == wanted:
        return None
    counts = {"images": wanted} if what.startswith("image") else {"audios": wanted}
    batch = 1 if wanted else _batch(model)
    call = Call(model, model.config, batch=batch, length=wanted + 16, **counts)
    return _example(call, [name for name in example.kwargs if name != "use_cache"])


_COUNTS = re.compile(
    r"(?P<what>image|audio)\w* features and \w+ tokens do not match,? \D*(?P<tokens>\d+)\D+(?P<features>\d+)",
    re.IGNORECASE,
)


def _example(call: Call, names: list[str]) -> Example | None:
    for name in names:
        value = call.value(name)
        if value is None:
            return None
        call.done[name] = value
    if "use_cache" in call.parameters:
        call.done["use_cache"] = False
    return Example((), dict(call.done))


def _batch(model: Any) -> int:
    """Two, or one for a classifier of sequences that cannot find the end of padded ones."""
    config = model.config
    text = next((part for name in TEXT if (part := getattr(config, name, None)) is not None), config)
    one = "ForSequenceClassification" in type(model).__name__ and getattr(text, "pad_token_id", None) is None
    return 1 if one or "images" in _modalities(model) else 2


def _modalities(model: Any) -> tuple[str, ...]:
    found = getattr(model, "input_modalities", ())
    return (found,) if isinstance(found, str) else tuple(found)


def _main(model: Any) -> list[str]:
    takes = Call(model, model.config).parameters
    names = required(model)
    main = getattr(model, "main_input_name", None)
    for name in main if isinstance(main, (list, tuple)) else (main, *MAIN):
        if name in takes and not names:
            names = [name]
    if _has_decoder(model) and "decoder_input_ids" in takes:
        names.append("decoder_input_ids")
    return _ordered([*names, *(name for name in ALWAYS if name in takes)])


def _everything(model: Any) -> list[str]:
    takes = Call(model, model.config).parameters
    names = _main(model)
    modalities = _modalities(model)
    if "text" in modalities and "input_ids" in takes:
        names.append("input_ids")
    if "image" in modalities and "pixel_values" in takes:
        names += ["pixel_values", *(name for name in WITH_IMAGES if name in takes)]
    if "audio" in modalities:
        names += [name for name in ("input_features", "input_values", "input_features_mask") if name in takes][:2]
    return _ordered(names)


def _ordered(names: list[str]) -> list[str]:
    """Each once; ids and pixels first, because masks are made to fit them."""
    first = [name for name in ("input_ids", "pixel_values", "input_features") if name in names]
    return list(dict.fromkeys([*first, *names]))


def _has_decoder(model: Any) -> bool:
    return bool(getattr(model.config, "is_encoder_decoder", False))
