"""The drop-in for `torch.nn.init`: every public name and signature there, on our stream, seeded by torch's generator.

    from initwise import init

    torch.manual_seed(0)
    init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")

Checks, errors, warnings, laws, gains and fans are torch's. The values are ours: the same for a seed on every device,
in every memory format and (but for rounding) dtype. docs/drop-in.md says where this is better than torch.
"""

# What torch does well stays torch's own function. The two private names are here because much code calls them.
from torch.nn.init import (
    _calculate_correct_fan,  # noqa: F401 - for others
    _calculate_fan_in_and_fan_out,  # noqa: F401 - for others
    calculate_gain,
    dirac_,
    eye_,
    ones_,
    zeros_,
)

from initwise.init._basic import constant_, normal_, trunc_normal_, uniform_
from initwise.init._deprecated import deprecated
from initwise.init._scaled import kaiming_normal_, kaiming_uniform_, xavier_normal_, xavier_uniform_
from initwise.init._structured import orthogonal_, sparse_

__all__ = [  # noqa: RUF022 - in torch's order
    "calculate_gain",
    "uniform_",
    "normal_",
    "trunc_normal_",
    "constant_",
    "ones_",
    "zeros_",
    "eye_",
    "dirac_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
    "sparse_",
    "uniform",
    "normal",
    "constant",
    "eye",
    "dirac",
    "xavier_uniform",
    "xavier_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "orthogonal",
    "sparse",
]

uniform = deprecated(uniform_)
normal = deprecated(normal_)
constant = deprecated(constant_)
eye = deprecated(eye_)
dirac = deprecated(dirac_)
xavier_uniform = deprecated(xavier_uniform_)
xavier_normal = deprecated(xavier_normal_)
kaiming_uniform = deprecated(kaiming_uniform_)
kaiming_normal = deprecated(kaiming_normal_)
orthogonal = deprecated(orthogonal_)
sparse = deprecated(sparse_)
