"""Running one operation in a pass where activations have no memory and constants have.

A tensor that depends on a parameter or on a floating input is on meta: its shape is known and its values are not. All
others (token ids, masks, positions, buffers, and what is computed from them) are real tensors on the CPU, because
control flow and shapes depend on them. An operation that takes both takes all of them on meta. Where it cannot run
there, or asks for a value, it gets stand-ins: random numbers of the same shape. That is told in `fallbacks`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from initwise.model.graph._shapes import SHAPES
from initwise.model.graph._structures import mapped, tensors

LARGEST_CONSTANT = 1 << 22  # elements; larger constants stay on meta
LARGEST_STAND_IN = 1 << 26
META = torch.device("meta")
CPU = torch.device("cpu")
MOVES = frozenset({"to", "cuda", "cpu", "type", "pin_memory", "_to", "xpu"})
ASKS = frozenset(
    {"__bool__", "item", "__int__", "__float__", "__index__", "tolist", "numpy", "__array__", "__contains__"}
)
LIKE = frozenset({"zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "randint_like"})
SHAPED = frozenset({"expand_as", "view_as", "reshape_as", "type_as"})
NEW = frozenset({"new_zeros", "new_ones", "new_full", "new_empty", "new_tensor"})
CHOICES = frozenset({"argmax", "argmin", "topk", "sort", "argsort", "multinomial", "kthvalue"})


class Executor:
    """Runs operations, and remembers which of them needed stand-ins."""

    def __init__(self) -> None:
        self.fallbacks: dict[str, str] = {}
        self.large: dict[int, Tensor] = {}  # by identity, constants that are too large to hold
        self.generator = torch.Generator().manual_seed(0)

    def call(self, function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what the operation gives: real tensors if all that it takes are real, else tensors on meta."""
        taken = list(tensors((args, kwargs)))
        if name in MOVES:
            args, kwargs = _stay(taken[0], args, kwargs) if taken else (args, kwargs)
        if not any(tensor.is_meta for tensor in taken):
            return self._constant(function, args, kwargs)
        if name in SHAPED and not taken[0].is_meta:
            return function(args[0], *mapped(args[1:], _hollow), **mapped(kwargs, _hollow))
        if name in NEW or name in LIKE:
            return self._made_like(function, name, args, kwargs)
        if name in ASKS:
            return self._stand_in(function, name, args, kwargs, "asks for a value")
        if name in ("all", "any") and not args[0].dtype.is_floating_point:
            return self._truth(function, name, args, kwargs)
        return self._on_meta(function, name, args, kwargs)

    def _constant(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an operation that depends on no activation; what it makes on "the model's device" is made on the CPU."""
        device = kwargs.get("device")
        if device is None or torch.device(device).type == "cpu":
            return _on_cpu(function, args, kwargs)
        sizes, named = mapped(args, _size), mapped(kwargs, _size)
        made = function(*sizes, **{**named, "device": META, **_unpinned(kwargs)})
        if isinstance(made, Tensor) and made.is_floating_point() and made.numel() > LARGEST_CONSTANT:
            return self._large(made)
        return _on_cpu(function, args, {**kwargs, "device": CPU})

    def _made_like(self, function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A new constant in the shape or dtype of an activation is a constant all the same."""
        on_meta = {**kwargs, "device": META} if "device" in kwargs else kwargs
        made: Tensor = function(*args, **on_meta) if name != "new_tensor" else args[0].new_empty(())
        if made.is_floating_point() and made.numel() > LARGEST_CONSTANT and name != "new_tensor":
            return self._large(made)
        generator = {"dtype": kwargs.get("dtype") or args[0].dtype, "device": CPU}
        if name in LIKE:
            example = torch.empty((), dtype=args[0].dtype).expand(args[0].shape)
            return function(example, *args[1:], **{**kwargs, **generator})
        example = torch.empty((), dtype=args[0].dtype)
        return function(example, *args[1:], **{**kwargs, **generator})

    def _large(self, constant: Tensor) -> Tensor:
        self.large[id(constant)] = constant
        return constant

    def _truth(self, function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`all` of unknown values is true and `any` false: a check that nothing is wrong passes."""
        made: Tensor = function(*mapped(args, _to_meta), **mapped(kwargs, _to_meta))
        return torch.full(made.shape, name == "all", dtype=torch.bool, device=CPU)

    def _on_meta(self, function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name in ("__getitem__", "__setitem__", "index_put_", "index_put"):
            args = (*args[:1], _numbered(args[1]), *args[2:])
        kwargs = {**kwargs, "device": META} if kwargs.get("device") is not None else kwargs
        args = _unboxed(args)
        special = SHAPES.get(name)
        try:
            if special is not None:
                return special(args, kwargs)
            made = function(*mapped(args, _to_meta), **mapped(kwargs, _to_meta))
        except (RuntimeError, NotImplementedError, ValueError, TypeError) as error:
            return self._stand_in(function, name, args, kwargs, "has no kernel for meta tensors", error)
        return _chosen(name, made, args) if name in CHOICES else made

    def _stand_in(
        self,
        function: Callable[..., Any],
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        why: str,
        error: Exception | None = None,
    ) -> Any:
        """Run the operation on random numbers; what floats it gives is unknown and goes back to meta."""
        size = sum(tensor.numel() for tensor in tensors((args, kwargs)) if tensor.is_meta)
        if size > LARGEST_STAND_IN:
            raise error or RuntimeError(f"{name} {why}, and {size:,} elements are too many for stand-ins")
        kwargs = {**kwargs, "device": CPU} if kwargs.get("device") is not None else kwargs
        sized = name in ASKS or name == "arange"
        real = self._number if sized else self._real
        try:
            made = function(*mapped(args, real), **mapped(kwargs, real))
        except Exception as second:
            raise (error or second) from second
        self.fallbacks.setdefault(name, f"{name} {why}: run on random stand-ins")
        return mapped(made, lambda tensor: _to_meta(tensor) if tensor.is_floating_point() else tensor)

    def _number(self, tensor: Tensor) -> Tensor:
        """A whole number that is asked for is one: it is a size as often as it is an index."""
        whole = tensor.is_meta and tensor.dtype in (torch.int64, torch.int32)
        return torch.ones(tensor.shape, dtype=tensor.dtype) if whole else self._real(tensor)

    def _real(self, tensor: Tensor) -> Tensor:
        if not tensor.is_meta:
            return tensor
        if tensor.is_floating_point() or tensor.is_complex():
            return torch.randn(tensor.shape, generator=self.generator).to(tensor.dtype)
        if tensor.dtype == torch.bool:
            return torch.ones(tensor.shape, dtype=torch.bool)
        return torch.zeros(tensor.shape, dtype=tensor.dtype)


def _on_cpu(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operation on constants; one that the CPU has for floats only (as `histc`) is run on floats."""
    try:
        return function(*args, **kwargs)
    except NotImplementedError:
        whole = [tensor.dtype for tensor in tensors((args, kwargs)) if not tensor.is_floating_point()]
        if not whole:
            raise
        made = function(*mapped(args, Tensor.double), **mapped(kwargs, Tensor.double))
        return mapped(made, lambda tensor: tensor.to(whole[0]))


def _to_meta(tensor: Tensor) -> Tensor:
    return (
        tensor
        if tensor.is_meta
        else torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=META)
    )


def _size(tensor: Tensor) -> Any:
    """Return a whole number that stands as a tensor as an integer, and any other tensor without its memory."""
    return int(tensor) if tensor.dim() == 0 and tensor.dtype == torch.int64 and not tensor.is_meta else _to_meta(tensor)


def _hollow(tensor: Tensor) -> Tensor:
    """Return a real tensor of the same shape and dtype of which only these matter."""
    return torch.empty((), dtype=tensor.dtype).expand(tensor.shape)


def _unpinned(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {"generator": None} if kwargs.get("generator") is not None else {}


def _unboxed(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Turn real whole numbers that stand as tensors where sizes are meant (in `view`, `split`) into integers."""
    if len(args) < 2:
        return args

    def number(each: Any) -> Any:
        if isinstance(each, Tensor) and not each.is_meta and each.dim() == 0 and each.dtype == torch.int64:
            return int(each)
        return each

    rest = (
        type(each)(number(one) for one in each) if type(each) in (tuple, list) else each if i else number(each)
        for i, each in enumerate(args[1:], 1)
    )
    return (args[0], *rest)


def _stay(tensor: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Take the device out of a move: what is on meta stays there, what is real stays real."""

    def still(each: Any) -> Any:
        if isinstance(each, torch.device) or (isinstance(each, str) and not each.startswith("torch.")):
            return tensor.device
        if isinstance(each, Tensor) and each is not tensor:
            return torch.empty((), dtype=each.dtype, device=tensor.device)
        return each

    kept = {key: still(each) for key, each in kwargs.items()}
    return (
        args[0],
        *(still(each) for each in args[1:] if not (isinstance(each, int) and not isinstance(each, bool))),
    ), kept


def _numbered(index: Any) -> Any:
    """Turn real masks among indices into the positions that they choose, whose number meta cannot know."""
    parts = index if isinstance(index, tuple) else (index,)
    found: list[Any] = []
    for part in parts:
        if isinstance(part, Tensor) and part.dtype in (torch.bool, torch.uint8) and not part.is_meta and part.dim() > 0:
            found += part.nonzero(as_tuple=True)
        else:
            found.append(part)
    return tuple(found) if isinstance(index, tuple) or len(found) > 1 else found[0]


def _chosen(name: str, made: Any, args: tuple[Any, ...]) -> Any:
    """Choices among unknown values are made up: position j of row i chooses candidate i * k + j, so that all occur."""
    source = args[0]

    def choose(tensor: Tensor) -> Tensor:
        if tensor.dtype != torch.int64 or tensor.numel() > LARGEST_CONSTANT:
            return tensor
        candidates = max(1, source.shape[-1] if source.dim() else 1)
        return (torch.arange(tensor.numel()) % candidates).reshape(tensor.shape)

    if not isinstance(made, tuple):
        return choose(made)
    chosen = [choose(each) for each in made]
    return tuple(chosen) if type(made) is tuple else type(made)(chosen)
