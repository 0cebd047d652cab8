"""The named schemes, each a few lines over `VarianceScaling`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from initwise._arguments import Arguments
from initwise._typing import Convention, FanMode
from initwise.gains import gain as gain_of
from initwise.initializers._elementwise import ElementWise
from initwise.initializers._scaling import MODES, Distribution, VarianceScaling
from initwise.initializers._target import Target
from initwise.random import Draw


@dataclass(frozen=True, repr=False)
class _Scheme(ElementWise):
    @property
    @abstractmethod
    def scaling(self) -> VarianceScaling:
        """The general law that this scheme is a case of."""

    def _real(self, target: Target) -> Draw:
        target.known_fans(repr(self))  # so that an error names the scheme
        return self.scaling._real(target)  # noqa: SLF001 - one family


@dataclass(frozen=True, repr=False)
class _Xavier(_Scheme):
    gain: float = 1.0

    def __post_init__(self) -> None:
        check = Arguments(type(self).__name__)
        self._store(gain=positive(check, "gain", self.gain))
        check.done()

    def _case(self, distribution: Distribution) -> VarianceScaling:
        return VarianceScaling(self.gain**2, "fan_avg", distribution)


@dataclass(frozen=True, repr=False)
class XavierUniform(_Xavier):
    """U(±gain * sqrt(6 / (fan_in + fan_out))): variance 2 gain^2 / (fan_in + fan_out).

    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010. Fans are the
    true ones of the layer, where `torch.nn.init` takes them from the shape.

    Raises:
        ArgumentError: `gain` is not positive and finite.

    >>> import initwise as iw
    >>> iw.XavierUniform(gain=2)
    XavierUniform(gain=2.0)
    """

    @property
    def scaling(self) -> VarianceScaling:
        """The general law that this scheme is a case of."""
        return self._case("uniform")


@dataclass(frozen=True, repr=False)
class XavierNormal(_Xavier):
    """N(0, 2 gain^2 / (fan_in + fan_out)). Glorot and Bengio 2010; see `XavierUniform`.

    Raises:
        ArgumentError: `gain` is not positive and finite.
    """

    @property
    def scaling(self) -> VarianceScaling:
        """The general law that this scheme is a case of."""
        return self._case("normal")


@dataclass(frozen=True, repr=False)
class _Kaiming(_Scheme):
    mode: FanMode = "fan_in"
    nonlinearity: str | float | Callable[..., Any] = "relu"
    a: float = 0.0
    convention: Convention = "exact"

    def __post_init__(self) -> None:
        check = Arguments(type(self).__name__)
        check.choice("mode", self.mode, MODES)
        check.choice("convention", self.convention, get_args(Convention))
        slope = check.number("a", self.a)
        if slope != 0 and self.nonlinearity not in _SLOPED:
            check.refuse(f"a is {slope}, the negative slope of relu or leaky_relu; {self.nonlinearity!r} has none")
        if not isinstance(self.nonlinearity, str) and not callable(self.nonlinearity):
            self._store(nonlinearity=positive(check, "nonlinearity", self.nonlinearity))
        check.done()
        if callable(self.nonlinearity):
            self._store(nonlinearity=gain_of(self.nonlinearity, convention=self.convention))
        self._store(a=slope)
        self.gain  # noqa: B018 - an unknown name is refused here

    @property
    def gain(self) -> float:
        """The factor that keeps the second moment: 1 / sqrt(E f(z)^2) for z ~ N(0, 1)."""
        if not isinstance(self.nonlinearity, str):
            return float(self.nonlinearity)  # type: ignore[arg-type]
        if self.nonlinearity in _SLOPED:
            return gain_of("leaky_relu", self.a, convention=self.convention)
        return gain_of(self.nonlinearity, convention=self.convention)

    def _case(self, distribution: Distribution) -> VarianceScaling:
        return VarianceScaling(self.gain**2, self.mode, distribution)


@dataclass(frozen=True, repr=False)
class KaimingUniform(_Kaiming):
    """U(±gain * sqrt(3 / fan)): variance gain^2 / fan. See `KaimingNormal` for the arguments.

    >>> import initwise as iw
    >>> iw.KaimingUniform(a=5**0.5)     # what torch.nn.Linear draws by default: U(±1 / sqrt(fan_in))
    KaimingUniform(a=2.23606797749979)
    """

    @property
    def scaling(self) -> VarianceScaling:
        """The general law that this scheme is a case of."""
        return self._case("uniform")


@dataclass(frozen=True, repr=False)
class KaimingNormal(_Kaiming):
    """N(0, gain^2 / fan), which keeps the second moment through the layer and its nonlinearity.

    He, Zhang, Ren, Sun, Delving deep into rectifiers, 2015 (arXiv:1502.01852). Fans are the true ones of the layer,
    where `torch.nn.init` takes them from the shape.

    Args:
        mode: "fan_in" keeps the forward signal, "fan_out" the gradient; "fan_avg" and "fan_geo_avg" lie between.
        nonlinearity: a name, a function or module (stored as its gain), or the gain itself. For a gain that keeps the
            gradient, give `iw.gain(f, direction="backward")`.
        a: negative slope, with "relu" or "leaky_relu".
        convention: "exact" takes the gain from the nonlinearity's second moment; "torch" takes the constants of
            `torch.nn.init.calculate_gain` (5/3 for tanh, 3/4 for selu, 1 for sigmoid).

    Raises:
        ArgumentError: an unknown mode or nonlinearity, or a number that is not finite.

    >>> import initwise as iw
    >>> iw.KaimingNormal(mode="fan_out", nonlinearity="gelu").gain
    1.533530441
    """

    @property
    def scaling(self) -> VarianceScaling:
        """The general law that this scheme is a case of."""
        return self._case("normal")


@dataclass(frozen=True, repr=False)
class LecunUniform(_Scheme):
    """U(±sqrt(3 / fan_in)): variance 1 / fan_in. LeCun, Bottou, Orr, Müller, Efficient BackProp, 1998."""

    @property
    def scaling(self) -> VarianceScaling:
        """The general law that this scheme is a case of."""
        return VarianceScaling(1.0, "fan_in", "uniform")


@dataclass(frozen=True, repr=False)
class LecunNormal(_Scheme):
    """N(0, 1 / fan_in), as self-normalizing networks (SELU) ask for. LeCun, Bottou, Orr, Müller 1998."""

    @property
    def scaling(self) -> VarianceScaling:
        """The general law that this scheme is a case of."""
        return VarianceScaling(1.0, "fan_in", "normal")


_SLOPED: tuple[Any, ...] = ("relu", "leaky_relu")


def positive(check: Arguments, name: str, value: object) -> float:
    """Check a number above zero."""
    number = check.number(name, value)
    if number <= 0:
        check.refuse(f"{name} is {number}, and must be positive; use Zeros() for zeros")
    return number
