"""Initializers of what enters a recurrence through exp, softplus or sigmoid: the facts that their papers rest on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.initializers import Initializer, Law, Stream, Target
from tests.cases import values

MANY = Target((65536,))


def _law(initializer: Initializer, target: Target = MANY) -> Law:
    law = initializer.law(target)
    assert law is not None
    return law


def test_softplus_of_the_bias_is_a_log_uniform_time_step() -> None:
    step = functional.softplus(values(iw.TimeStepBias(), MANY).double())
    words = Stream(0, "weight").words(65536).astype(np.float64)
    exact = torch.from_numpy(np.exp(math.log(1e-3) + math.log(100) * (words + 0.5) / 2**32))
    assert float((step - exact).abs().max()) <= 3e-8
    assert stats.kstest(step.log10().numpy(), stats.uniform(-3, 2).cdf).pvalue > 1e-6


def test_time_steps_below_the_floor_are_raised_to_it() -> None:
    raised = iw.TimeStepBias(1e-3, 0.1, floor=1e-2)
    step = functional.softplus(values(raised, MANY).double())
    at_floor = (step - 1e-2).abs() < 1e-8
    assert float(at_floor.double().mean()) == pytest.approx(0.5, abs=5 * 0.5 / 256)
    assert float(step.min()) >= 1e-2 * (1 - 1e-6)
    law = _law(raised)
    drawn = values(raised, MANY).double()
    assert float(drawn.mean()) == pytest.approx(law.mean, abs=5 * law.std / 256)
    assert float(drawn.std()) == pytest.approx(law.std, rel=0.02)
    assert law.cdf is not None
    assert law.cdf(np.array([law.support[0] - 1e-6, *law.support])) == pytest.approx([0.0, 0.5, 1.0])
    assert law.support == pytest.approx((-4.6, -2.252), abs=1e-3)
    assert law.support[0] <= float(drawn.min())
    assert float(drawn.max()) <= law.support[1]
    assert law.describe().endswith(", at least 0.01")


def test_a_floor_in_the_middle_has_the_moments_of_its_two_parts() -> None:
    above = _law(iw.TimeStepBias(1e-2, 0.1))
    whole = _law(iw.TimeStepBias(1e-3, 0.1, floor=1e-2))
    floor = math.log(math.expm1(1e-2))
    assert whole.mean == pytest.approx((floor + above.mean) / 2, rel=1e-9)
    square = (floor**2 + above.std**2 + above.mean**2) / 2
    assert whole.std == pytest.approx(math.sqrt(square - whole.mean**2), rel=1e-9)


def test_moments_are_those_of_the_closed_form() -> None:
    exponential = _law(iw.LogOfUniform(0, 1))  # minus the logarithm of a uniform number is exponential
    assert (exponential.mean, exponential.std, exponential.fourth) == pytest.approx((-1, 1, 9), rel=1e-9)
    narrow = _law(iw.LogOfUniform(1, 1.001))
    assert narrow.std == pytest.approx(0.001 / math.sqrt(12), rel=1e-3)
    whole = _law(iw.RingDecay())  # nu is exponential of rate 2, so that -ln nu is Gumbel's law
    assert whole.mean == pytest.approx(-np.euler_gamma - math.log(2), rel=1e-9)
    assert whole.std == pytest.approx(math.pi / math.sqrt(6), rel=1e-9)
    assert whole.fourth == pytest.approx(27 / 5 * whole.std**4, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize(
    "initializer",
    [iw.TimeStepBias(), iw.LogOfUniform(1, 1.01), iw.ChronoBias(4), iw.ChronoBias(4, -1), iw.RingGain(0.9, 0.99)],
    ids=repr,
)
def test_rounding_never_leaves_the_support(initializer: Initializer, dtype: torch.dtype) -> None:
    target = Target((65536,), dtype)
    drawn = values(initializer, target).double()
    low, high = _law(initializer, target).support
    assert low <= float(drawn.min())
    assert float(drawn.max()) <= high


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_rates_of_every_dtype_verify(dtype: torch.dtype) -> None:
    asked = {
        "steps": iw.TimeStepBias(),
        "floored": iw.TimeStepBias(floor=0.01),
        "decays": iw.LogOfUniform(0, 16),
        "gate": iw.ChronoBias(784),
        "nu_log": iw.RingDecay(),
        "gamma_log": iw.RingGain(),
        "states": iw.LogRange(),
    }
    for size in (1, 7, 4096):
        model = nn.ParameterDict({name: nn.Parameter(torch.empty(size, dtype=dtype)) for name in asked})
        iw.initialize(model, [iw.rule(name, initializer) for name, initializer in asked.items()], seed=size)


def test_chrono_gates_read_the_same_numbers_and_differ_in_sign() -> None:
    lstm: Any = nn.LSTM(3, 64)
    bias = iw.PerBlock(f=iw.ChronoBias(100), i=iw.ChronoBias(100, sign=-1), rest=iw.Zeros())
    rules = [
        iw.rule(nn.LSTM, weight_ih=iw.XavierUniform(), weight_hh=iw.Orthogonal(), bias_ih=bias, bias_hh=iw.Zeros())
    ]
    plan = iw.plan(lstm, rules)
    iw.apply(lstm, plan)
    i, f, g, o = lstm.bias_ih_l0.detach().chunk(4)
    assert torch.equal(i, -f)
    assert len(f.unique()) > 60
    assert not g.any()
    assert not o.any()
    assert iw.verify(lstm, plan).ok
    assert iw.Plan.from_dict(plan.to_dict()) == plan


def test_a_chrono_gate_keeps_fifteen_percent_over_its_horizon() -> None:
    """Facts: with T = 100 the mean of sigmoid(b)^T is 0.1497, where b = 1 keeps 2.5e-14."""
    forget = values(iw.ChronoBias(100), MANY).double().sigmoid() ** 100
    assert float(forget.mean()) == pytest.approx(0.1497, abs=5 * float(forget.std()) / 256)
    assert float(forget.max()) == pytest.approx(0.366, abs=1e-3)
    assert (1 / (1 + math.exp(-1))) ** 100 < 3e-14


class _Ring(nn.Module):
    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.gamma_log = nn.Parameter(torch.empty(65536, dtype=dtype))
        self.nu_log = nn.Parameter(torch.empty(65536, dtype=dtype))


RING = (iw.rule("*nu_log", iw.RingDecay(0.4, 0.9)), iw.rule("*gamma_log", iw.RingGain(0.4, 0.9)))


def _squared(model: _Ring) -> Tensor:
    return torch.exp(-2 * model.nu_log.detach().double().exp())


def test_eigenvalues_are_uniform_on_the_ring() -> None:
    model = _Ring()
    iw.initialize(model, RING, seed=0)
    squared = _squared(model)
    assert stats.kstest(squared.numpy(), stats.uniform(0.16, 0.65).cdf).pvalue > 1e-6
    assert float(squared.mean()) == pytest.approx(0.485, abs=5 * float(squared.std()) / 256)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.float64, 1e-6), (torch.bfloat16, 0.02)])
def test_the_gain_is_that_of_the_decay_beside_it(dtype: torch.dtype, error: float) -> None:
    model = _Ring(dtype)
    iw.initialize(nn.ModuleDict({"a": nn.ModuleDict({"b": model})}), RING, seed=3)
    variance = model.gamma_log.detach().double().exp() ** 2 / (1 - _squared(model))
    assert float((variance - 1).abs().max()) <= error


def test_the_gain_follows_a_renamed_layer() -> None:
    here, there = nn.ModuleDict({"new": _Ring()}), nn.ModuleDict({"old": _Ring()})
    names = {f"new.{part}": f"old.{part}" for part in ("nu_log", "gamma_log")}
    iw.apply(here, iw.plan(here, RING, seed=1, names=names))
    iw.apply(there, iw.plan(there, RING, seed=1))
    pairs = zip(here.parameters(), there.parameters(), strict=True)
    assert all(torch.equal(mine, theirs) for mine, theirs in pairs)


def test_the_whole_disc_has_finite_logarithms() -> None:
    model = _Ring()
    iw.initialize(model, [iw.rule("nu_log", iw.RingDecay()), iw.rule("gamma_log", iw.RingGain())])
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_log_ranges_are_exact_in_every_row() -> None:
    drawn = values(iw.LogRange(), Target((3, 16)))
    assert torch.equal(drawn, torch.arange(1, 17, dtype=torch.float64).log().float().expand(3, 16))
    (invariant,) = _law(iw.LogRange(), Target((3, 16))).invariants
    assert invariant.check(drawn) is None
    drawn[1, 2] += 1e-6
    assert invariant.check(drawn) == "1 of 48 values differ from ln(1 ... 16)"
    assert "ln 1, ln 2" in invariant.describe()
    assert values(iw.LogRange(), Target((1,))).tolist() == [0.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: iw.TimeStepBias(0.1, 0.01), r"low is 0.1 and high is 0.01; low must be below high"),
        (lambda: iw.TimeStepBias(-1), r"low is -1.0, and must be positive"),
        (lambda: iw.TimeStepBias(floor=0.2), r"floor is 0.2 and high is 0.1; floor must be below high"),
        (lambda: iw.LogOfUniform(-1), r"low is -1.0, and must not be negative"),
        (lambda: iw.LogOfUniform(2, 2), r"low must be below high \(use Constant for one value\)"),
        (lambda: iw.ChronoBias(2), r"t_max is 2.0 steps, and must be above 2"),
        (lambda: iw.ChronoBias(9, sign=0), r"sign is 0, and must be 1 or -1"),
        (lambda: iw.ChronoBias(9, sign=2), r"sign is 2, and must be 1 or -1"),
        (lambda: iw.RingDecay(0.9, 0.4), r"RingDecay: r_min is 0.9 and r_max is 0.4; allowed are 0 <= r_min"),
        (lambda: iw.RingGain(0.4, 1.2), r"RingGain: r_min is 0.4 and r_max is 1.2; allowed are 0 <= r_min"),
        (lambda: iw.RingGain(beside="a.b"), r"beside is 'a.b', and must be the name of an attribute"),
        (lambda: iw.LogRange().law(Target(())), r"at least one axis. Use Constant"),
    ],
)
def test_arguments_that_cannot_be_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


def test_arguments_of_another_type_are_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="t_max is '9' of type str, not a number"):
        iw.ChronoBias("9")  # type: ignore[arg-type]


def test_plain_code_draws_the_same_laws_and_ties() -> None:
    """`gamma_log` stands before `nu_log` in the model, and is computed after it all the same."""
    model: Any = nn.ModuleDict({"ring": _Ring(), "lstm": nn.LSTM(3, 64)})
    for name, shape in (("dt_bias", (4096,)), ("A", (4096,)), ("A_log", (3, 16))):
        model.register_parameter(name, nn.Parameter(torch.empty(shape)))
    bias = iw.PerBlock(f=iw.ChronoBias(100), i=iw.ChronoBias(100, sign=-1), rest=iw.Zeros())
    plan = iw.plan(
        model,
        [
            *RING,
            iw.rule("dt_bias", iw.TimeStepBias()),
            iw.rule("A", iw.LogOfUniform(0, 4)),
            iw.rule("A_log", iw.LogRange()),
            iw.rule(nn.LSTM, weight=iw.XavierUniform(), bias_ih=bias, bias_hh=iw.Zeros()),
        ],
    )
    scope: dict[str, Any] = {}
    exec(plan.to_python(), scope)  # noqa: S102 - our own code
    torch.manual_seed(0)
    scope["initialize"](model)
    report = iw.verify(model, plan)
    assert report.ok, str(report)
    i, f, _, _ = model["lstm"].bias_ih_l0.detach().chunk(4)
    assert torch.equal(i, -f)
    ring = model["ring"]
    assert torch.allclose(ring.gamma_log.double().exp() ** 2, 1 - _squared(ring), rtol=1e-5)
