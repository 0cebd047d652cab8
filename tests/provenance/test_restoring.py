"""Recording changes nothing: the same bits, the same random state, and nothing that stays patched."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.modules import module as registrations
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

import initwise as iw
from initwise.errors import NotSupportedError
from initwise.provenance import _watch
from initwise.writing import OBSERVERS


def hooks() -> list[int]:
    """How many of each kind of hook and mode there are in the process."""
    return [
        len(registrations._global_parameter_registration_hooks),
        len(registrations._global_buffer_registration_hooks),
        len(registrations._global_module_registration_hooks),
        len(OBSERVERS),
        len(_get_current_dispatch_mode_stack()),
    ]


def with_our_init() -> nn.Module:
    layer = nn.Linear(40, 30)
    iw.init.kaiming_normal_(layer.weight)
    iw.init.orthogonal_(layer.weight)
    iw.init.trunc_normal_(layer.weight)
    return layer


def with_a_plan() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8, 4))
    iw.initialize(model, "kaiming", seed=3)
    return model


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.TransformerDecoderLayer(16, 2, 32),
        lambda: nn.LSTM(5, 6, bidirectional=True),
        lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(6, 6)),
        lambda: nn.utils.parametrizations.orthogonal(nn.Linear(6, 6)),
        lambda: nn.Linear(6, 6, dtype=torch.bfloat16),
        with_our_init,
        with_a_plan,
    ],
)
def test_a_recorded_model_has_the_same_bits_and_leaves_the_same_random_state(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    plain = build().state_dict()
    state = torch.get_rng_state()
    torch.manual_seed(0)
    with iw.record() as log:
        model = build()
    assert torch.equal(torch.get_rng_state(), state)
    assert log.ok
    recorded = model.state_dict()
    assert plain.keys() == recorded.keys()
    assert [name for name in plain if not torch.equal(plain[name], recorded[name])] == []


def test_an_error_inside_passes_and_everything_is_as_before() -> None:
    before = hooks()
    layer = nn.Linear(3, 2)
    recorder = iw.record(layer)
    with pytest.raises(ZeroDivisionError, match=r"by zero"), recorder as log:
        nn.init.normal_(layer.weight, std=1 / 0)
    assert hooks() == before
    assert [row.name for row in log] == ["weight", "bias"]
    with iw.record():
        assert hooks() != before
    assert hooks() == before


def test_one_block_at_a_time() -> None:
    before = hooks()
    with (
        iw.record() as outer,
        pytest.raises(NotSupportedError, match=r"record: another block is being recorded; end it first"),
        iw.record(),
    ):
        pass
    assert outer.rows == ()
    assert hooks() == before


def test_another_thread_cannot_record_at_the_same_time() -> None:
    said: list[str] = []

    def other() -> None:
        try:
            with iw.record():
                pass
        except NotSupportedError as error:
            said.append(str(error))

    with iw.record():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert said == ["record: another block is being recorded; end it first, one block sees everything"]


def test_one_recorder_can_be_entered_again() -> None:
    recorder = iw.record()
    with recorder as first:
        one = nn.Linear(3, 2)
    with recorder as second:
        two = nn.Linear(5, 4)
    assert (first["weight"].shape, second["weight"].shape) == (tuple(one.weight.shape), tuple(two.weight.shape))


def test_a_recorded_block_keeps_no_tensor_alive() -> None:
    class Counted(nn.Parameter):
        alive = 0

        def __del__(self) -> None:
            Counted.alive -= 1

    with iw.record() as log:
        model = nn.Module()
        Counted.alive += 1
        model.weight = nn.init.normal_(Counted(torch.empty(3)))
    assert log["weight"].state == "written"
    del model
    assert Counted.alive == 0


def test_operations_under_other_modes_still_work() -> None:
    with iw.record() as log, torch.device("cpu"), torch.inference_mode():
        layer = nn.Linear(3, 2)
        compiled = torch.func.vmap(lambda x: x * 2)(torch.ones(3))
    assert compiled.tolist() == [2.0, 2.0, 2.0]
    assert layer.weight.shape == (2, 3)
    assert log.ok


def test_an_operation_that_cannot_be_followed_is_a_note_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(tensor: torch.Tensor) -> tuple[int, int]:
        raise RuntimeError("no such thing as a stride")

    monkeypatch.setattr(_watch, "extent", fails)
    with iw.record() as log:
        layer = nn.Linear(3, 2)
    assert bool(layer.weight.isfinite().all())
    assert log.notes == ("uniform_ could not be followed: RuntimeError: no such thing as a stride",)
    assert str(log).splitlines()[-1] == log.notes[0]


def test_a_compiled_function_in_the_block_is_compiled_and_seen() -> None:
    @torch.compile(backend="eager")
    def shrink(weight: torch.Tensor) -> torch.Tensor:
        return weight.mul_(0.5)

    with iw.record() as log, torch.no_grad():
        layer = nn.Linear(3, 2)
        shrink(layer.weight)
    assert [write.operation for write in log["weight"].writes] == ["kaiming_uniform_", "mul_"]


def test_recording_imports_no_compiler() -> None:
    code = (
        "import sys, torch, initwise as iw\nfrom torch import nn\n"
        "with iw.record() as log:\n    layer = nn.Linear(3, 2)\nprint('torch._dynamo' in sys.modules, len(log))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "2"]
