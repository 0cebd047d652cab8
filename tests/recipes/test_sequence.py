"""Recipes of recurrent and state-space layers, held against what transformers draws and against the papers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from initwise.errors import ArgumentError
from initwise.planning import Row
from tests.recipes.draws import disagreements

transformers = pytest.importorskip("transformers")


def _mamba(name: str, **arguments: Any) -> Any:
    """A model as transformers draws it; `rescale_prenorm_residual` is off there by default, a departure."""
    common = {"hidden_size": 64, "num_hidden_layers": 3, "state_size": 16, "vocab_size": 500}
    config = getattr(transformers, f"{name}Config")(**common | {"rescale_prenorm_residual": True} | arguments)
    torch.manual_seed(0)
    return getattr(transformers, f"{name}ForCausalLM")(config)


MAMBA2 = {"num_heads": 64, "head_dim": 2, "n_groups": 1, "tie_word_embeddings": False}


def _rates_of(model: nn.Module, plan: iw.Plan, attribute: str) -> tuple[Tensor, iw.Law]:
    """The values of all parameters of one name, and their law."""
    rows = [row for row in plan if row.name.endswith(attribute)]
    drawn = dict(model.named_parameters())
    (law,) = {row.law for row in rows}
    assert law is not None
    return torch.cat([drawn[row.path].detach().flatten() for row in rows]), law


def test_mamba_is_what_transformers_draws() -> None:
    model = _mamba("Mamba")
    plan = iw.plan(model, "mamba")
    assert disagreements(model, plan) == []
    steps, law = _rates_of(model, plan, "dt_proj.bias")
    assert law.cdf is not None
    assert stats.kstest(steps.numpy(), law.cdf).pvalue > 1e-6
    for row in plan:
        if row.name.endswith("A_log"):
            assert row.law is not None
            assert [invariant.check(model.get_parameter(row.path).detach()) for invariant in row.law.invariants] == [
                None
            ]


def test_mamba_differs_from_transformers_where_that_leaves_residual_projections_whole() -> None:
    def factor(row: Row) -> float:
        return math.sqrt(3) if "out_proj" in row.name else 1.0

    model = _mamba("Mamba", rescale_prenorm_residual=False)
    assert disagreements(model, iw.plan(model, "mamba"), factor=factor) == []


def test_mamba2_is_what_transformers_draws_but_for_the_decays() -> None:
    """transformers takes ln(1 ... heads) for the decays, the authors' code ln U(1, 16)."""
    model = _mamba("Mamba2", **MAMBA2)
    plan = iw.plan(model, "mamba")
    decays = [name for name, _ in model.named_parameters() if name.endswith("A_log")]
    known = iw.Plan(tuple(row for row in plan if row.name not in decays), plan.seed)
    assert disagreements(model, known) == []
    steps, law = _rates_of(model, plan, "dt_bias")
    assert law.cdf is not None
    assert stats.kstest(steps.numpy(), law.cdf).pvalue > 1e-6
    assert {plan[name].initializer for name in decays} == {iw.LogOfUniform(1, 16)}
    for name in decays:
        assert torch.equal(model.get_parameter(name).detach().exp().round(), torch.arange(1.0, 65.0))


@pytest.mark.parametrize(("name", "arguments"), [("Mamba", {}), ("FalconMamba", {}), ("Mamba2", MAMBA2)])
@pytest.mark.parametrize("recipe", ["mamba", "mamba-ssm"])
def test_a_whole_mamba_is_planned_applied_verified_and_stored(
    name: str, arguments: dict[str, Any], recipe: str
) -> None:
    model = _mamba(name, **arguments)
    plan = iw.plan(model, recipe, seed=1)
    iw.apply(model, plan)
    report = iw.verify(model, plan)
    assert report.ok, str(report)
    assert iw.Plan.from_dict(plan.to_dict()) == plan
    assert "_time_step_bias(" in plan.to_python()


