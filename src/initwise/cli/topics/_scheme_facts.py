"""Names that mean an initializer, and what to know about some of them that their formulas do not say."""

from __future__ import annotations

TORCH_NAMES: dict[str, str] = {
    "uniform_": "Uniform",
    "normal_": "Normal",
    "trunc_normal_": "TruncatedNormal",
    "constant_": "Constant",
    "ones_": "Ones",
    "zeros_": "Zeros",
    "eye_": "Identity",
    "dirac_": "Dirac",
    "xavier_uniform_": "XavierUniform",
    "xavier_normal_": "XavierNormal",
    "kaiming_uniform_": "KaimingUniform",
    "kaiming_normal_": "KaimingNormal",
    "orthogonal_": "Orthogonal",
    "sparse_": "Sparse",
}

OTHER_NAMES: dict[str, str] = {
    "glorotuniform": "XavierUniform",
    "glorotnormal": "XavierNormal",
    "heuniform": "KaimingUniform",
    "henormal": "KaimingNormal",
    "lecun": "LecunNormal",
    "xavier": "XavierUniform",
    "glorot": "XavierUniform",
    "he": "KaimingNormal",
    "truncnormal": "TruncatedNormal",
    "eye": "Identity",
}

_KAIMING = (
    "torch.nn.init's default, nonlinearity='leaky_relu' with a=0, is relu's gain √2. `a` counts for leaky_relu only.",
    "It knows no gelu, silu, mish or elu; initwise takes any function's gain by quadrature: initwise explain gain.",
    "he_normal of Keras is another law: truncated at two sigmas, and widened to keep its std.",
)
_XAVIER = ("With gain=calculate_gain('relu') this is He's law only where fan_in equals fan_out.",)

REMARKS: dict[str, tuple[str, ...]] = {
    "KaimingNormal": _KAIMING,
    "KaimingUniform": (
        *_KAIMING[:2],
        "With a=√5 it is what torch.nn.Linear and Conv draw by default: U(±1/√fan_in).",
    ),
    "XavierNormal": _XAVIER,
    "XavierUniform": _XAVIER,
    "LecunNormal": ("torch.nn.init has no function for it; SELU networks need it (gain 1, not calculate_gain's 3/4).",),
    "TruncatedNormal": (
        "torch.nn.init.trunc_normal_ takes its bounds a and b as absolute numbers: with std=0.02 its default, ±2, is",
        "100 sigmas away and cuts nothing. With std=1 it does cut, and the std that comes out is 0.880.",
        "iw.TruncatedNormal takes its bound in sigmas, and std is the std after the cut (corrected=False: before).",
    ),
    "Orthogonal": (
        "Weights that pack several matrices (q k v, gates) get one orthogonal matrix for each of them in a plan;",
        "torch.nn.init.orthogonal_ makes the packed matrix orthogonal as a whole, and refuses bfloat16 and complex.",
    ),
    "Sparse": (
        "torch.nn.init.sparse_ draws its zeros from torch's global generator, whatever generator it was given.",
    ),
    "Keep": ("The only way to leave a parameter as it is: what no rule names is an error.",),
}
