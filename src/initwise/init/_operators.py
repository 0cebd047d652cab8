"""The drop-in as torch operators, so that torch.compile, FakeTensorMode and vmap see one opaque in-place operation.

The kernel of each operator is the same function that eager code calls, so a compiled call draws the values of an eager
one. Declaring all of them costs about a millisecond and imports nothing of torch's compiler.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch._compile import _disable_dynamo

from initwise.writing import write_values

Kernel = Callable[..., Tensor]

_NAMESPACE = "initwise"
_LIBRARY = torch.library.Library(_NAMESPACE, "FRAGMENT")
_ERROR_MODE = (  # torch's own words
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
    "randomness flags on vmap or perform the randomness operation out of vmap"
)
_NO_GENERATOR = (
    "initwise.init: torch.compile cannot trace a generator; leave generator=None (the default generator is honoured), "
    "or compile without fullgraph=True"
)


def operator(name: str, parameters: str, kernel: Kernel, on_fake: Kernel | None = None) -> Callable[..., None]:
    """Declare `initwise::name(tensor, *parameters, generator)`, which fills its first argument, and return it.

    `on_fake` checks the arguments where there is no memory to write to; without it nothing is checked there.
    """
    # The tag keeps a compiler from merging two calls, or from doing one again instead of keeping its result.
    _LIBRARY.define(
        f"{name}(Tensor(a!) tensor, {parameters}, Generator? generator=None) -> ()",
        tags=(torch.Tag.nondeterministic_seeded,),
    )

    @_disable_dynamo  # as torch.library.custom_op does: a compiler must not look into the kernel
    def run(*arguments: Any) -> None:
        kernel(*arguments)

    def check(*arguments: Any) -> None:
        if on_fake is not None:
            on_fake(*arguments)

    def for_each_example(info: Any, in_dims: tuple[int | None, ...], tensor: Tensor, *arguments: Any) -> Any:
        _fill_examples(packet, info.randomness, tensor.movedim(in_dims[0] or 0, 0), arguments)
        return None, None

    _LIBRARY.impl(name, run, "CompositeExplicitAutograd")
    _LIBRARY.impl(name, check, "Meta")
    torch.library.register_vmap(f"{_NAMESPACE}::{name}", for_each_example, lib=_LIBRARY)
    packet = getattr(torch.ops.initwise, name)

    def call(tensor: Tensor, *arguments: float | Generator | None) -> None:
        if arguments[-1] is not None and torch.compiler.is_dynamo_compiling():
            torch._dynamo.graph_break(msg=_NO_GENERATOR)  # noqa: SLF001 - the documented name
            run(tensor, *arguments)
            return
        with torch.no_grad():
            packet(tensor, *arguments)

    return call


def _fill_examples(packet: Any, randomness: str, examples: Tensor, arguments: tuple[Any, ...]) -> None:
    if randomness == "error":
        raise RuntimeError(_ERROR_MODE)
    if randomness == "same":
        packet(examples[0], *arguments)
        write_values(examples[1:], examples[:1].expand_as(examples[1:]))
        return
    for example in examples:
        packet(example, *arguments)
