"""A parametrized weight is written through: what the module computes follows the law, or the reason says otherwise."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune

import initwise as iw
from initwise.errors import ApplyError, NotSupportedError, PlanError
from initwise.model import read

Wrap = Callable[[nn.Module], Any]


class _Exp(nn.Module):
    """The weight is the exponential of what is stored."""

    def forward(self, x: Tensor) -> Tensor:
        return x.exp()

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight.log()


class _Halved(nn.Module):
    """The weight is half of what is stored."""

    def forward(self, x: Tensor) -> Tensor:
        return x / 2

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight * 2


class _Lora(nn.Module):
    """An adapter: B A is added, and nothing says which part of a weight it is."""

    def __init__(self) -> None:
        super().__init__()
        self.A, self.B = nn.Parameter(torch.ones(2, 24)), nn.Parameter(torch.ones(16, 2))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.B @ self.A


class _Lower(nn.Module):
    """A lower triangular matrix, stored as the vector of its entries."""

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = torch.tril_indices(6, 6)
        return x.new_zeros(6, 6).index_put((rows, columns), x)

    def right_inverse(self, weight: Tensor) -> Tensor:
        rows, columns = torch.tril_indices(6, 6)
        return weight[rows, columns]


def _under(*steps: Callable[[], nn.Module]) -> Wrap:
    def wrap(layer: nn.Module) -> nn.Module:
        for step in steps:
            parametrize.register_parametrization(layer, "weight", step())
        return layer

    return wrap


def _old(function: Callable[..., nn.Module], **options: Any) -> Wrap:
    def wrap(layer: nn.Module) -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(layer, **options)

    return wrap


def _orthogonal(**options: Any) -> Wrap:
    return lambda layer: parametrizations.orthogonal(layer, **options)


THROUGH: dict[str, Wrap] = {
    "weight norm": parametrizations.weight_norm,
    "weight norm over columns": lambda layer: parametrizations.weight_norm(layer, dim=1),
    "weight norm over all": lambda layer: parametrizations.weight_norm(layer, dim=None),  # type: ignore[arg-type]
    "old weight norm": _old(nn.utils.weight_norm),
    "old weight norm over all": _old(nn.utils.weight_norm, dim=None),
    "two of one's own": _under(_Halved, _Halved),
    "one's own over weight norm": lambda layer: _under(_Halved)(parametrizations.weight_norm(layer)),
}
ORTHOGONAL: dict[str, Wrap] = {
    "householder": _orthogonal(orthogonal_map="householder"),
    "exponential": _orthogonal(orthogonal_map="matrix_exp"),
    "cayley": _orthogonal(orthogonal_map="cayley"),
    "householder without base": _orthogonal(orthogonal_map="householder", use_trivialization=False),
}
INTO_THE_ORIGINAL: dict[str, tuple[Wrap, str]] = {
    "spectral norm": (parametrizations.spectral_norm, "spectral norm divides it by its largest singular value"),
    "old spectral norm": (_old(nn.utils.spectral_norm), "spectral norm divides it by its largest singular value"),
    "adapter": (_under(_Lora), "_Lora has no right inverse: the law is the original's"),
    "pruning": (lambda layer: prune.l1_unstructured(layer, "weight", amount=0.5), "the pruning mask stays on top"),
}
REST = iw.rule(("bias", "*.A", "*.B"), iw.Zeros())
UNIFORM = iw.rule("weight", iw.XavierUniform())


def _layer() -> Any:
    torch.manual_seed(0)
    return nn.Linear(24, 16)


def _state(model: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy({**dict(model.named_parameters()), **dict(model.named_buffers())})


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _plain(initializer: Any, layer: nn.Module | None = None, seed: int = 3) -> Tensor:
    layer = layer or _layer()
    iw.apply(layer, iw.plan(layer, [REST, iw.rule("weight", initializer)], seed=seed))
    weight: Tensor = layer.weight.detach()  # type: ignore[operator]
    return weight


@pytest.mark.parametrize("name", THROUGH)
def test_the_effective_weight_is_the_one_that_the_plain_layer_gets(name: str) -> None:
    model = THROUGH[name](_layer()).train()
    report = iw.initialize(model, [REST, UNIFORM], seed=3)
    torch.testing.assert_close(model.weight.detach(), _plain(iw.XavierUniform()), rtol=0, atol=1e-6)
    assert [row.verdict for row in report.rows] == ["ok", "ok"]
    assert "written through" in iw.plan(model, [REST, UNIFORM])["weight"].reason
    model(torch.ones(2, 24)).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("name", ["weight norm", "old weight norm", "two of one's own"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_dtypes_are_written_through_up_to_their_rounding(name: str, dtype: torch.dtype) -> None:
    model = THROUGH[name](_layer().to(dtype))
    assert iw.initialize(model, [REST, UNIFORM], seed=3).ok
    plain = _plain(iw.XavierUniform(), _layer().to(dtype))
    assert model.weight.dtype == dtype
    assert float((model.weight.detach() - plain).abs().max()) <= 4 * torch.finfo(dtype).eps * float(plain.abs().max())


@pytest.mark.parametrize("name", ORTHOGONAL)
@pytest.mark.parametrize("shape", [(6, 6), (4, 8), (8, 4)])
def test_an_orthogonal_parametrization_takes_orthogonal_matrices(name: str, shape: tuple[int, int]) -> None:
    rules, plain = [iw.rule("weight", iw.Orthogonal())], nn.Linear(*shape, bias=False)
    iw.initialize(plain, rules, seed=5)
    model = ORTHOGONAL[name](nn.Linear(*shape, bias=False))
    assert iw.initialize(model, rules, seed=5).ok
    torch.testing.assert_close(model.weight, plain.weight, rtol=0, atol=2e-6)


def test_the_completed_orthogonal_matrix_depends_on_the_seed_alone() -> None:
    bases = []
    for state in (1, 2):
        model: Any = _orthogonal(orthogonal_map="matrix_exp")(nn.Linear(4, 8, bias=False))
        torch.manual_seed(state)
        before = torch.get_rng_state()
        iw.initialize(model, iw.rule("weight", iw.Orthogonal()), seed=5)
        assert torch.equal(torch.get_rng_state(), before)
        bases.append(model.parametrizations.weight[0].base)
    assert torch.equal(*bases)


def test_a_complex_orthogonal_parametrization_is_written_through() -> None:
    model = parametrizations.orthogonal(nn.Linear(5, 5, bias=False, dtype=torch.complex64))
    assert iw.initialize(model, iw.rule("weight", iw.Orthogonal()), seed=1).ok
    gram = model.weight.mH @ model.weight  # type: ignore[operator]
    torch.testing.assert_close(gram, torch.eye(5, dtype=torch.complex64), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", INTO_THE_ORIGINAL)
def test_where_the_weight_is_no_free_choice_the_original_follows_the_law_and_the_reason_says_so(name: str) -> None:
    wrap, words = INTO_THE_ORIGINAL[name]
    model = wrap(_layer())
    plan = iw.plan(model, [REST, UNIFORM], seed=3)
    assert words in plan["weight"].reason
    iw.apply(model, plan)
    assert torch.equal(read(model)["weight"].tensor, _plain(iw.XavierUniform()))
    assert iw.verify(model, plan).ok


@pytest.mark.parametrize("name", ["spectral norm", "old spectral norm"])
def test_spectral_norm_divides_by_the_new_weights_largest_singular_value_at_once(name: str) -> None:
    vectors = []
    for seed in (1, 2):
        model = INTO_THE_ORIGINAL[name][0](_layer())
        torch.manual_seed(seed)
        for buffer in model.buffers():
            buffer.normal_()  # as after to_empty, the vectors are anything
        iw.initialize(model, [REST, UNIFORM], seed=3)
        assert float(torch.linalg.matrix_norm(model.eval().weight.detach(), 2)) == pytest.approx(1, abs=1e-5)
        vectors.append(torch.cat([buffer.flatten() for buffer in model.buffers()]))
    assert torch.equal(*vectors)


def test_a_spectral_norm_of_zero_is_refused() -> None:
    with pytest.raises(ApplyError, match=r"'weight': spectral norm divides by .*which is zero"):
        iw.initialize(parametrizations.spectral_norm(_layer()), iw.rule("*", iw.Zeros()))


def test_a_convolution_under_spectral_norm_is_read_as_the_matrix_that_its_norm_is_of() -> None:
    model: Any = parametrizations.spectral_norm(nn.ConvTranspose2d(4, 6, 3))
    iw.initialize(model, "xavier")
    matrix = model.eval().weight.detach().transpose(0, 1).flatten(1)
    assert float(torch.linalg.matrix_norm(matrix, 2)) == pytest.approx(1, abs=1e-5)


def test_pruned_elements_stay_zero_and_the_others_are_the_plain_layers() -> None:
    model = prune.l1_unstructured(_layer(), "weight", amount=0.5)
    mask = model.weight_mask.clone()
    iw.initialize(model, [REST, UNIFORM], seed=3)
    assert torch.equal(model.weight, mask * _plain(iw.XavierUniform()))
    assert 0 < int(mask.sum()) < mask.numel()


def test_the_parameters_of_an_adapter_are_parameters_of_their_own() -> None:
    model = _under(_Lora)(_layer())
    adapter = "parametrizations.weight.0."
    rules = [REST, UNIFORM, iw.rule(f"{adapter}A", iw.Normal(std=0.1))]
    plan = iw.plan(model, rules, seed=3, only=("weight", "*.A"))
    assert [row.name for row in plan] == ["bias", "weight", f"{adapter}A", f"{adapter}B"]
    iw.apply(model, plan)
    added = torch.ones(16, 2) @ model.parametrizations.weight[0].A
    torch.testing.assert_close(model.weight, _plain(iw.XavierUniform()) + added)


@pytest.mark.parametrize("wrap", [parametrizations.weight_norm, _old(nn.utils.weight_norm)])
def test_zeros_are_exactly_zero_under_weight_norm_and_leave_it_able_to_learn(wrap: Wrap) -> None:
    model = wrap(_layer())
    assert iw.initialize(model, iw.rule("*", iw.Zeros())).ok
    assert int(torch.count_nonzero(model.weight)) == 0
    model(torch.ones(1, 24)).sum().backward()
    magnitude = min(model.parameters(), key=lambda p: (p.dim() != 2, p.numel()))
    assert bool(torch.count_nonzero(magnitude.grad))


def test_a_padding_row_under_weight_norm_is_zero() -> None:
    model: Any = parametrizations.weight_norm(nn.Embedding(7, 4, padding_idx=2))
    assert iw.initialize(model, iw.rule("*", iw.Normal(std=0.02))).ok
    assert (model.weight == 0).all(dim=1).nonzero().flatten().tolist() == [2]


@pytest.mark.parametrize("initializer", [iw.Constant(0.3), iw.Identity(), iw.Sparse(0.5), iw.TruncatedNormal(std=0.1)])
def test_laws_with_exact_values_hold_under_weight_norm_up_to_rounding(initializer: Any) -> None:
    model = parametrizations.weight_norm(_layer())
    assert iw.initialize(model, [REST, iw.rule("weight", initializer)]).ok


@pytest.mark.parametrize("initializer", [iw.Constant(0.3), iw.Identity(), iw.XavierUniform()])
def test_verify_finds_a_magnitude_that_is_not_the_plans(initializer: Any) -> None:
    model: Any = parametrizations.weight_norm(_layer())
    plan = iw.plan(model, [REST, iw.rule("weight", initializer)])
    iw.apply(model, plan)
    with torch.no_grad():
        model.parametrizations.weight.original0.mul_(1.5)
    report = iw.verify(model, plan)
    assert {finding.parameter for finding in report.findings} == {"weight"}


@pytest.mark.parametrize("name", [*THROUGH, *INTO_THE_ORIGINAL])
def test_planning_and_verifying_change_nothing_in_training_mode(name: str) -> None:
    wrap = THROUGH[name] if name in THROUGH else INTO_THE_ORIGINAL[name][0]
    model = wrap(_layer()).train()
    plan = iw.plan(model, [REST, UNIFORM])
    iw.apply(model, plan)
    before, random = _state(model), torch.get_rng_state()
    iw.verify(model, plan)
    iw.plan(model, [REST, UNIFORM])
    assert _same(before, _state(model))
    assert torch.equal(random, torch.get_rng_state())
    assert all(module.training for module in model.modules())


class _Fails(_Halved):
    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result: Any = None  # registration must succeed
        self.later = result

    def right_inverse(self, weight: Tensor) -> Any:
        if self.result is None:
            self.result = self.later
            return weight * 2
        return self.result(weight)


def _raises(weight: Tensor) -> Tensor:
    raise NotImplementedError("not today")


FAILURES: dict[str, tuple[Any, str]] = {
    "raises": (_raises, r"right inverse of _Fails raised NotImplementedError: not today"),
    "shape": (lambda weight: weight[1:], r"original is \(16, 24\) .* returned \(15, 24\)"),
    "dtype": (lambda weight: weight.double(), r"returned \(16, 24\) torch\.float64"),
    "type": (lambda weight: None, r"returned NoneType, not a tensor"),
    "number": (lambda weight: (weight, weight), r"returned 2 tensors for 1 originals"),
    "values": (lambda weight: weight * 3, r"the weight is off by"),
    "not finite": (lambda weight: weight / 0, r"the weight is off by (nan|inf)"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_right_inverse_that_fails_is_an_error_that_changes_no_weight(case: str) -> None:
    result, message = FAILURES[case]
    model = nn.Sequential(nn.Linear(4, 4), _under(lambda: _Fails(result))(_layer()))
    before = _state(model)
    with pytest.raises(ApplyError, match=f"'1.weight': .*{message}"):
        iw.initialize(model, "xavier")
    assert _same(before, _state(model))


def test_values_that_an_orthogonal_parametrization_cannot_make_are_an_error_that_changes_no_weight() -> None:
    model = parametrizations.orthogonal(_layer())
    before = _state(model)
    with pytest.raises(ApplyError, match=r"orthogonal parametrization: the weight is off by .*iw\.Orthogonal\(\)"):
        iw.initialize(model, [REST, iw.rule("weight", iw.Normal(std=0.02))])
    assert _same(before, _state(model))


class _Remembers(_Halved):
    """Its inverse leaves a number in an attribute, which is no buffer: a fresh copy does not have it."""

    scale: Any = 2.0

    def forward(self, x: Tensor) -> Tensor:
        return x.div(self.scale)

    def right_inverse(self, weight: Tensor) -> Tensor:
        self.scale = float(weight.detach().abs().max())
        return weight.mul(self.scale)


def test_an_inverse_that_needs_what_is_no_buffer_is_refused_before_anything_is_written() -> None:
    model = _under(_Remembers)(_layer())
    before = _state(model)
    with pytest.raises(ApplyError, match="written through _Remembers: the weight is off by"):
        iw.initialize(model, [REST, iw.rule("weight", iw.Normal(std=3.0))])
    assert _same(before, _state(model))


def test_the_plan_shows_the_shape_of_the_weight_and_not_that_of_what_is_stored() -> None:
    model = _under(_Lower)(nn.Linear(6, 6, bias=False))
    assert model.parametrizations.weight.original.shape == (21,)
    row = iw.plan(model, iw.rule("weight", iw.Identity()))["weight"]
    assert (row.shape, row.fan_in, row.dtype) == ((6, 6), 6, torch.float32)
    assert iw.initialize(model, iw.rule("weight", iw.Identity())).ok
    assert torch.equal(model.weight, torch.eye(6))


class _OnlyForward(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        rows, columns = torch.tril_indices(6, 6)
        return x[rows, columns] if x.dim() == 2 else x


class _Broken(nn.Module):
    working = True

    def forward(self, x: Tensor) -> Tensor:
        if not self.working:
            raise RuntimeError("out of order")
        return x


def test_what_can_neither_be_inverted_nor_written_is_refused_by_the_plan() -> None:
    model = nn.Linear(6, 6, bias=False)
    parametrize.register_parametrization(model, "weight", _OnlyForward(), unsafe=True)
    with pytest.raises(
        PlanError, match=r"_OnlyForward has no right inverse, and it cannot be written .*original \(6, 6\)"
    ):
        iw.plan(model, iw.rule("weight", iw.Zeros()))
    model = _under(_Broken)(nn.Linear(6, 6, bias=False))
    model.parametrizations.weight[0].working = False
    with pytest.raises(PlanError, match=r"cannot be run: RuntimeError: out of order; remove .* iw\.Keep\(\)"):
        iw.plan(model, iw.rule("weight", iw.Zeros()))


def test_a_weight_that_cannot_be_computed_is_a_finding() -> None:
    model = _under(_Broken)(nn.Linear(6, 6, bias=False))
    model.parametrizations.weight[0].right_inverse = lambda weight: weight
    plan = iw.plan(model, iw.rule("weight", iw.Normal()))
    model.parametrizations.weight[0].working = False
    (finding,) = iw.verify(model, plan).findings
    assert (finding.code, finding.measured) == ("INI106", "RuntimeError: out of order")


def test_a_frozen_magnitude_stays_and_the_direction_follows_the_law() -> None:
    for wrap in (parametrizations.weight_norm, _old(nn.utils.weight_norm)):
        model = wrap(_layer())
        magnitude = next(p for name, p in model.named_parameters() if name.endswith(("weight_g", "original0")))
        with torch.no_grad():
            magnitude.fill_(1.0)
        magnitude.requires_grad_(False)
        plan = iw.plan(model, [REST, UNIFORM], seed=3)
        assert "the frozen magnitude stays" in plan["weight"].reason
        iw.apply(model, plan)
        assert iw.verify(model, plan).ok
        assert bool((magnitude == 1).all())
        torch.testing.assert_close(torch.linalg.vector_norm(model.weight, dim=1), torch.ones(16))
        assert torch.equal(read(model)["weight"].tensor, _plain(iw.XavierUniform()))


def test_a_frozen_direction_beside_a_trained_magnitude_is_refused() -> None:
    for wrap in (parametrizations.weight_norm, _old(nn.utils.weight_norm)):
        model = wrap(_layer())
        read(model)["weight"].tensor.requires_grad_(False)
        with pytest.raises(PlanError, match=r"is frozen and its \w+ is not; freeze both or none"):
            iw.plan(model, [REST, UNIFORM], include_frozen=True)


def test_frozen_weights_are_kept_unless_they_are_asked_for() -> None:
    model = parametrizations.weight_norm(_layer()).requires_grad_(False)
    before = _state(model)
    iw.initialize(model, [REST, UNIFORM])
    assert _same(before, _state(model))
    iw.initialize(model, [REST, UNIFORM], seed=3, include_frozen=True)
    torch.testing.assert_close(model.weight, _plain(iw.XavierUniform()), rtol=0, atol=1e-6)


def test_names_map_a_parametrized_weight_to_the_words_of_another() -> None:
    model: Any = nn.Sequential(parametrizations.weight_norm(_layer()))
    rules = [iw.rule("0.bias", iw.Zeros()), iw.rule("0.weight", iw.XavierUniform())]
    iw.apply(model, iw.plan(model, rules, seed=3, names={"0.weight": "weight"}))
    torch.testing.assert_close(model[0].weight, _plain(iw.XavierUniform()), rtol=0, atol=1e-6)


def test_a_module_that_is_used_twice_is_written_once_and_separate_parametrizations_of_a_tie_are_refused() -> None:
    layer = parametrizations.weight_norm(_layer())
    model = nn.ModuleDict({"one": layer, "two": layer})
    rules = [iw.rule("*.bias", iw.Zeros()), iw.rule("*.weight", iw.XavierUniform())]
    assert iw.initialize(model, rules).ok
    assert iw.plan(model, rules)["one.weight"].aliases == ("two.weight",)
    first, second = _layer(), _layer()
    second.weight = first.weight
    split: Any = nn.ModuleDict({"one": _under(_Exp)(first), "two": second})
    with pytest.raises(PlanError, match=r"tied between one\.weight and two\.weight, which compute it differently"):
        iw.plan(split, rules)


def test_tied_originals_under_separate_spectral_norms_are_written_once_with_vectors_for_each() -> None:
    first, second = _layer(), _layer()
    second.weight = first.weight
    model: Any = nn.ModuleDict(
        {name: parametrizations.spectral_norm(layer) for name, layer in (("a", first), ("b", second))}
    )
    assert iw.initialize(model, [iw.rule("*.bias", iw.Zeros()), iw.rule("*.weight", iw.XavierUniform())]).ok
    model.eval()
    torch.testing.assert_close(model["a"].weight, model["b"].weight)


def test_blocks_that_are_kept_keep_their_effective_values() -> None:
    model: Any = parametrizations.weight_norm(nn.LSTMCell(5, 4), "weight_ih")
    before = model.weight_ih.detach().clone()
    gates = iw.PerBlock(f=iw.Constant(2.0), rest=iw.Keep())
    iw.apply(model, iw.plan(model, iw.rule("weight_ih", gates), only="weight_ih"))
    torch.testing.assert_close(model.weight_ih[:4], before[:4])
    torch.testing.assert_close(model.weight_ih[4:8], torch.full((4, 5), 2.0))


def test_a_users_function_is_written_through() -> None:
    model = parametrizations.weight_norm(_layer())
    iw.apply(model, iw.plan(model, [REST, iw.rule("weight", lambda shape, fans, draw: 5 + draw.normal(shape))], seed=3))
    plain = _plain(lambda shape, fans, draw: 5 + draw.normal(shape))
    torch.testing.assert_close(model.weight, plain, rtol=1e-6, atol=0)


def test_on_the_meta_device_such_a_model_is_planned_and_not_written() -> None:
    with torch.device("meta"):
        model = nn.Sequential(parametrizations.weight_norm(nn.Linear(24, 16)), _under(_Halved)(nn.Linear(16, 2)))
    plan = iw.plan(model, "xavier")
    assert plan["0.weight"].shape == (16, 24)
    with pytest.raises(ApplyError, match=r"'0\.weight' is on the meta device"):
        iw.apply(model, plan)
    model.to_empty(device="cpu")
    iw.apply(model, plan)
    assert iw.verify(model, plan).ok


def test_an_attribute_that_a_hook_makes_is_fresh_before_the_next_forward() -> None:
    for wrap in (_old(nn.utils.weight_norm), _old(nn.utils.spectral_norm)):
        model = wrap(_layer()).eval()
        graph = model.weight.requires_grad
        iw.initialize(model, [REST, UNIFORM])
        fresh = model.weight.clone()
        model(torch.ones(1, 24))
        torch.testing.assert_close(fresh, model.weight)
        assert model.weight.requires_grad >= graph


def test_parametrizing_pruning_and_wrapping_change_no_name_and_no_other_weight() -> None:
    wraps: list[Wrap] = [lambda layer: layer, parametrizations.weight_norm, parametrizations.spectral_norm]
    wraps += [_old(nn.utils.spectral_norm), lambda layer: prune.random_unstructured(layer, "weight", amount=0.5)]
    for wrap in wraps:
        model: Any = nn.Sequential(wrap(_layer()), nn.Linear(16, 16))
        plan = iw.plan(model, "xavier", seed=3)
        assert {row.name for row in plan} == {"0.weight", "0.bias", "1.weight", "1.bias"}
        iw.apply(model, plan)
        alone: Any = nn.Sequential(_layer(), nn.Linear(16, 16))
        iw.initialize(alone, "xavier", seed=3)
        assert torch.equal(model[1].weight, alone[1].weight)


def test_plain_code_of_a_plan_refuses_what_it_cannot_write() -> None:
    for wrap in (parametrizations.weight_norm, _old(nn.utils.weight_norm), _under(_Exp)):
        model = wrap(_layer())
        rules = [REST, iw.rule("weight", iw.Uniform(1, 2))]
        with pytest.raises(NotSupportedError, match="to_python: 'weight' are computed by parametrizations"):
            iw.plan(model, rules).to_python()


def test_a_plan_as_data_is_applied_to_a_parametrized_model() -> None:
    one, other = parametrizations.weight_norm(_layer()), parametrizations.weight_norm(_layer())
    plan = iw.plan(one, [REST, UNIFORM])
    iw.apply(one, plan)
    iw.apply(other, iw.Plan.from_dict(plan.to_dict()))
    assert iw.digest(one) == iw.digest(other)
