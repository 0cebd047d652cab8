"""Every architecture there is to read: of timm, of torchvision, and the model classes of transformers."""

from __future__ import annotations

import fnmatch
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

LIBRARIES = ("timm", "torchvision", "transformers")
NEEDED = {  # libraries that a few models of transformers ask for when they are built, and that are not ours to install
    "LayoutLMv2": "detectron2",
    "Dinat": "natten",
    "HiggsAudioV2Tokenizer": "torchaudio",
}


@dataclass(frozen=True, order=True)
class Entry:
    """One architecture: a library, and the name under which it builds it."""

    library: str
    name: str

    def __str__(self) -> str:
        return f"{self.library}:{self.name}"


def entries(libraries: Iterable[str] = LIBRARIES, match: str = "*") -> list[Entry]:
    """Return the architectures of `libraries` whose name fits the glob `match`, in the order of their names."""
    return [
        Entry(library, name)
        for library in libraries
        for name in sorted(_NAMES[library]())
        if fnmatch.fnmatchcase(name, match)
    ]


def drawn(found: list[Entry], count: int) -> list[Entry]:
    """Return `count` of the entries, as many from each library as its share, the same ones each time."""
    chosen = random.Random(0).sample(found, min(count, len(found)))
    return sorted(chosen)


def _timm() -> list[str]:
    import timm

    return list(timm.list_models())


def _torchvision() -> list[str]:
    import torchvision

    return [name for name in torchvision.models.list_models() if not name.startswith("quantized_")]


def _transformers() -> list[str]:
    return list(transformers_classes())


def transformers_classes() -> dict[str, str]:
    """Return every model class that an auto class of transformers can make, with the first model type that has it."""
    import transformers
    from transformers.models.auto import modeling_auto

    found: dict[str, str] = {}
    offered = set(dir(transformers))  # to ask for a class imports its module
    for listing in sorted(name for name in dir(modeling_auto) if re.fullmatch(r"MODEL_\w*MAPPING_NAMES", name)):
        for kind, named in getattr(modeling_auto, listing).items():
            for name in (named,) if isinstance(named, str) else named:
                if name in offered and not name.startswith(tuple(NEEDED)):
                    found.setdefault(name, kind)
    return found


_NAMES: dict[str, Callable[[], list[str]]] = {
    "timm": _timm,
    "torchvision": _torchvision,
    "transformers": _transformers,
}
