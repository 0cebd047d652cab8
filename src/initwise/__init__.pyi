# The public names, for type checkers and editors; `__init__.py` imports each where it is first used.
from initwise import errors, init, monitoring, random, recipes, signals
from initwise.axes import Axes
from initwise.calibration import (
    actnorm_init,
    gradinit,
    lsuv,
    metainit,
    output_prior,
    weight_norm_init,
    within_channel,
)
from initwise.comparison import Comparison, Task, compare
from initwise.differences import diff
from initwise.digests import digest
from initwise.errors import ApplyError, ArgumentError, InitwiseError, PlanError, SchemaError, VerificationError
from initwise.gains import gain
from initwise.initializers import (
    ICNR,
    BilinearKernel,
    ChronoBias,
    Constant,
    Custom,
    DeltaOrthogonal,
    Dirac,
    Given,
    Identity,
    KaimingNormal,
    KaimingUniform,
    Keep,
    Law,
    LecunNormal,
    LecunUniform,
    LogOfUniform,
    LogRange,
    MeanOfRows,
    NewRows,
    Normal,
    Ones,
    Orthogonal,
    PerBlock,
    RingDecay,
    RingGain,
    Scaled,
    Sparse,
    TimeStepBias,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from initwise.lints import Suppression, check
from initwise.monitoring import Monitor
from initwise.pages import report
from initwise.planning import Plan, plan
from initwise.provenance import record
from initwise.rules import Rule, rule
from initwise.selectors import Glob, Name, Regex, Type, Where
from initwise.shards import FlatRange, Slice
from initwise.signals import coordinate_check, measure, predict
from initwise.testing import assert_initialized
from initwise.verification import verify
from initwise.workflow import initialize
from initwise.writing import apply

__version__: str

__all__ = [  # noqa: RUF022 - in the order of `sorted`, as `__init__.py` makes it
    "ApplyError",
    "ArgumentError",
    "Axes",
    "BilinearKernel",
    "ChronoBias",
    "Comparison",
    "Constant",
    "Custom",
    "DeltaOrthogonal",
    "Dirac",
    "FlatRange",
    "Given",
    "Glob",
    "ICNR",
    "Identity",
    "InitwiseError",
    "KaimingNormal",
    "KaimingUniform",
    "Keep",
    "Law",
    "LecunNormal",
    "LecunUniform",
    "LogOfUniform",
    "LogRange",
    "MeanOfRows",
    "Monitor",
    "Name",
    "NewRows",
    "Normal",
    "Ones",
    "Orthogonal",
    "PerBlock",
    "Plan",
    "PlanError",
    "Regex",
    "RingDecay",
    "RingGain",
    "Rule",
    "Scaled",
    "SchemaError",
    "Slice",
    "Sparse",
    "Suppression",
    "Task",
    "TimeStepBias",
    "TruncatedNormal",
    "Type",
    "Uniform",
    "VarianceScaling",
    "VerificationError",
    "Where",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "actnorm_init",
    "apply",
    "assert_initialized",
    "check",
    "compare",
    "coordinate_check",
    "diff",
    "digest",
    "errors",
    "gain",
    "gradinit",
    "init",
    "initialize",
    "lsuv",
    "measure",
    "metainit",
    "monitoring",
    "output_prior",
    "plan",
    "predict",
    "random",
    "recipes",
    "record",
    "report",
    "rule",
    "signals",
    "verify",
    "weight_norm_init",
    "within_channel",
]
