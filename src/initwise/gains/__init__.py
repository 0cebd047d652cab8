"""Gains of nonlinearities, by name or measured by quadrature."""

from initwise.gains._gain import gain
from initwise.gains._quadrature import normal_expectation

__all__ = ["gain", "normal_expectation"]
