"""Initializers as frozen values: what a parameter shall hold, and the law it then has. They write nothing."""

from initwise.initializers._base import Initializer
from initwise.initializers._basic import Normal, TruncatedNormal, Uniform
from initwise.initializers._combining import Keep, PerBlock
from initwise.initializers._constant import Constant, Ones, Zeros
from initwise.initializers._custom import Custom, as_initializer
from initwise.initializers._data import from_data, to_data
from initwise.initializers._distributions import NormalCdf, TruncatedNormalCdf, UniformCdf
from initwise.initializers._elementwise import ElementWise, law_of
from initwise.initializers._given import Given, Listed
from initwise.initializers._identity import Dirac, Identity
from initwise.initializers._invariants import CentreTap, Equal, Invariant, NonzerosPerUnit, Orthonormal, Pattern, units
from initwise.initializers._law import Law
from initwise.initializers._mapped import Mapped, MappedCdf
from initwise.initializers._multiple import Follows, Multiple, ScaledCdf
from initwise.initializers._orthogonal import DeltaOrthogonal, Orthogonal
from initwise.initializers._product import Fill, Product
from initwise.initializers._ranges import Logarithms, LogRange
from initwise.initializers._rates import ChronoBias, LogOfUniform, TimeStepBias
from initwise.initializers._ring import RingDecay, RingGain
from initwise.initializers._rows import MeanOfRows, NewRows
from initwise.initializers._scaled import Scaled
from initwise.initializers._scaling import VarianceScaling
from initwise.initializers._schemes import (
    KaimingNormal,
    KaimingUniform,
    LecunNormal,
    LecunUniform,
    XavierNormal,
    XavierUniform,
)
from initwise.initializers._sparse import Sparse
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target
from initwise.initializers._upsampling import ICNR, BilinearKernel, Interpolating, Repeated

__all__ = [
    "ICNR",
    "BilinearKernel",
    "CentreTap",
    "ChronoBias",
    "Constant",
    "Custom",
    "DeltaOrthogonal",
    "Dirac",
    "ElementWise",
    "Equal",
    "Fill",
    "Follows",
    "Given",
    "Identity",
    "Initializer",
    "Interpolating",
    "Invariant",
    "KaimingNormal",
    "KaimingUniform",
    "Keep",
    "Law",
    "LecunNormal",
    "LecunUniform",
    "Listed",
    "LogOfUniform",
    "LogRange",
    "Logarithms",
    "Mapped",
    "MappedCdf",
    "MeanOfRows",
    "Multiple",
    "NewRows",
    "NonzerosPerUnit",
    "Normal",
    "NormalCdf",
    "Ones",
    "Orthogonal",
    "Orthonormal",
    "Pattern",
    "PerBlock",
    "Product",
    "Repeated",
    "RingDecay",
    "RingGain",
    "Scaled",
    "ScaledCdf",
    "Sparse",
    "Stream",
    "Target",
    "TimeStepBias",
    "TruncatedNormal",
    "TruncatedNormalCdf",
    "Uniform",
    "UniformCdf",
    "VarianceScaling",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "as_initializer",
    "from_data",
    "law_of",
    "to_data",
    "units",
]
