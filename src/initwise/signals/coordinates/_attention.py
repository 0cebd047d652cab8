"""Attention as torch functions show it: its logits and its output, with the factor that a plan puts on the logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from initwise.model.graph._calls import CallMode
from initwise.signals.coordinates._forward import Factors

_MASKED = -5e3  # what is below was masked: libraries add -1e4, the least number, or -inf
Note = Callable[[str, Tensor], None]


class AttentionMode(CallMode):
    """Multiplies attention logits by their factor, and tells what attention makes.

    Args:
        running: returns the name of the module that runs.
        note: takes the output's name ("attention logits" or "attention") and its values.
    """

    def __init__(self, running: Callable[[], str], factors: Factors, note: Note) -> None:
        super().__init__()
        self._running = running
        self._factors = factors
        self._note = note

    def read(self, func: Any, args: tuple[Any, ...]) -> Any:
        """Return a property."""
        return func(*args)

    def called(self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an operation; of attention, look at it."""
        if name == "scaled_dot_product_attention":
            return self._fused(func, args, kwargs)
        if name == "softmax" and self._is_attention(args[0] if args else kwargs.get("input")):
            return self._eager(func, args, kwargs)
        return func(*args, **kwargs)

    def _fused(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = dict(zip(_FUSED, args, strict=False)) | kwargs
        factor = self._factors.of_logits(self._running())
        if factor != 1:
            given["query"] = given["query"] * factor
        with torch.no_grad():
            self._note("attention logits", _logits(**given))
        output = func(**given)
        self._note("attention", output)
        return output

    def _eager(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = args[0] if args else kwargs["input"]
        factor = self._factors.of_logits(self._running())
        logits = given * factor if factor != 1 else given
        with torch.no_grad():
            self._note("attention logits", _seen(logits.detach(), logits.detach() > _MASKED))
        return func(logits, *args[1:], **kwargs) if args else func(**{**kwargs, "input": logits})

    def _is_attention(self, given: Any) -> bool:
        if not isinstance(given, Tensor) or given.dim() < 3:
            return False
        return given.dim() > 3 or "att" in self._running().lower()


_FUSED = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")


def _logits(
    query: Tensor,
    key: Tensor,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    **_: Any,
) -> Tensor:
    """Return the logits of fused attention, which never shows them."""
    query, key = query.detach().float(), key.detach().float()
    if key.dim() > 2 and key.shape[-3] != query.shape[-3]:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    logits = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    seen = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device)
    if is_causal:
        seen = seen.tril()
    if attn_mask is not None:
        seen = seen & (attn_mask if attn_mask.dtype == torch.bool else attn_mask > _MASKED)
        logits = logits if attn_mask.dtype == torch.bool else logits + attn_mask
    return _seen(logits, seen.expand_as(logits))


def _seen(logits: Tensor, seen: Tensor) -> Tensor:
    """Return logits whose second moment is that of those that are attended to: the others are zero, these larger."""
    share = seen.float().mean().clamp(min=1 / max(seen.numel(), 1))
    return torch.where(seen, logits, 0.0) / share.sqrt()
