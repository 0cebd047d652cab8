"""`to_python` gives plain PyTorch code that draws from the same laws."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import NotSupportedError
from initwise.initializers import Initializer


def _initialized(model: nn.Module, rules: Any) -> iw.Plan:
    """Fill `model` by the generated code, in a namespace that knows nothing of initwise."""
    plan = iw.plan(model, rules)
    code = plan.to_python()
    assert "initwise" not in code
    namespace: dict[str, Any] = {}
    exec(compile(code, "generated", "exec"), namespace)  # noqa: S102 - our own text
    torch.manual_seed(0)
    namespace["initialize"](model)
    return plan


def _one(shape: tuple[int, ...], initializer: Initializer, axes: iw.Axes | None, dtype: torch.dtype) -> Any:
    model: Any = nn.Module()
    model.p = nn.Parameter(torch.full(shape, 7.0, dtype=dtype))
    plan = _initialized(model, iw.rule("p", initializer, axes=axes))
    return plan["p"], model.p.detach()


MATRIX = iw.Axes(fan_in=(1,), fan_out=(0,))
KERNEL = iw.Axes(fan_in=(1,), fan_out=(0,), kernel=(2, 3))
TRANSPOSED = iw.Axes(fan_in=(0,), fan_out=(1,), kernel=(2, 3), groups=2)
EXPERTS = iw.Axes(fan_in=(2,), fan_out=(1,), batch=(0,))
HALVES = (torch.float32, torch.bfloat16, torch.float64, torch.complex64)

# initializer, shape, axes
RANDOM: list[tuple[Initializer, tuple[int, ...], iw.Axes | None]] = [
    (iw.Uniform(-0.5, 2.0), (128, 128), None),
    (iw.Normal(mean=1.0, std=0.25), (128, 128), None),
    (iw.TruncatedNormal(std=0.02, bound=2.0), (128, 128), None),
    (iw.TruncatedNormal(mean=3.0, std=0.5, bound=1.0, corrected=False), (128, 128), None),
    (iw.VarianceScaling(scale=2.0, mode="fan_out", distribution="truncated_normal"), (256, 64), MATRIX),
    (iw.XavierUniform(gain=2.0), (256, 64), MATRIX),
    (iw.XavierNormal(), (256, 64), MATRIX),
    (iw.KaimingUniform(mode="fan_out", nonlinearity="gelu"), (32, 16, 8, 4), KERNEL),
    (iw.KaimingNormal(a=0.5), (32, 16, 8, 4), KERNEL),
    (iw.LecunNormal(), (4, 64, 64), EXPERTS),
    (iw.LecunUniform(), (256, 64), MATRIX),
]


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize(("initializer", "shape", "axes"), RANDOM, ids=[repr(row[0]) for row in RANDOM])
def test_element_wise_laws_are_the_same(
    initializer: Initializer, shape: tuple[int, ...], axes: iw.Axes | None, dtype: torch.dtype
) -> None:
    row, drawn = _one(shape, initializer, axes, dtype)
    law = row.law.half() if dtype.is_complex else row.law
    values = (torch.view_as_real(drawn) if dtype.is_complex else drawn).double().flatten()
    count, variance = values.numel(), law.std**2
    rounding = 0.01 * law.std if dtype == torch.bfloat16 else 1e-6 * (abs(law.mean) + law.std)
    assert abs(values.mean().item() - law.mean) < 5 * law.std / math.sqrt(count) + rounding
    spread = math.sqrt((law.fourth - variance**2) / count)
    assert abs(values.var().item() - variance) < 5 * spread + 2 * law.std * rounding
    assert values.min().item() >= law.support[0] - rounding
    assert values.max().item() <= law.support[1] + rounding
    if math.isfinite(law.support[1]):
        assert values.max().item() > law.support[1] - 0.05 * law.std - rounding


def _identity_of(matrix: Tensor) -> Tensor:
    """Return the product of a semi-orthogonal matrix with itself, over its shorter side."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.mT
    return (tall.mH @ tall).to(torch.complex128 if matrix.is_complex() else torch.float64)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("shape", [(8, 8), (12, 5), (5, 12)], ids=str)
def test_orthogonal_matrices_are_orthogonal(shape: tuple[int, int], dtype: torch.dtype) -> None:
    _, drawn = _one(shape, iw.Orthogonal(gain=2.0), None, dtype)
    size = min(shape)
    tolerance = 0.1 if dtype == torch.bfloat16 else 1e-4
    wide = drawn.to(torch.float32) if dtype == torch.bfloat16 else drawn
    assert torch.allclose(_identity_of(wide), 4 * torch.eye(size).to(_identity_of(wide).dtype), atol=tolerance)


def test_each_expert_has_an_orthogonal_matrix_of_its_own() -> None:
    _, drawn = _one((3, 4, 6), iw.Orthogonal(), EXPERTS, torch.float32)
    assert all(torch.allclose(expert @ expert.mT, torch.eye(4), atol=1e-5) for expert in drawn)
    assert not torch.allclose(drawn[0], drawn[1])


