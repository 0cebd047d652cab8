"""The ways to the values of a buffer, tried one after the other; what none of them knows is told with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from initwise.shards import held
from initwise.writing._poison import poisoned
from initwise.writing.materialization._alike import difference
from initwise.writing.materialization._arguments import arguments, is_pretrained, unsharded
from initwise.writing.materialization._construction import construct
from initwise.writing.materialization._doubt import writer
from initwise.writing.materialization._own_methods import fill_by_own_method
from initwise.writing.materialization._wanted import Site, Wanted

_ADVICE = "give build=, a function that constructs the model"
_SEEDS = (0x1A17, 0x2B28)
_Attempt = Callable[[], tuple[list[nn.Module], int]]  # what was constructed, and for which module of a chain


class Unknown(Exception):  # noqa: N818 - it says that a way leads nowhere, and is no error
    """A way does not lead to the values; the message says why."""


class Ladder:
    """Looks for the values of tensors that no plan decides.

    1. `build`: the user constructs the model, on the CPU, without memory for its parameters.
    2. A model of transformers, the outermost first, is constructed again from its configuration.
    3. Methods that modules have for it, on a stand-in (torch's norms, timm, torchvision, transformers).
    4. The module itself, or else the nearest one around it, is constructed again, if it keeps all of its arguments.

    What is constructed must agree with what is here. Everything is computed for each floating dtype that the model may
    have been constructed under, and for two seeds if random numbers were drawn; what is not the same is not known.
    """

    def __init__(
        self, model: nn.Module, wanted: Sequence[Wanted], *, build: Callable[[], Any] | None, seed: int, shapes: bool
    ) -> None:
        self.build = build
        self.seed = seed
        self.shapes = shapes
        self.real = {torch.Size(held(each.tensor).whole) for each in wanted if each.sites[0].kind == "parameter"}
        self.dtypes = _dtypes(model)
        self._known: dict[Any, list[nn.Module]] = {}

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
        def attempt() -> tuple[list[nn.Module], int]:
            assert self.build is not None  # noqa: S101 - for the type checker
            return self._constructions("build", self.build, [None], (self.seed, self.seed ^ 1)), 0

        yield attempt

    def _from_config(self, site: Site) -> Iterator[_Attempt]:
        for depth, (_, module) in enumerate(site.chain):
            if is_pretrained(module):
                yield partial(self._replayed, site, depth)

    def _replayed(self, site: Site, depth: int) -> tuple[list[nn.Module], int]:
        self._refuse_doubt(site, depth)
        return self._replays(site.chain[depth][1]), depth

    def _by_method(self, site: Site) -> Iterator[_Attempt]:
        def attempt() -> tuple[list[nn.Module], int]:
            above = [module for _, module in site.chain[:-1]]
            self._refuse_doubt(site, len(site.chain) - 1)
            found: list[nn.Module] = []
            for dtype in self.dtypes:
                try:
                    found += fill_by_own_method(site.owner, above, dtype)
                except Exception as error:  # noqa: BLE001 - it may ask for parameters' values, which are not there
                    raise Unknown(f"its own method failed: {type(error).__name__}: {error}") from None
            if not found:
                raise Unknown("")
            return found, -1

        yield attempt

    def _again(self, site: Site) -> Iterator[_Attempt]:
        yield from (partial(self._replayed, site, depth) for depth in reversed(range(len(site.chain))))

    def _refuse_doubt(self, site: Site, depth: int) -> None:
        found = writer(tuple(module for _, module in site.chain[:depth]), site.attribute)
        if found:
            raise Unknown(f"{found} writes into {site.attribute!r} after its module was built")

    def _replays(self, module: nn.Module) -> list[nn.Module]:
        found = arguments(module)
        if isinstance(found, str):
            raise Unknown(f"{type(module).__name__}: {found}")
        kind = type(module)

        def make() -> nn.Module:
            again = arguments(module)
            assert not isinstance(again, str)  # noqa: S101 - it was asked above
            return unsharded(kind)(**again)

        made = self._constructions(id(module), make, self.dtypes, _SEEDS)
        for each in made:
            said = difference(module, each, shapes=self.shapes)
            if said:
                raise Unknown(f"{kind.__name__}, constructed again from its attributes, differs: {said}")
        return made

    def _constructions(
        self, key: Any, make: Callable[[], Any], dtypes: Iterable[torch.dtype | None], seeds: tuple[int, int]
    ) -> list[nn.Module]:
        """Return what was constructed, once for each dtype, and under another seed if random numbers were drawn."""
        found = self._known.get(key)
        if found is None:
            found = []
            for dtype in dtypes:
                try:
                    for seed in seeds:
                        made = construct(make, seed=seed, dtype=dtype, real=self.real, whole=key == "build")
                        found.append(made.module)
                        if not made.drew:
                            break
                except Exception as error:  # noqa: BLE001 - a constructor may want anything
                    found = [_Failed(f"{type(error).__name__}: {error}")]
                    break
            self._known[key] = found
        if isinstance(found[0], _Failed):
            raise Unknown(f"{'build' if key == 'build' else 'constructing it again'} failed: {found[0].said}")
        return found

    def _agreed(self, wanted: Wanted, site: Site, modules: Sequence[nn.Module], depth: int) -> Tensor:
        """Return what all constructions have at the place of `site`, in the dtype that is there."""
        found = [self._value(wanted, site, module, depth) for module in modules]
        random_allowed = self.build is not None and site.kind != "parameter"
        for other in () if random_allowed else found[1:]:
            if not _equal(found[0], other):
                raise Unknown(
                    "its constructor draws it at random"
                    if self.build or len(self.dtypes) == 1
                    else "its values depend on the default dtype that the model was built under, or are drawn at random"
                )
        return found[0]

    def _value(self, wanted: Wanted, site: Site, module: nn.Module, depth: int) -> Tensor:
        owner = _counterpart(site, module, depth)
        if depth >= 0:
            said = difference(site.owner, owner, shapes=self.shapes)
            if said:
                raise Unknown(
                    f"{(site.chain[-1][0] or type(site.owner).__name__)!r}, constructed again, differs: {said}"
                )
        value = site.within(owner)
        if value is None or value.is_meta:
            raise Unknown("its constructor leaves it without values" if value is not None else "it is not built again")
        asked = wanted.tensor
        if value.shape != torch.Size(held(asked).whole):
            raise Unknown(f"constructed again it has shape {tuple(value.shape)}, and {tuple(asked.shape)} is here")
        if value.dtype != asked.dtype and not (value.is_floating_point() and asked.is_floating_point()):
            raise Unknown(f"constructed again it is {value.dtype}, and {asked.dtype} is here")
        if value.is_floating_point() and poisoned(value, exact=True):
            raise Unknown("its constructor never writes it (torch.empty)")
        return value.detach().to(asked.dtype)


class _Failed(nn.Module):
    def __init__(self, said: str) -> None:
        super().__init__()
        self.said = said


def _counterpart(site: Site, module: nn.Module, depth: int) -> nn.Module:
    """Return what stands for the owner of `site` in a module that stands for the one at `depth`; types must agree."""
    if depth < 0:
        return module
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
