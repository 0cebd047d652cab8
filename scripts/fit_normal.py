"""Fit the polynomials of the stream's inverse normal distribution function.

The map computes |z| = x * g(v) from 31 bits m, where (exactly) t = (2m + 1) / 2**32, x = 1 - t, y = t * (2 - t)
and v = -log2(y) - SHIFT. Three polynomials are fitted, all with coefficients rounded to float32:

- LOG: log2 of a mantissa in [1, 2), in f = mantissa - 1.5; absolute error (SHIFT absorbs its constant);
- CENTRAL: g for m >= 2**18 (probability 0.99988), in v; relative error;
- TAIL: g for m < 2**18, in v - 16; relative error.

Each coefficient is rounded to float32 from the highest degree down, and the lower ones are fitted again around it.

    python scripts/fit_normal.py            prints the coefficients as hexadecimal floats and the errors of the fits
    python scripts/fit_normal.py --check    fails if they are not the ones that `initwise.random` uses
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Array = NDArray[np.float64]

LOG_DEGREE, CENTRAL_DEGREE, TAIL_DEGREE = 7, 10, 7
EXPONENT_OFFSET = 121  # v = 121 - (biased exponent of y) - (log2 of its mantissa, less its value at 1.5)
TAIL_SHIFT = 16.0
SPLIT = 12.0  # -log2(y) at m = 2**18
END = 31.0  # -log2(y) at m = 0


def minimax(phi: Array, target: Array, weight: Array, rounds: int = 80) -> Array:
    """Coefficients that nearly minimise the largest weighted error (Lawson's reweighted least squares)."""
    importance = np.full(len(target), 1.0 / len(target))
    best, best_error = np.zeros(phi.shape[1]), math.inf
    for _ in range(rounds):
        scale = np.sqrt(importance) * weight
        coefficients = np.linalg.lstsq(phi * scale[:, None], target * scale, rcond=None)[0]
        error = np.abs((phi @ coefficients - target) * weight)
        if error.max() < best_error:
            best, best_error = coefficients, float(error.max())
        importance = importance * error
        importance /= importance.sum()
    return best


def fit(points: Array, values: Array, weight: Array, degree: int, scale: float) -> list[float]:
    """Float32 coefficients, constant first, of a polynomial in `points`; `scale` conditions the fit only."""
    basis = np.vander(points / scale, degree + 1, increasing=True)
    rounded: list[float] = []
    left = values
    for power in range(degree, -1, -1):
        coefficient = minimax(basis[:, : power + 1], left, weight)[power] / scale**power
        rounded.insert(0, float(np.float32(coefficient)))
        left = left - rounded[0] * points**power
    return rounded


def chebyshev_points(low: float, high: float, count: int = 600) -> Array:
    return (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (np.arange(count) + 0.5) / count)


def ratio(w: Array) -> Array:
    """|z| / x as a function of w = -log2(y), in float64."""
    y = np.exp2(-w)
    x = np.sqrt(-np.expm1(-w * math.log(2.0)))
    t = y / (1.0 + x)
    z: Array = np.where(x < 0.5, ndtri(0.5 + x / 2), -ndtri(t / 2)) / x
    return z


def fit_log() -> tuple[list[float], float]:
    """The coefficients of f, f**2, ... of -log2(1.5 + f), and the constant that SHIFT absorbs."""
    f = chebyshev_points(-0.5, 0.5)
    constant, *rest = fit(f, -np.log2(1.5 + f), np.ones_like(f), LOG_DEGREE, 0.5)
    return rest, constant


def fit_ratio(low: float, high: float, origin: float, degree: int) -> list[float]:
    w = chebyshev_points(low, high)
    g = ratio(w)
    return fit(w - origin, g, 1.0 / g, degree, (high - low) / 2)


def largest_error(coefficients: list[float], low: float, high: float, origin: float) -> float:
    w = np.linspace(low, high, 100_001)
    g = ratio(w)
    return float(np.abs(np.polynomial.polynomial.polyval(w - origin, coefficients) / g - 1.0).max())


def main(check: Callable[[str, list[float]], None] | None) -> None:
    log, constant = fit_log()
    shift = 127 - EXPONENT_OFFSET + constant  # constant is -log2(1.5), nearly
    central = fit_ratio(1e-6, SPLIT, shift, CENTRAL_DEGREE)
    tail = fit_ratio(SPLIT, END, shift + TAIL_SHIFT, TAIL_DEGREE)
    for name, coefficients in (("LOG", log), ("CENTRAL", central), ("TAIL", tail)):
        print(f"{name} = (" + ", ".join(value.hex() for value in coefficients) + ")")
        if check is not None:
            check(name, coefficients)
    f = np.linspace(-0.5, 0.5, 100_001)
    log_error = np.abs(np.polynomial.polynomial.polyval(f, [constant, *log]) + np.log2(1.5 + f)).max()
    print(f"errors of the fits: LOG {log_error:.2e} (absolute), ", end="")
    print(f"CENTRAL {largest_error(central, 1e-6, SPLIT, shift):.2e}, ", end="")
    print(f"TAIL {largest_error(tail, SPLIT, END, shift + TAIL_SHIFT):.2e} (relative)")


def equals_the_package(name: str, coefficients: list[float]) -> None:
    from initwise.random import _normal

    if tuple(coefficients) != getattr(_normal, name):
        sys.exit(f"{name} differs from initwise.random._normal.{name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the coefficients in the package")
    main(equals_the_package if parser.parse_args().check else None)
