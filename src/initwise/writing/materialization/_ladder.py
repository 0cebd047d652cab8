"""The ways to the values of a buffer, tried one after the other; what none of them knows is told with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from initwise.shards import held
from initwise.writing._poison import poisoned
from initwise.writing.materialization._alike import difference
from initwise.writing.materialization._arguments import is_pretrained
from initwise.writing.materialization._construction import Constructed
from initwise.writing.materialization._doubt import writes
from initwise.writing.materialization._modes import unwritten
from initwise.writing.materialization._own_methods import fill_by_own_method
from initwise.writing.materialization._rebuilt import Rebuilt, Unknown
from initwise.writing.materialization._wanted import Site, Wanted

_ADVICE = "give build=, a function that constructs the model"
_NEVER = "its constructor never writes it (torch.empty)"
_OWN = -1  # the depth of a stand-in for the owner itself
_Attempt = Callable[[], tuple[Sequence[Constructed], int]]  # what was constructed, and for which module of a chain


class Ladder:
    """Looks for the values of tensors that no plan decides.

    1. `build`: the user constructs the model, on the CPU, without memory for its parameters.
    2. A model of transformers, the outermost first, is constructed again from its configuration.
    3. Methods that modules have for it, on a stand-in (torch's norms, timm, torchvision, transformers).
    4. The module itself, or else the nearest one around it, is constructed again, if it keeps all of its arguments.

    What is constructed must agree with what is here, and what is here must not have been written since. Everything is
    computed for each floating dtype that the model may have been constructed under, and for two seeds if random numbers
    were drawn; what is not the same is not known.
    """

    def __init__(
        self, model: nn.Module, wanted: Sequence[Wanted], *, build: Callable[[], Any] | None, seed: int, shapes: bool
    ) -> None:
        self.build = build
        self.seed = seed
        self.shapes = shapes
        sizes: dict[bool, set[torch.Size]] = {True: set(), False: set()}
        for each in wanted:
            sizes[each.sites[0].kind == "parameter"].add(torch.Size(held(each.tensor).whole))
        self.rebuilt = Rebuilt(_dtypes(model), kept=sizes[True], buffers=sizes[True] | sizes[False], sized=shapes)

    def values(self, wanted: Wanted) -> Tensor:
        """Return the values of one tensor, on the CPU.

        Raises:
            Unknown: no way leads to them.
        """
        reasons = []
        for site in wanted.sites:
            for way in (self._built,) if self.build else (self._from_config, self._by_method, self._again):
                for attempt in way(site):
                    try:
                        return self._agreed(wanted, site, *attempt())
                    except Unknown as reason:
                        reasons.append(str(reason))
        unique = [each for each in dict.fromkeys(reasons) if each]
        said = "; ".join(unique[:3]) or "its module keeps nothing to compute it from"
        advice = "" if self.build else f"; {_ADVICE}"
        raise Unknown(f"{wanted.name!r} ({_described(wanted)}) has no values: {said}{advice}")

    def _built(self, site: Site) -> Iterator[_Attempt]:
        def attempt() -> tuple[list[Constructed], int]:
            assert self.build is not None  # noqa: S101 - for the type checker
            return self.rebuilt.built(self.build, self.seed), 0

        yield attempt

    def _from_config(self, site: Site) -> Iterator[_Attempt]:
        for depth, (_, module) in enumerate(site.chain):
            if is_pretrained(module):
                yield partial(self._replayed, site, depth)

    def _again(self, site: Site) -> Iterator[_Attempt]:
        yield from (partial(self._replayed, site, depth) for depth in reversed(range(len(site.chain))))

    def _replayed(self, site: Site, depth: int) -> tuple[list[Constructed], int]:
        _refuse_doubt(site, depth)
        return self.rebuilt.again(site.chain[depth][1]), depth

    def _by_method(self, site: Site) -> Iterator[_Attempt]:
        def attempt() -> tuple[list[Constructed], int]:
            above = [module for _, module in site.chain[:-1]]
            _refuse_doubt(site, len(above))
            found: list[Constructed] = []
            for dtype in self.rebuilt.dtypes:
                try:
                    found += fill_by_own_method(site.owner, above, dtype)
                except Exception as error:  # noqa: BLE001 - it may ask for parameters' values, which are not there
                    raise Unknown(f"its own method failed: {type(error).__name__}: {error}") from None
            if not found:
                raise Unknown("")
            return found, _OWN

        yield attempt

    def _agreed(self, wanted: Wanted, site: Site, made: Sequence[Constructed], depth: int) -> Tensor:
        """Return what all constructions have at the place of `site`, in the dtype that is there."""
        found = [self._value(site, each, depth) for each in made]
        values = [_converted(value, wanted.tensor) for value in found]
        constructed = min(each.writes(value) for each, value in zip(made, found, strict=True))
        if not self.build and _written(wanted.tensor) > constructed:  # `build` is what the user says that it shall be
            raise Unknown("it was written into after its constructor")
        if all(_equal(values[0], other) for other in values[1:]):
            return values[0]
        if depth == _OWN:
            raise Unknown("its own method leaves some of it as it was, or draws it at random")
        if any(_never_written(*one, *other) for one, other in pairwise(zip(found, made, strict=True))):
            raise Unknown(_NEVER)
        if self.build is not None and site.kind != "parameter":
            return values[0]  # drawn from the seed of the plan
        raise Unknown(
            "its constructor draws it at random"
            if self.build or len(self.rebuilt.dtypes) == 1
            else "its values depend on the default dtype that the model was built under, or are drawn at random"
        )

    def _value(self, site: Site, made: Constructed, depth: int) -> Tensor:
        owner = made.module if depth == _OWN else _counterpart(site, made.module, depth)
        said = "" if depth == _OWN else difference(site.owner, owner, shapes=self.shapes)
        if said:
            raise Unknown(f"{(site.chain[-1][0] or type(site.owner).__name__)!r}, constructed again, differs: {said}")
        value = site.within(owner)
        if value is None or value.is_meta:
            raise Unknown("its constructor leaves it without values" if value is not None else "it is not built again")
        return value


def _refuse_doubt(site: Site, depth: int) -> None:
    found = writes(tuple(module for _, module in site.chain[:depth]), site.attribute)
    if found:
        raise Unknown(found)


def _counterpart(site: Site, module: nn.Module, depth: int) -> nn.Module:
    """Return what stands for the owner of `site` in a module that stands for the one at `depth`; types must agree."""
    start = site.chain[depth][0]
    found = module
    for path, here in site.chain[depth + 1 :]:
        inside = path.removeprefix(start).lstrip(".") if start else path
        try:
            found = module.get_submodule(inside)
        except AttributeError:
            raise Unknown(f"constructed again it has no {inside!r}") from None
        if not isinstance(here, type(found)):
            raise Unknown(f"constructed again, {inside!r} is a {type(found).__name__}")
    return found


def _converted(value: Tensor, asked: Tensor) -> Tensor:
    """Return a value that was constructed in the dtype that is here; kind and shape must agree."""
    if value.shape != torch.Size(held(asked).whole):
        raise Unknown(f"constructed again it has shape {tuple(value.shape)}, and {tuple(asked.shape)} is here")
    if value.dtype != asked.dtype and not (value.is_floating_point() and asked.is_floating_point()):
        raise Unknown(f"constructed again it is {value.dtype}, and {asked.dtype} is here")
    if (value.is_floating_point() or value.is_complex()) and poisoned(value, exact=True):
        raise Unknown(_NEVER)
    return value.detach().to(asked.dtype)


def _never_written(one: Tensor, made: Constructed, other: Tensor, again: Constructed) -> bool:
    """Tell whether two constructions left their marks in integers; one of few bits may hold them by chance."""
    if one.is_complex() or made.mark == again.mark:
        return False
    left = unwritten(one, made.mark) & unwritten(other, again.mark)
    return bool(left.any() if one.element_size() > 1 else left.all())


def _written(tensor: Tensor) -> int:
    """Return how often a tensor was written in place, which the meta device counts too."""
    return 0 if tensor.is_inference() else tensor._version


def _dtypes(model: nn.Module) -> list[torch.dtype]:
    """Return the floating dtypes that the model may have been constructed under."""
    found = {torch.get_default_dtype(): None}
    for each in model.parameters():
        if each.dtype in {torch.float32, torch.float64, torch.float16, torch.bfloat16}:
            found[each.dtype] = None
    return list(found)


def _equal(one: Tensor, other: Tensor) -> bool:
    first, second = (each.contiguous().reshape(-1).view(torch.uint8) for each in (one, other))
    return torch.equal(first, second)


def _described(wanted: Wanted) -> str:
    kind = {"parameter": "kept by the plan"}.get(wanted.sites[0].kind, wanted.sites[0].kind)
    return f"{kind}, {tuple(wanted.tensor.shape)} {str(wanted.tensor.dtype).removeprefix('torch.')}"
