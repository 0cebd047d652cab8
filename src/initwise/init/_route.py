"""Which way a call takes: our stream at once, our stream behind an operator, or torch's own function."""

from typing import Any, Literal

import torch
from torch import Generator, Tensor
from torch.nn import Parameter

Way = Literal["direct", "operator", "torch"]

# What the stream can draw; for all other dtypes torch has the word, and the error.
_DTYPES = frozenset(
    {
        torch.float32,
        torch.bfloat16,
        torch.float16,
        torch.float64,
        torch.complex64,
        torch.complex128,
        torch.complex32,
    }
)


def route(tensor: Tensor, generator: Generator | None) -> Way:
    """Say who does the work.

    "direct": a plain tensor whose memory we may write now. "operator": somebody watches or transforms the operations
    (torch.compile, FakeTensorMode, vmap), who must see one opaque operation. "torch": whatever torch treats specially
    or refuses (meta, empty, integer and float8 tensors, unknown subclasses); its own function gives its own answer.
    """
    if torch.compiler.is_dynamo_compiling():
        return "operator" if _is_drawable(tensor) else "torch"
    if type(tensor) is not Tensor and type(tensor) is not Parameter:
        way = _route_of_subclass(tensor)
        if way != "direct":
            return way
    if not _is_drawable(tensor) or not _is_writable(tensor) or not _fits(generator, tensor):
        return "torch"
    if torch._C._functorch.peek_interpreter_stack() is not None:  # noqa: SLF001 - torch has no public name for it
        return "operator" if torch._C._functorch.is_batchedtensor(tensor) else "torch"  # noqa: SLF001 - as above
    if torch._C._len_torch_dispatch_stack():  # noqa: SLF001 - as above
        return "operator"
    return "direct"


def are_numbers(*values: Any) -> bool:
    """Whether these are plain numbers; torch takes a few more kinds, and says what it refuses."""
    return all(isinstance(value, (float, int)) for value in values)


def _is_drawable(tensor: Tensor) -> bool:
    return tensor.dtype in _DTYPES and tensor.layout is torch.strided and not tensor.is_meta and tensor.numel() > 0


def _is_writable(tensor: Tensor) -> bool:
    """Whether plain numbers can be written: not into shared memory, nor into an inference tensor from outside."""
    if tensor.is_conj() or tensor.is_neg() or (tensor.is_inference() and not torch.is_inference_mode_enabled()):
        return False
    if tensor.is_contiguous():
        return True
    return not any(stride == 0 and size > 1 for stride, size in zip(tensor.stride(), tensor.shape, strict=True))


def _fits(generator: Any, tensor: Tensor) -> bool:
    return generator is None or (isinstance(generator, Generator) and generator.device.type == tensor.device.type)


def _route_of_subclass(tensor: Any) -> Way:
    cls = type(tensor)
    if not isinstance(tensor, Tensor):
        return "torch"
    if cls.__torch_dispatch__ is not Tensor.__torch_dispatch__:
        return "operator" if _stands_for_a_tensor(tensor) and _is_drawable(tensor) else "torch"
    if torch._C._is_torch_function_enabled() and _overrides(cls) not in (None, _overrides(Tensor)):  # noqa: SLF001 - as above
        return "torch"
    return "direct"


def _overrides(cls: type[Tensor]) -> Any:
    """What a class does when a torch function is called on its tensors; None where it takes no part."""
    return getattr(cls.__torch_function__, "__func__", None)


def _stands_for_a_tensor(tensor: Tensor) -> bool:
    """Whether a tracer put this in the place of a plain tensor, so that our operator gets through to the tracer."""
    from torch._subclasses.fake_tensor import FakeTensor
    from torch._subclasses.functional_tensor import FunctionalTensor

    return isinstance(tensor, FakeTensor | FunctionalTensor)