def test_mamba_ssm_draws_pytorchs_laws_around_the_recurrence() -> None:
    """By the authors' code: all layers as PyTorch makes them, but for embeddings, `out_proj` and what is by rate."""
    model = _mamba("Mamba")
    by_torch, plan = iw.plan(model, "torch-default", only="*proj.weight"), iw.plan(model, "mamba-ssm")
    mixer = "backbone.layers.1.mixer."
    for name in ("in_proj.weight", "x_proj.weight"):
        laws = plan[mixer + name].law, by_torch[mixer + name].law
        assert laws[0] is not None
        assert laws[1] is not None
        assert laws[0].support == pytest.approx(laws[1].support)
    out = plan[mixer + "out_proj.weight"].law, by_torch[mixer + "out_proj.weight"].law
    assert out[0] is not None
    assert out[1] is not None
    assert out[0].std == pytest.approx(out[1].std / math.sqrt(3))
    for name in ("conv1d.weight", "conv1d.bias"):
        law = plan[mixer + name].law
        assert law is not None
        assert law.support == pytest.approx((-0.5, 0.5))
    assert plan["backbone.embeddings.weight"].initializer == iw.Normal(std=0.02)


def test_mamba_takes_what_the_configuration_says() -> None:
    scheme = {"time_step_min": 0.01, "time_step_scale": 2.0, "time_step_init_scheme": "constant"}
    model = _mamba("Mamba", initializer_range=0.05, **scheme)
    plan = iw.plan(model, "mamba")
    assert plan["backbone.layers.0.mixer.in_proj.weight"].initializer == iw.Normal(std=0.05)
    assert plan["backbone.layers.0.mixer.dt_proj.bias"].initializer == iw.TimeStepBias(low=0.01)
    assert plan["backbone.layers.0.mixer.dt_proj.weight"].initializer == iw.Constant(2 / math.sqrt(4))
    assert disagreements(model, plan) == []


class _Language(nn.Module):
    """A recurrent language model."""

    def __init__(self, kind: str, *, bias: bool = True, **arguments: Any) -> None:
        super().__init__()
        self.embed = nn.Embedding(200, 48, padding_idx=0)
        self.rnn: Any = getattr(nn, kind)(48, 64, num_layers=2, bidirectional=True, bias=bias, **arguments)
        self.norm = nn.LayerNorm(128)
        self.head = nn.Linear(128, 200)


def _drawn(recipe: str | iw.recipes.Recipe, model: nn.Module) -> iw.Plan:
    plan = iw.plan(model, recipe, seed=2)
    iw.apply(model, plan)
    report = iw.verify(model, plan)
    assert report.ok, str(report)
    assert iw.Plan.from_dict(plan.to_dict()) == plan
    return plan


SUFFIXES = ("l0", "l0_reverse", "l1", "l1_reverse")


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_keras_rnn_follows_the_published_formulas_gate_by_gate(kind: str, gates: int) -> None:
    model = _Language(kind)
    plan = _drawn("keras-rnn", model)
    for suffix in SUFFIXES:
        kernel, recurrent = (getattr(model.rnn, f"weight_{name}_{suffix}").detach() for name in ("ih", "hh"))
        bound = math.sqrt(6 / (kernel.shape[1] + 64))
        assert bound * 0.99 < float(kernel.abs().max()) <= bound * (1 + 1e-6)
        assert float(kernel.std()) == pytest.approx(bound / math.sqrt(3), rel=0.03)
        for gate in recurrent.chunk(gates):
            assert torch.allclose(gate @ gate.mT, torch.eye(64), atol=1e-5)
        total = getattr(model.rnn, f"bias_ih_{suffix}") + getattr(model.rnn, f"bias_hh_{suffix}")
        ones = (
            torch.arange(total.numel()) // 64 == 1 if kind == "LSTM" else torch.zeros(total.numel(), dtype=torch.bool)
        )
        assert torch.equal(total.detach(), ones.float())
    assert plan["head.weight"].initializer != plan["embed.weight"].initializer
    head = plan["head.weight"].law
    assert head is not None
    assert head.support[1] == pytest.approx(math.sqrt(6 / 328))
    assert not model.head.bias.any()
    assert not model.embed.weight[0].any()
    assert torch.equal(model.norm.weight, torch.ones(128))


