"""What the backward pass starts from: the user's loss, the model's own, or a projection of all outputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model.graph._structures import tensors
from initwise.signals._errors import ProbeError

_SEED = 21
PROJECTION = "a fixed random projection of the outputs"
OWN = "the model's own loss"


class Start(NamedTuple):
    """Where a backward pass starts.

    Attributes:
        scalar: what is differentiated; None where nothing is trained.
        loss: the loss, if that is one.
        words: what it is.
        expected: the mean of the loss over all labels, where these are drawn at random.
    """

    scalar: Tensor | None
    loss: Tensor | None
    words: str
    expected: Tensor | None = None


def classified(
    output: Any, loss: Callable[[Any], Any] | None, *, tokens: bool, seed: int = _SEED, who: str = "probe"
) -> Start:
    """Return where a backward pass starts; logits without a loss get a cross entropy with random labels.

    Logits are the output's `logits`, a tensor (N, C), or a tensor (N, T, C) where the inputs are token ids; the labels
    are uniform over the C classes and do not depend on the model, so that the loss is what a head over C classes has at
    initialization: ln C plus half the variance of its logits, about.

    Args:
        tokens: an input of the model is a tensor of whole numbers.
        seed: of the labels and projections.
        who: in the name of which function errors speak.
    """
    if loss is not None:
        value = _called(loss, output, who)
        return Start(value, value, f"the loss {getattr(loss, '__name__', type(loss).__name__)}")
    own = _own_loss(output)
    if own is not None:
        return Start(own, own, OWN)
    logits = _logits(output, tokens=tokens)
    if logits is None:
        return Start(objective(output, None, seed=seed)[0], None, PROJECTION)
    axis = 1 if logits.dim() > 3 else -1
    classes = logits.shape[axis]
    shape = (*logits.shape[:1], *logits.shape[2:]) if axis == 1 else logits.shape[:-1]
    labels = torch.randint(classes, shape, generator=torch.Generator(device="cpu").manual_seed(seed), device="cpu")
    scores = logits.float() if axis == 1 else logits.float().reshape(-1, classes)
    value = F.cross_entropy(scores, (labels if axis == 1 else labels.reshape(-1)).to(logits.device))
    over_labels = (scores.logsumexp(1) - scores.mean(1)).mean()
    return Start(value, value, f"cross entropy of {classes:,} classes with random labels", over_labels)


def _logits(output: Any, *, tokens: bool) -> Tensor | None:
    """Return the scores of classes among a model's outputs, if there are any."""
    named = output.get("logits") if isinstance(output, dict) else getattr(output, "logits", None)
    if isinstance(named, Tensor):
        return named if named.dim() >= 2 and named.shape[1 if named.dim() > 3 else -1] > 1 else None
    plain = [each for each in tensors(output) if each.is_floating_point()]
    if isinstance(output, dict) or len(plain) != 1 or plain[0].shape[-1:] == (1,):
        return None
    return plain[0] if plain[0].dim() == 2 or (plain[0].dim() == 3 and tokens) else None


def objective(
    output: Any, loss: Callable[[Any], Any] | None, *, seed: int = _SEED
) -> tuple[Tensor | None, Tensor | None]:
    """Return a scalar to differentiate (None where nothing is trained), and the loss if it is one.

    Without a loss, the model's own is taken where its output has one (`labels` among the inputs of a transformers
    model), else sum(r * y) / sqrt(n) with fixed normal r over each floating output y of n elements: every output
    element gets a gradient, and nothing is scaled by the size of the output.
    """
    if loss is not None:
        value = _called(loss, output)
        return value, value
    own = _own_loss(output)
    if own is not None:
        return own, own
    outputs = {id(each): each for each in tensors(output) if _is_trained(each) and each.numel()}
    parts = [_projected(each, seed + place) for place, each in enumerate(outputs.values())]
    return (torch.stack(parts).sum() if parts else None), None


def _own_loss(output: Any) -> Tensor | None:
    value = output.get("loss") if isinstance(output, dict) else getattr(output, "loss", None)
    if not isinstance(value, Tensor) or value.numel() != 1 or not _is_trained(value):
        return None
    return value.reshape(())


def _is_trained(tensor: Tensor) -> bool:
    """Tell whether a gradient can start here; a pass on meta keeps no gradients and cannot say."""
    return tensor.requires_grad or tensor.is_meta


def _projected(output: Tensor, seed: int) -> Tensor:
    real = torch.view_as_real(output) if output.is_complex() else output
    generator = torch.Generator(device="cpu").manual_seed(seed)
    weights = torch.randn(real.shape, generator=generator, device="cpu").to(real.device)
    projection: Tensor = (real.float() * weights).sum() / real.numel() ** 0.5
    return projection if projection.is_meta else projection.cpu()


def _called(loss: Callable[[Any], Any], output: Any, who: str = "probe") -> Tensor:
    _check_signature(loss, who)
    try:
        value = loss(output)
    except Exception as error:
        raise ProbeError(
            f"{who}: the loss raised {type(error).__name__} when it was called with the model's output"
            f" ({_told(output)}): {error}"
        ) from error
    if not isinstance(value, Tensor):
        raise ArgumentTypeError(f"{who}: the loss returned a {type(value).__name__}; it must return a scalar tensor")
    if value.numel() != 1:
        raise ArgumentError(
            f"{who}: the loss has shape {tuple(value.shape)}; it must be a scalar: give a reduction, such as .mean()"
        )
    traced = any(each.is_meta for each in tensors(output))  # then gradients are looked for once there are some
    if torch.is_grad_enabled() and not value.requires_grad and not traced:
        raise ArgumentError(
            f"{who}: the loss has no gradient: it does not depend on a trained parameter of the model; compute it from"
            " the model's output, without detach(), item() or torch.no_grad()"
        )
    return value.reshape(())


def _check_signature(loss: Callable[[Any], Any], who: str) -> None:
    called = loss.forward if isinstance(loss, torch.nn.Module) else loss
    try:
        signature = inspect.signature(called)
    except (TypeError, ValueError):  # built-in functions may not tell theirs
        return
    try:
        signature.bind(None)
    except TypeError as error:
        name = getattr(loss, "__name__", type(loss).__name__)
        raise ArgumentTypeError(
            f"{who}: the loss {name}{signature} cannot be called with the model's output alone; pass"
            f" lambda out: {name}(out, target)"
        ) from error


def _told(output: Any) -> str:
    shapes = [f"{'x'.join(map(str, each.shape)) or 'scalar'} {each.dtype}" for each in tensors(output)]
    return f"{type(output).__name__} of {', '.join(shapes[:4])}{', ...' if len(shapes) > 4 else ''}"
