"""`NewRows` and `MeanOfRows`: a parameter that grew along its first axis keeps its old rows; the others are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from initwise._arguments import Arguments
from initwise.errors import ArgumentError, NotSupportedError
from initwise.initializers._base import Initializer
from initwise.initializers._combining import Keep, PerBlock
from initwise.initializers._custom import as_initializer
from initwise.initializers._law import Law
from initwise.initializers._product import Fill, Product
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target
from initwise.random import Draw


@dataclass(frozen=True, repr=False)
class NewRows(Initializer):
    """The first `after` rows stay as they are; those beyond get what `inner` draws for the whole parameter.

    For embeddings, output layers and their biases whose vocabulary grew. Fans are those of the whole parameter, and an
    element-wise law draws the very numbers that it would draw there if all rows were new. `plan` makes it by itself
    where a checkpoint, or `old_rows=`, says how many rows are old. It has no law of its own: the new rows have one.

    Args:
        inner: what the new rows get: any initializer for the parameter, or `MeanOfRows()`.
        after: the number of old rows.

    Raises:
        ArgumentError: `after` is below 1, or `inner` is Keep, PerBlock or NewRows.

    >>> import initwise as iw
    >>> iw.NewRows(iw.Normal(std=0.02), after=50257)
    NewRows(Normal(std=0.02), after=50257)
    """

    inner: Initializer
    after: int

    def __post_init__(self) -> None:
        check = Arguments("NewRows")
        inner, after = as_initializer(self.inner), check.integer("after", self.after, least=1)
        if isinstance(inner, Keep | PerBlock | NewRows):
            check.refuse(f"inner is {inner!r}; give what the new rows hold, such as iw.Normal(std=0.02)")
        check.done()
        self._store(inner=inner, after=after)

    def __repr__(self) -> str:
        return f"NewRows({self.inner!r}, after={self.after})"

    def _law(self, target: Target) -> Law | None:
        raise NotSupportedError(f"{self!r} has no law of its own; ask for that of the new rows")


@dataclass(frozen=True, repr=False)
class MeanOfRows(Initializer):
    """New rows around the mean of the old ones: N(mean, covariance * C), C being the covariance of the old rows.

    With X the n old rows less their mean, a new row is mean + sqrt(covariance / n) z X for z from N(0, 1)^n, whose
    covariance is X^T X / n; where there are more rows than columns, the triangle R of X = Q R stands for X. So nothing
    is inverted or decomposed into eigenvectors, and few old rows are no trouble. A new token then has about the
    probability of an average one, and not all of it, as a row of small norm may (Hewitt 2021, Initializing new word
    embeddings for pretrained language models).

    Only for rows that are new (`NewRows`). A padding row is no part of the mean. The law depends on the old rows, so
    that the plan shows no numbers for it; `verify` draws it again and compares.

    Args:
        covariance: a factor: 1 or True for the covariance of the old rows, 0 or False for exactly their mean, 1e-9 for
            what transformers' `resize_token_embeddings` does.

    Raises:
        ArgumentError: `covariance` is negative or not finite.

    >>> import initwise as iw
    >>> iw.MeanOfRows(covariance=False)
    MeanOfRows(covariance=0.0)
    """

    covariance: float = 1.0

    def __post_init__(self) -> None:
        check = Arguments("MeanOfRows")
        given: Any = self.covariance
        factor = float(given) if isinstance(given, bool) else check.number("covariance", given)
        if factor < 0:
            check.refuse(f"covariance is {factor}, a factor that must not be negative")
        check.done()
        self._store(covariance=factor)

    def rows(self, old: Tensor, target: Target, stream: Stream) -> Tensor:
        """Return new rows for `target`, from the old ones; on the CPU, in the dtype that values are computed in.

        Raises:
            ArgumentError: there are no old rows, or not all of their values are finite.
        """
        target.checked("MeanOfRows")
        if old.shape[0] == 0 or not bool(torch.isfinite(old).all()):
            found = "there are none" if old.shape[0] == 0 else "they hold NaN or infinity"
            raise ArgumentError(f"{self!r} needs the values of the old rows, and {found}; load the checkpoint first")
        flat = old.detach().to("cpu", target.computed_in).reshape(old.shape[0], -1)  # (n, columns)
        mean = flat.mean(dim=0, keepdim=True)
        count = target.shape[0]
        if self.covariance == 0:
            return mean.expand(count, -1).reshape(target.shape)
        spread = flat - mean
        if spread.shape[0] > spread.shape[1]:
            spread = torch.linalg.qr(spread, mode="r").R
            phases = torch.sgn(torch.diagonal(spread)).conj()  # of all such triangles the one with a positive diagonal
            spread = spread * torch.where(phases == 0, torch.ones_like(phases), phases).unsqueeze(1)
        z = stream.normal((count, spread.shape[0]), dtype=target.computed_in)
        return (mean + math.sqrt(self.covariance / flat.shape[0]) * z @ spread).reshape(target.shape)

    def draw(self, target: Target) -> Draw | Fill | Product | None:
        """Return None: the rows are drawn together."""
        return None

    def _law(self, target: Target) -> Law | None:
        return None

    def _values(self, target: Target, stream: Stream) -> Tensor:
        raise NotSupportedError(f"{self!r} draws from old rows: use rows(old, target, stream)")