def test_keras_rnn_knows_cells_and_projections() -> None:
    model: Any = nn.ModuleDict({"cell": nn.LSTMCell(6, 8), "lstm": nn.LSTM(6, 8, proj_size=3), "gru": nn.GRUCell(6, 8)})
    plan = _drawn("keras-rnn", model)
    assert plan["cell.bias_ih"].initializer == iw.PerBlock(f=iw.Ones(), rest=iw.Zeros())
    assert plan["lstm.weight_hr_l0"].law is not None
    assert plan["lstm.weight_hr_l0"].law.support[1] == pytest.approx(math.sqrt(6 / (8 + 3)))
    assert plan["gru.bias_ih"].initializer == iw.Zeros()


def test_chrono_gates_of_an_lstm_remember_for_up_to_t_max_steps() -> None:
    model = _Language("LSTM")
    _drawn(iw.recipes.chrono(t_max=100), model)
    for suffix in SUFFIXES:
        total = getattr(model.rnn, f"bias_ih_{suffix}") + getattr(model.rnn, f"bias_hh_{suffix}")
        i, f, g, o = total.detach().chunk(4)
        assert torch.equal(i, -f)
        assert stats.kstest(f.exp().numpy(), stats.uniform(1, 98).cdf).pvalue > 1e-6
        assert not g.any()
        assert not o.any()
    assert not torch.equal(model.rnn.bias_ih_l0[:64], model.rnn.bias_ih_l1[:64])


def test_a_chrono_lstm_keeps_fifteen_percent_of_its_cell_over_t_max_steps() -> None:
    """The mean over units is 0.1497 (quadrature), where a forget bias of one keeps 2.5e-14."""
    lstm: Any = nn.LSTM(1, 512, num_layers=8)
    iw.apply(lstm, iw.plan(lstm, iw.recipes.chrono(100), only="bias*"))
    totals = [getattr(lstm, f"bias_ih_l{i}") + getattr(lstm, f"bias_hh_l{i}") for i in range(8)]
    kept = torch.cat([total.detach().double().chunk(4)[1].sigmoid() ** 100 for total in totals])
    assert float(kept.mean()) == pytest.approx(0.1497, abs=5 * float(kept.std()) / 64)


def test_chrono_keeps_the_state_of_a_gru_by_its_update_gate() -> None:
    gru: Any = nn.GRU(4, 256)
    _drawn("chrono", gru)
    r, z, n = (gru.bias_ih_l0 + gru.bias_hh_l0).detach().chunk(3)
    assert stats.kstest(z.exp().numpy(), stats.uniform(1, 98).cdf).pvalue > 1e-6
    assert not r.any()
    assert not n.any()
    with torch.no_grad():
        for weight in (gru.weight_ih_l0, gru.weight_hh_l0):
            weight.zero_()
        state = gru(torch.zeros(1, 1, 4), torch.ones(1, 1, 256))[1]
    assert torch.allclose(state.flatten(), z.sigmoid(), atol=1e-6)


def test_chrono_says_where_it_has_nothing_to_set() -> None:
    assert iw.plan(_Language("RNN"), "chrono").notes == ("chrono: no LSTM or GRU layer has a gate here",)
    (note,) = iw.plan(_Language("LSTM", bias=False), "chrono").notes
    assert note == "chrono: rnn has no biases, so that its gates start half open; build it with bias=True"
    with pytest.raises(ArgumentError, match=r"t_max is 2\.0 steps, and must be above 2"):
        iw.recipes.chrono(t_max=2)


