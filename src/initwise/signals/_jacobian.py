"""`Jacobian`: how a module stretches small changes of its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from initwise.reporting import plain


@dataclass(frozen=True, slots=True)
class Jacobian:
    """The singular values of the derivative of a module's output with respect to its input, all samples at once.

    Attributes:
        module: the canonical name of the module.
        inputs, outputs: how many elements its first floating input and output have.
        largest: the largest singular values, in descending order.
        quantiles: by share, the singular value that this share of all min(inputs, outputs) does not exceed.
        mean_square: the mean of their squares.
        exact: all were computed; otherwise `largest` are lower bounds near the true ones, and quantiles and mean are
            estimates from products with random vectors.
        products: how many products with the Jacobian or its transpose this took.
    """

    module: str
    inputs: int
    outputs: int
    largest: tuple[float, ...]
    quantiles: Mapping[float, float]
    mean_square: float
    exact: bool
    products: int

    def to_dict(self) -> dict[str, object]:
        """The singular values as plain data."""
        return {name: plain(getattr(self, name)) for name in self.__slots__}
