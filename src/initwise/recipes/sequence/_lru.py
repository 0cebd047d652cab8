"""`lru`: linear recurrent units, with eigenvalues uniform on a ring and states of the input's variance."""

from __future__ import annotations

import math
from collections.abc import Callable

from initwise._arguments import Arguments
from initwise.initializers import Initializer, LogOfUniform, Normal, RingDecay, RingGain
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.frameworks._flax_default import FLAX_DEFAULT

MAX_PHASE = 2 * math.pi


def lru(r_min: float = 0.0, r_max: float = 1.0, max_phase: float = MAX_PHASE) -> Recipe:
    """Return the recipe of linear recurrent units whose eigenvalues lie on a ring.

    A unit is a module with the parameters `nu_log` and `theta_log`: lambda = exp(-exp(nu_log) + i exp(theta_log)). Its
    other parameters go by their names: `gamma_log`, `B_re`, `B_im`, `C_re`, `C_im` (or complex `B`, `C`), and `D`. All
    else is as `flax-default` has it, as in the paper's code. Orvieto et al. 2023 (arXiv:2303.06349).

    Args:
        r_min: the smallest magnitude of an eigenvalue.
        r_max: the largest one; near 1 for long memory.
        max_phase: the largest phase; small for long sequences.

    Raises:
        ArgumentError: other than 0 <= r_min < r_max <= 1 and 0 < max_phase.

    >>> lru(r_min=0.9, r_max=0.999, max_phase=0.314).name
    'lru'
    """
    check = Arguments("lru")
    max_phase = check.number("max_phase", max_phase)
    if max_phase <= 0:
        check.refuse(f"max_phase is {max_phase}, and must be positive")
    check.done()
    ring: dict[str, Initializer] = {
        "nu_log": RingDecay(r_min, r_max),
        "theta_log": LogOfUniform(0.0, max_phase),
        "gamma_log": RingGain(r_min, r_max, beside="nu_log"),
    }
    return Recipe(
        name="lru",
        summary="linear recurrent units: eigenvalues uniform on a ring, states of the variance of a white input",
        source="Orvieto et al. 2023, Resurrecting recurrent neural networks for long sequences (arXiv:2303.06349)",
        laws=(
            ("nu_log", f"ln(-ln(s) / 2) with s = |λ|² ~ U({r_min:g}², {r_max:g}²)"),
            ("theta_log", f"ln U(0, {max_phase:.4g})"),
            ("gamma_log", "ln sqrt(1 - |λ|²), of the same λ"),
            ("B_re, B_im; complex B", "N(0, 1 / (2 in)) each half"),
            ("C_re, C_im; complex C", "N(0, 1 / states) each half"),
            ("D", "N(0, 1) for a vector, N(0, 1 / in) for a matrix"),
            ("all else", "as `flax-default`"),
        ),
        decide=lambda reading: _decide(reading, ring),
        warnings=_without_units,
    )


def _decide(reading: Reading, ring: dict[str, Initializer]) -> Callable[[Parameter], Decision]:
    units, others = _units(reading), FLAX_DEFAULT.decide(reading)

    def decide(parameter: Parameter) -> Decision:
        if parameter.module_name not in units:
            return others(parameter)
        subject = f"{parameter.kind} {parameter.attribute}"
        if parameter.attribute in ring:
            return ring[parameter.attribute], f"{subject}: of eigenvalues uniform on a ring"
        return _projection(parameter, subject) or others(parameter)

    return decide


def _projection(parameter: Parameter, subject: str) -> Decision:
    """B (states, in), C (out, states), each with a real and an imaginary half, and the skip D."""
    name, whole = parameter.attribute, parameter.dtype.is_complex
    count = parameter.shape[1] if parameter.ndim > 1 else 1
    if count == 0:
        return None
    if name in ("B", "B_re", "B_im"):
        halves = 1 if whole else 2
        return Normal(std=1 / math.sqrt(halves * count)), f"{subject}: N(0, 1 / (2 * {count} inputs)) each half"
    if name in ("C", "C_re", "C_im"):
        halves = 2 if whole else 1
        return Normal(std=math.sqrt(halves / count)), f"{subject}: N(0, 1 / {count} states) each half"
    return (Normal(std=1 / math.sqrt(count)), f"{subject}, the skip: N(0, 1 / {count})") if name == "D" else None


def _units(reading: Reading) -> set[str]:
    """Return the names of the modules that own both logarithms of an eigenvalue."""
    owners = [{p.module_name for p in reading.parameters if p.attribute == name} for name in ("nu_log", "theta_log")]
    return owners[0] & owners[1]


def _without_units(reading: Reading) -> tuple[str, ...]:
    return () if _units(reading) else ("lru: no module here has the parameters nu_log and theta_log",)


LRU = lru()
