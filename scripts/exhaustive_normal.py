"""The error of the stream's normal map over all 2**32 words, against the inverse normal distribution function.

The map is exactly antisymmetric (by construction; a sample is checked), so 2**31 words are enough. The reference is
`scipy.special.ndtri` in float64; its own error is measured against 40 digits (mpmath) on a sample. Takes some minutes.

    python scripts/exhaustive_normal.py
"""

from __future__ import annotations

import time

import mpmath
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import ndtri

from initwise.random import normal_from_words
from initwise.random._kernels import normal_of

CHUNK = 2**22
LIMIT = 1e-6


@njit
def normals(first: int, out: NDArray[np.float32]) -> None:  # type: ignore[misc]
    for i in range(len(out)):
        out[i] = normal_of(np.uint32(first + i))


def reference(first: int, count: int) -> NDArray[np.float64]:
    """The exact values, nearly, for words below 2**31."""
    probabilities = (np.arange(first, first + count, dtype=np.float64) + 0.5) / 2**32
    values: NDArray[np.float64] = ndtri(probabilities)
    return values


def reference_error(samples: int = 2000) -> float:
    """The largest relative error of the reference on words spread over all magnitudes."""
    mpmath.mp.dps = 40
    distances = np.geomspace(1, 2**31, samples // 2)
    words = np.unique(np.concatenate([distances, 2**31 - distances]))
    worst = 0.0
    for word in words.astype(np.int64).clip(0, 2**31 - 1).tolist():
        probability = (mpmath.mpf(word) + 0.5) / 2**32
        approximation = mpmath.mpf(float(reference(word, 1)[0]))
        density = mpmath.exp(-(approximation**2) / 2) / mpmath.sqrt(2 * mpmath.pi)
        newton = (mpmath.ncdf(approximation) - probability) / density
        worst = max(worst, abs(float(newton / approximation)))
    return worst


def check_a_sample_against_numpy() -> None:
    words = np.random.default_rng(0).integers(0, 2**32, 2**20, dtype=np.uint32)
    expected = normal_from_words(words)
    if not (normal_from_words(~words) == -expected).all():
        raise SystemExit("the map is not antisymmetric")
    for word, value in zip(words[:4096].tolist(), expected.tolist(), strict=False):
        out = np.empty(1, np.float32)
        normals(word, out)
        if out[0] != value:
            raise SystemExit(f"word {word}: the kernel gives {out[0]!r}, the reference {value!r}")


def main() -> None:
    check_a_sample_against_numpy()
    print(f"reference: largest relative error {reference_error():.1e} (sample, against 40 digits)")
    began, worst, worst_word, squares, inversions, largest = time.monotonic(), 0.0, 0, 0.0, 0, 0.0
    before = np.float32(-np.inf)
    out = np.empty(CHUNK, np.float32)
    for first in range(0, 2**31, CHUNK):
        normals(first, out)
        errors = np.abs(out / reference(first, CHUNK) - 1.0)
        place = int(errors.argmax())
        if errors[place] > worst:
            worst, worst_word = float(errors[place]), first + place
        squares += float((errors**2).sum())
        inversions += int((np.diff(out, prepend=before) < 0).sum())
        largest, before = max(largest, float(-out[0])), out[-1]
    print(f"words checked: 2**31, and by symmetry 2**32, in {time.monotonic() - began:.0f} s")
    print(f"largest relative error: {worst:.3e} (word {worst_word}); root mean square {(squares / 2**31) ** 0.5:.3e}")
    print(f"inversions (z(w + 1) < z(w)): {2 * inversions} of 2**32")
    print(f"largest |z|: {largest!r}")
    if worst > LIMIT:
        raise SystemExit(f"the error is above {LIMIT}")


if __name__ == "__main__":
    main()
