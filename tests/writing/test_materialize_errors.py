"""What `materialize` refuses, before anything is allocated."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.errors import ApplyError, ArgumentError, ArgumentTypeError
from tests.writing.eager import on_meta


def _linear() -> Any:
    return on_meta(lambda: nn.Linear(3, 3))


def test_a_device_that_is_not_there_or_has_no_memory_is_refused() -> None:
    model = _linear()
    plan = iw.plan(model, "torch-default")
    devices: tuple[Any, ...] = ("nowhere", "cuda:97", 3.5)
    for device in devices:
        with pytest.raises(ArgumentError, match=r"materialize: device .* is not there \(.*\); give one that is"):
            iw.materialize(model, plan, device=device)
    with pytest.raises(ArgumentError, match=r"device 'meta' has no memory"):
        iw.materialize(model, plan, device="meta")
    assert model.weight.is_meta


def test_other_arguments_than_models_plans_and_functions_are_refused() -> None:
    model = _linear()
    plan = iw.plan(model, "torch-default")
    with pytest.raises(ArgumentTypeError, match=r"materialize: .*plan"):
        iw.materialize(model, "torch-default")  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"materialize: the model is 3"):
        iw.materialize(3, plan)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"build is Linear\(.*give a function without arguments"):
        iw.materialize(model, plan, build=nn.Linear(3, 3))


def test_a_plan_of_another_model_is_told() -> None:
    model = _linear()
    with pytest.raises(ApplyError, match=r"materialize: \d problems?\n(.*\n)*.*planned with shape \(5, 3\)"):
        iw.materialize(model, iw.plan(nn.Linear(3, 5), "torch-default"))
    assert model.weight.is_meta


def test_lazy_modules_are_told() -> None:
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    with pytest.raises(ApplyError, match=r"'0.weight' is not initialized(.*\n)*.*'1.running_mean' is not initialized"):
        iw.materialize(model, iw.plan(nn.Linear(3, 3), "torch-default"))


def test_tensors_that_are_computed_from_parameters_are_told() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))
            self.doubled = self.weight * 2

    model = on_meta(Net)
    with pytest.raises(ApplyError, match=r"is computed from parameters; compute it again after materialize"):
        iw.materialize(model, iw.plan(model, iw.rule("*", iw.Zeros())))


@pytest.mark.parametrize(
    "use",
    [
        iw.apply,
        lambda model, plan: iw.initialize(model, "torch-default"),
        lambda model, plan: iw.check(model),
        lambda model, plan: iw.Monitor(model),
        lambda model, plan: iw.diff(model, nn.Linear(3, 3)),
        lambda model, plan: iw.lsuv(model, [torch.ones(2, 3)], plan),
    ],
    ids=["apply", "initialize", "check", "monitor", "diff", "lsuv"],
)
def test_others_that_find_a_model_on_meta_say_what_to_do(use: Any) -> None:
    model = _linear()
    with pytest.raises(iw.InitwiseError, match=r"iw\.materialize\(model, plan, device=\.\.\.\)"):
        use(model, iw.plan(model, "torch-default"))


def test_initialize_and_check_refuse_buffers_on_meta_too() -> None:
    model: Any = nn.BatchNorm1d(3)
    model.running_mean = model.running_mean.to("meta")
    before = model.weight.detach().clone()
    with pytest.raises(
        ApplyError, match=r"initialize: .*\n.*'running_mean' is on the meta device, .*iw\.materialize\("
    ):
        iw.initialize(model, iw.rule("*", iw.Zeros()))
    with pytest.raises(
        ArgumentError, match=r"check: 1 of 3 buffers are on the meta device .*: running_mean; .*iw\.mat"
    ):
        iw.check(model)
    assert torch.equal(model.weight, before)


def test_verify_says_how_to_give_a_model_on_meta_memory() -> None:
    model = _linear()
    report = iw.verify(model, iw.plan(model, "torch-default"))
    assert not report.ok
    assert "iw.materialize(model, plan, device=...)" in str(report)


def _wrapped(inner: torch.Tensor) -> Any:
    class Packed(torch.Tensor):
        """As torchao keeps quantized weights."""

        @staticmethod
        def __new__(cls, inner: torch.Tensor) -> Any:
            return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=torch.float32, device=inner.device)

        def __init__(self, inner: torch.Tensor) -> None:
            self.packed = inner

        @classmethod
        def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
            if func.overloadpacket.__name__ == "detach":
                return Packed(args[0].packed)
            raise NotImplementedError(str(func))

    return Packed(inner)


def test_packed_and_sparse_tensors_are_told() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            packed = _wrapped(torch.empty(4, 3, dtype=torch.int8, device="meta"))
            self.packed = nn.Parameter(packed, requires_grad=False)
            self.register_buffer("scales", _wrapped(torch.empty(4, dtype=torch.int8, device="meta")))
            self.register_buffer("sparse", torch.eye(3, device="cpu").to_sparse().to("meta"))
            self.linear = nn.Linear(3, 3)

    model = on_meta(Net)
    with pytest.raises(ApplyError, match="only plain tensors and DTensors get memory") as caught:
        iw.materialize(model, iw.plan(model, iw.rule("*", iw.Zeros())))
    assert [str(each) for each in caught.value.problems] == [
        "'packed' is a Packed; only plain tensors and DTensors get memory: materialize, then convert it",
        "'scales' is a Packed; only plain tensors and DTensors get memory: materialize, then convert it",
        "'sparse' is torch.sparse_coo; only strided tensors get memory",
    ]
    assert model.linear.weight.is_meta


def test_a_model_that_accelerate_offloads_is_told() -> None:
    accelerate = pytest.importorskip("accelerate")
    model = nn.Sequential(nn.Linear(3, 3))
    plan = iw.plan(model, "torch-default")
    accelerate.cpu_offload(model, execution_device=torch.device("cpu"))
    with pytest.raises(ApplyError, match=r"'0.weight', '0.bias' are offloaded by accelerate, .*remove_hook_from_sub"):
        iw.materialize(model, plan)
    accelerate.hooks.remove_hook_from_module(model, recurse=True)
    iw.materialize(model, plan)


def test_old_rows_on_meta_are_told() -> None:
    model = on_meta(lambda: nn.Embedding(6, 3))
    plan = iw.plan(nn.Embedding(6, 3), iw.rule("*", iw.MeanOfRows()), old_rows={"weight": 4})
    with pytest.raises(ApplyError, match="'weight' asks for the mean of its old rows, and they are on meta"):
        iw.materialize(model, plan)