def test_an_irnn_adds_its_inputs_up() -> None:
    model = _Language("RNN", nonlinearity="relu")
    plan = _drawn("irnn", model)
    assert plan.notes == ()
    assert plan["rnn.weight_ih_l1_reverse"].initializer == iw.Normal(std=0.001)
    assert plan["head.weight"].initializer == iw.Normal(std=0.001)
    cell: Any = nn.RNN(4, 64, nonlinearity="relu")
    _drawn("irnn", cell)
    x = torch.randn(50, 1, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        cell.weight_ih_l0.abs_()
        states = cell(x.abs())[0][:, 0]
        added = functional.linear(x.abs().cumsum(0)[:, 0], cell.weight_ih_l0)
    assert torch.allclose(states, added, rtol=1e-5)


def test_irnn_asks_for_rectified_units() -> None:
    assert iw.plan(_Language("RNN"), "irnn").notes == ("irnn: rnn has tanh units; build it with nonlinearity='relu'",)
    assert iw.plan(nn.RNN(2, 3), "irnn").notes == ("irnn: the model has tanh units; build it with nonlinearity='relu'",)
    plan = iw.plan(_Language("LSTM"), "irnn")
    assert plan.notes == ("irnn: there is no plain recurrent layer (nn.RNN) here",)
    assert plan["rnn.weight_hh_l0"].initializer == iw.Orthogonal()


class _Unit(nn.Module):
    """A linear recurrent unit, with the names of the paper's code; complex or in halves."""

    def __init__(self, inputs: int, states: int, *, whole: bool) -> None:
        super().__init__()
        self.gamma_log, self.nu_log, self.theta_log = (nn.Parameter(torch.empty(states)) for _ in range(3))
        if whole:
            self.B = nn.Parameter(torch.empty(states, inputs, dtype=torch.complex64))
            self.C = nn.Parameter(torch.empty(inputs, states, dtype=torch.complex64))
            self.D = nn.Parameter(torch.empty(inputs, inputs))
        else:
            self.B_re, self.B_im = (nn.Parameter(torch.empty(states, inputs)) for _ in range(2))
            self.C_re, self.C_im = (nn.Parameter(torch.empty(inputs, states)) for _ in range(2))
            self.D = nn.Parameter(torch.empty(inputs))

    def matrices(self) -> tuple[Tensor, Tensor, Tensor]:
        """lambda, the input matrix with its gain, and the output matrix."""
        pole = torch.exp(torch.complex(-self.nu_log.exp(), self.theta_log.exp()))
        B = self.B if hasattr(self, "B") else torch.complex(self.B_re, self.B_im)
        C = self.C if hasattr(self, "C") else torch.complex(self.C_re, self.C_im)
        return pole.detach(), (B * self.gamma_log.exp()[:, None]).detach(), C.detach()


def _lru(*, whole: bool) -> Any:
    return nn.ModuleDict({"encode": nn.Linear(8, 64), "unit": _Unit(64, 2048, whole=whole), "norm": nn.LayerNorm(64)})


@pytest.mark.parametrize("whole", [False, True])
def test_states_of_a_linear_recurrent_unit_have_the_variance_of_a_white_input(whole: bool) -> None:
    model = _lru(whole=whole)
    _drawn(iw.recipes.lru(r_min=0.4, r_max=0.9), model)
    pole, inputs, outputs = model["unit"].matrices()
    squared = pole.abs().double() ** 2
    assert stats.kstest(squared.numpy(), stats.uniform(0.16, 0.65).cdf).pvalue > 1e-6
    variance = inputs.abs().double().square().sum(1) / (1 - squared)  # of each state in the stationary law
    assert float(variance.mean()) == pytest.approx(1, abs=5 * math.sqrt(1 / 64 / 2048))
    phase = pole.angle().double() % (2 * math.pi) / (2 * math.pi)
    assert stats.kstest(phase.numpy(), stats.uniform().cdf).pvalue > 1e-6
    assert float(outputs.real.double().var()) == pytest.approx(1 / 2048, rel=0.02)
    assert float(outputs.imag.double().var()) == pytest.approx(1 / 2048, rel=0.02)


def test_lru_plans_the_layers_around_the_units_as_flax_does() -> None:
    plan = iw.plan(_lru(whole=False), "lru")
    assert plan["encode.weight"].initializer == iw.plan(_lru(whole=False), "flax-default", only="encode.*")[
        "encode.weight"
    ].initializer  # fmt: skip
    assert plan["unit.nu_log"].initializer == iw.RingDecay(0, 1)
    assert plan["unit.theta_log"].initializer == iw.LogOfUniform(0, 2 * math.pi)
    assert iw.plan(nn.Linear(2, 2), "lru").notes == ("lru: no module here has the parameters nu_log and theta_log",)


def test_eigenvalues_that_cannot_be_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"r_min is 0\.9 and r_max is 0\.4"):
        iw.recipes.lru(r_min=0.9, r_max=0.4)
    with pytest.raises(ArgumentError, match=r"lru: max_phase is -1\.0, and must be positive"):
        iw.recipes.lru(max_phase=-1)
