"""What nobody wrote: found by watching and by poison, in every way in which memory is made."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.provenance import Log, Row
from initwise.writing import poison, poisoned


def recorded(make: Callable[[], Tensor], *, poison: bool = True) -> Row:
    """The row of a parameter that `make` gives."""
    with iw.record(poison=poison) as log:
        model = nn.Module()
        model.weight = nn.Parameter(make())
    return log["weight"]


EMPTY: dict[str, Callable[[], Tensor]] = {
    "torch.empty": lambda: torch.empty(3, 4),
    "torch.Tensor": lambda: torch.Tensor(3, 4),
    "torch.FloatTensor": lambda: torch.FloatTensor(3, 4),
    "empty_like": lambda: torch.empty_like(torch.ones(3, 4)),
    "new_empty": lambda: torch.ones(1).new_empty(3, 4),
    "empty_strided": lambda: torch.empty_strided((3, 4), (1, 3)),
    "resize_": lambda: torch.Tensor().resize_(3, 4),
    "a view": lambda: torch.empty(12).view(3, 4),
    "float64": lambda: torch.empty(3, 4, dtype=torch.float64),
    "float16": lambda: torch.empty(3, 4, dtype=torch.float16),
    "bfloat16": lambda: torch.empty(3, 4, dtype=torch.bfloat16),
    "complex64": lambda: torch.empty(3, 4, dtype=torch.complex64),
    "a conversion": lambda: torch.empty(3, 4).to(torch.bfloat16),
    "a clone": lambda: torch.empty(3, 4).clone(),
    "a product": lambda: torch.empty(3, 4) * 0.02,
    "a product in place": lambda: torch.empty(3, 4).mul_(0.02),
    "copied": lambda: torch.ones(3, 4).copy_(torch.empty(3, 4)),
}


@pytest.mark.parametrize("make", EMPTY.values(), ids=EMPTY)
def test_memory_that_nobody_wrote_is_found(make: Callable[[], Tensor]) -> None:
    row = recorded(make)
    assert (row.state, row.unwritten) == ("never", 12)


WRITTEN: dict[str, Callable[[], Tensor]] = {
    "zeros": lambda: torch.zeros(3, 4),
    "randn": lambda: torch.randn(3, 4),
    "normal_": lambda: torch.empty(3, 4).normal_(),
    "fill_ with NaN": lambda: torch.empty(3, 4).fill_(float("nan")),
    "copied over": lambda: torch.empty(3, 4).copy_(torch.ones(3, 4)),
    "out=": lambda: torch.mul(torch.ones(3, 4), 2.0, out=torch.empty(3, 4)),
    "row by row": lambda: torch.stack([row.fill_(1.0) for row in torch.empty(3, 4)]),
    "bfloat16": lambda: torch.randn(3, 4).to(torch.bfloat16),
    "no elements": lambda: torch.empty(0, 4),
}


@pytest.mark.parametrize("make", WRITTEN.values(), ids=WRITTEN)
def test_memory_that_was_written_is_not_reported(make: Callable[[], Tensor]) -> None:
    assert recorded(make).state == "written"


def test_the_finding_says_where_the_memory_came_from() -> None:
    with iw.record() as log:
        model = nn.Module()
        model.scale = nn.Parameter(torch.empty(8))
    (finding,) = log.findings
    assert (finding.code, finding.severity, finding.parameter) == ("INI112", "error", "scale")
    assert finding.message.startswith("memory from empty at tests/provenance/test_unwritten.py:")
    assert finding.measured == "8 of 8 elements unwritten"
    assert log.never_written == ("scale",)
    assert not log.ok


def test_what_only_computes_with_unwritten_memory_is_named() -> None:
    with iw.record() as log:
        model = nn.Module()
        model.scale = nn.Parameter(torch.Tensor(8) / 2)
    (finding,) = log.findings
    assert finding.message.startswith("memory from empty at ")
    assert finding.fix.startswith("what was never written was used by div(other=2) at ")


def test_a_part_that_nobody_wrote_is_found() -> None:
    def half() -> Tensor:
        weight = torch.empty(4, 3)
        weight[:2].normal_()
        return weight

    row = recorded(half)
    assert (row.state, row.unwritten, [str(write) for write in row.writes]) == ("partly", 6, ["normal_(mean=0, std=1)"])


def test_parameters_that_share_one_memory_are_told_apart() -> None:
    with iw.record() as log:
        flat = torch.empty(10)
        model = nn.Module()
        model.first, model.second = nn.Parameter(flat[:4]), nn.Parameter(flat[4:])
        nn.init.ones_(model.first)
    assert (log["first"].state, log["second"].state) == ("written", "never")
    assert log["second"].writes == ()


def test_to_empty_gives_memory_that_nobody_wrote() -> None:
    with iw.record() as log:
        model = nn.Linear(3, 2, device="meta").to_empty(device="cpu")
    assert log.never_written == ("weight", "bias")
    assert log["weight"].memory.endswith("(Module.to_empty)")
    with iw.record() as log:
        model = nn.Linear(3, 2, device="meta").to_empty(device="cpu")
        model.reset_parameters()
    assert log.ok


def test_a_model_on_meta_has_no_memory_that_could_be_written() -> None:
    with iw.record() as log, torch.device("meta"):
        model = nn.Linear(3, 2)
    assert (model.weight.is_meta, log["weight"].state, log.ok) == (True, "meta", True)


def test_buffers_are_rows_and_whole_numbers_are_found_by_watching() -> None:
    with iw.record() as log:
        model = nn.Module()
        model.register_buffer("frequencies", torch.empty(4))
        model.register_buffer("table", torch.empty(4, dtype=torch.long))
        model.register_buffer("counted", torch.empty(4, dtype=torch.long).zero_())
    assert log.never_written == ("frequencies", "table")
    assert {row.kind for row in log} == {"buffer"}


def by_numpy(weight: Tensor) -> None:
    weight.detach().numpy()[:] = 1.0


def by_another_thread(weight: Tensor) -> None:
    thread = threading.Thread(target=nn.init.ones_, args=(weight,))
    thread.start()
    thread.join()


def by_ctypes(weight: Tensor) -> None:
    ctypes.memset(weight.data_ptr(), 0, weight.numel() * weight.element_size())


@pytest.mark.parametrize("write", [by_numpy, by_another_thread, by_ctypes])
def test_writes_that_torch_does_not_show_are_seen_by_the_poison_that_is_gone(write: Callable[[Tensor], None]) -> None:
    with iw.record() as log:
        model = nn.Module()
        model.weight = nn.Parameter(torch.empty(3, 4))
        write(model.weight)
    assert (log["weight"].state, log.ok) == ("unseen", True)
    assert "written by something that torch does not show" in str(log)


def test_without_poison_watching_alone_decides() -> None:
    assert recorded(lambda: torch.empty(3, 4), poison=False).state == "never"
    assert recorded(lambda: torch.empty(3, 4).normal_(), poison=False).state == "written"
    with iw.record(poison=False):
        memory = torch.empty(1000).fill_(1.0)
        again = torch.empty(1000)
    assert not bool(memory.isnan().any())
    assert poisoned(again, exact=True) == 0


def test_memory_from_before_the_block_is_given_not_unwritten() -> None:
    layer = nn.Linear(3, 2)
    with iw.record() as log:
        nn.init.zeros_(layer.bias)
    assert (log["weight"].state, log["bias"].state, log.ok) == ("given", "written", True)


def test_a_lazy_parameter_is_said_to_be_lazy_and_followed_once_it_has_a_shape() -> None:
    with iw.record() as log:
        lazy = nn.LazyLinear(3)
    assert log["weight"].state == "lazy"
    with iw.record() as log:
        lazy(torch.ones(1, 2))
    assert (log["weight"].state, log["weight"].shape) == ("written", (3, 2))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.complex64])
def test_poison_is_a_nan_that_is_told_from_other_nans(dtype: torch.dtype) -> None:
    tensor = torch.zeros(2, 3, dtype=dtype)
    assert poison(tensor)
    assert bool(tensor.isnan().all())
    assert poisoned(tensor, exact=True) == 6
    tensor[0, 0] = float("nan")
    tensor[0, 1] = 1.0
    assert (poisoned(tensor, exact=True), poisoned(tensor, exact=False)) == (4, 5)


def test_integers_and_meta_take_no_poison() -> None:
    numbers = torch.ones(3, dtype=torch.int64)
    assert not poison(numbers)
    assert numbers.tolist() == [1, 1, 1]
    assert not poison(torch.ones(3, device="meta"))


def unsettled(log: Log) -> list[str]:
    return [row.name for row in log if row.state != "written"]


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.LSTM(3, 4, num_layers=2),
        lambda: nn.MultiheadAttention(8, 2),
        lambda: nn.BatchNorm2d(3),
        lambda: nn.Embedding(5, 4, padding_idx=1),
        lambda: nn.Bilinear(2, 3, 4),
        lambda: nn.ConvTranspose2d(2, 3, 3),
        lambda: nn.TransformerDecoderLayer(8, 2, 16),
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)),
        lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)),
        lambda: nn.utils.parametrizations.orthogonal(nn.Linear(3, 3)),
    ],
)
def test_the_layers_of_torch_write_all_that_they_make(build: Callable[[], nn.Module]) -> None:
    with iw.record() as log:
        model = build()
    assert len(log) == len(list(model.parameters())) + len(list(model.buffers()))
    assert (unsettled(log), log.ok) == ([], True)