def test_orthogonal_gates_are_orthogonal_each() -> None:
    model: Any = nn.GRU(4, 6)
    _initialized(model, [iw.rule(nn.GRU, weight=iw.XavierUniform(), weight_hh=iw.Orthogonal(), bias=iw.Zeros())])
    gates = model.weight_hh_l0.detach().chunk(3)
    assert all(torch.allclose(gate @ gate.mT, torch.eye(6), atol=1e-5) for gate in gates)
    assert not torch.allclose(gates[0], gates[1])


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((6, 4, 3, 3), KERNEL), ((4, 4, 3, 3), TRANSPOSED), ((4, 2, 3, 3), iw.Axes((1,), (0,), (), (2, 3), 2))],
)
def test_delta_orthogonal_kernels_pass_only_their_centre(shape: tuple[int, ...], axes: iw.Axes) -> None:
    row, drawn = _one(shape, iw.DeltaOrthogonal(), axes, torch.float32)
    assert [invariant.check(drawn) for invariant in row.law.invariants] == [None]


@pytest.mark.parametrize(
    ("shape", "axes"), [((20, 30), None), ((6, 10, 3, 3), KERNEL), ((8, 5, 2, 2), TRANSPOSED), ((3, 4, 20), EXPERTS)]
)
def test_sparse_weights_keep_the_right_number_for_each_unit(shape: tuple[int, ...], axes: iw.Axes | None) -> None:
    row, drawn = _one(shape, iw.Sparse(sparsity=0.75, std=0.5), axes, torch.float32)
    for part in row.parts:
        invariants = part.law.invariants
        assert [
            invariant.check(drawn.narrow(part.axis, part.start, part.stop - part.start)) for invariant in invariants
        ] == [None]
    kept = drawn[drawn != 0]
    assert 0.2 < kept.numel() / drawn.numel() <= 0.25
    assert 0.3 < kept.std().item() < 0.7


def test_deterministic_laws_are_the_same_to_the_bit() -> None:
    model = nn.Module()
    rules = {
        "constant": (iw.Constant(0.1), (3, 3)),
        "ones": (iw.Ones(), (2,)),
        "zeros": (iw.Zeros(), ()),
        "identity": (iw.Identity(), (3, 4)),
        "dirac": (iw.Dirac(groups=2), (4, 2, 3)),
    }
    for name, (_, shape) in rules.items():
        model.register_parameter(name, nn.Parameter(torch.full(shape, 7.0)))
    plan = _initialized(model, [iw.rule(name, initializer) for name, (initializer, _) in rules.items()])
    by_code = {name: value.detach().clone() for name, value in model.named_parameters()}
    iw.apply(model, plan)
    assert all(torch.equal(by_code[name], value) for name, value in model.named_parameters())


def test_blocks_padding_rows_and_kept_parameters_are_respected() -> None:
    model: Any = nn.ModuleDict(
        {"lstm": nn.LSTM(3, 4), "embed": nn.Embedding(5, 3, padding_idx=2), "head": nn.Linear(3, 2)}
    )
    before = model["head"].weight.detach().clone()
    model["embed"].weight.requires_grad_(True)
    _initialized(
        model,
        [
            iw.rule("lstm.bias*", iw.PerBlock(f=iw.Ones(), o=iw.Keep(), rest=iw.Zeros())),
            iw.rule(nn.LSTM, weight=iw.XavierUniform()),
            iw.rule("embed.weight", iw.Normal()),
            iw.rule("head.*", iw.Keep()),
        ],
    )
    i, f, g, o = model["lstm"].bias_ih_l0.detach().chunk(4)
    assert (i.tolist(), f.tolist(), g.tolist()) == ([0.0] * 4, [1.0] * 4, [0.0] * 4)
    assert not torch.equal(o, torch.zeros(4))
    assert model["embed"].weight[2].tolist() == [0.0] * 3
    assert model["embed"].weight[1].abs().min() > 0
    assert torch.equal(model["head"].weight, before)


def test_ties_and_wrappers_are_found_under_their_paths() -> None:
    model: Any = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
    model[1].weight = model[0].weight
    wrapped = nn.DataParallel(model)
    _initialized(wrapped, iw.rule("0.weight", iw.Ones()))
    assert torch.equal(model[1].weight, torch.ones(5, 3))


def _function(shape: Any, fans: Any, draw: Any) -> Any:
    return draw.normal(shape)


def test_functions_have_no_plain_counterpart() -> None:
    plan = iw.plan(nn.Linear(2, 2), [iw.rule("weight", _function), iw.rule("bias", iw.Zeros())])
    with pytest.raises(NotSupportedError, match=r"to_python: 'weight' are drawn by functions of yours"):
        plan.to_python()


def test_the_code_reads_like_this() -> None:
    rules = [iw.rule(nn.Linear, weight=iw.Normal(std=0.02), bias=iw.Zeros()), iw.rule("1.bias", iw.Keep())]
    assert iw.plan(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)), rules).to_python() == CODE


CODE = '''"""Initial weights in plain PyTorch: 4 parameters, 17 elements."""

import torch
from torch import nn


@torch.no_grad()
def initialize(model):
    """Draw the parameters of `model` in place, from torch's global random generator."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    # left as it is: 1.bias
    for name in [
        '0.weight',
        '1.weight',
    ]:
        p = parameters[name]
        nn.init.normal_(p, mean=0.0, std=0.02)
    for name in [
        '0.bias',
    ]:
        p = parameters[name]
        nn.init.constant_(p, 0.0)
'''
