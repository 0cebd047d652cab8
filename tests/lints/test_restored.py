"""The measured pass leaves nothing behind."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import initwise as iw
from initwise.signals import ProbeError, _restored
from tests.signals.probing import probed

X = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Restless(nn.Module):
    """A model whose forward pass changes all that it can reach."""

    def __init__(self, failure: BaseException | None = None) -> None:
        super().__init__()
        self.conv = nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 8, 3))
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, 2)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.register_buffer("mean", torch.zeros(8))
        self.calls, self.failure = 0, failure
        self.log: list[Tensor] = []
        self.generator = torch.Generator().manual_seed(3)

    def forward(self, x: Tensor) -> Tensor:
        x.mul_(2)
        self.calls += 1
        self.get_buffer("steps").add_(1)
        hidden = self.drop(self.norm(self.conv(x))).mean((2, 3)) + torch.rand(8) * random.random() * np.random.rand()  # noqa: NPY002
        self.mean = hidden.detach().mean(0)
        self.last = hidden
        self.log.append(hidden + torch.rand(8, generator=self.generator))
        with torch.no_grad():
            self.head.weight.mul_(0.5)
            self.head.weight.requires_grad_(False)
        self.head.register_forward_hook(lambda *_: None)
        if self.failure is not None:
            raise self.failure
        out: Tensor = self.head(hidden)
        return out


def _state(model: nn.Module) -> list[Any]:
    """All that may change, in a form that can be compared."""
    hooks = [len(held) for module in model.modules() for name, held in vars(module).items() if name.endswith("_hooks")]
    return [
        iw.digest(model, buffers=True),
        [module.training for module in model.modules()],
        [parameter.requires_grad for parameter in model.parameters()],
        [id(parameter.grad) for parameter in model.parameters()],
        [sorted(vars(module)) for module in model.modules()],
        [id(buffer) for buffer in model.buffers()],
        hooks,
        random.getstate(),
        repr(np.random.get_state()),  # noqa: NPY002
        torch.get_rng_state().tolist(),
        [list(module.log) for module in model.modules() if isinstance(module, Restless)],
        [module.generator.get_state().tolist() for module in model.modules() if isinstance(module, Restless)],
    ]


def _ready(failure: BaseException | None = None) -> Any:
    torch.manual_seed(0)
    model: Any = Restless(failure)
    model.drop.eval()
    model.head.bias.requires_grad_(False)
    model.conv.bias.grad = torch.ones(8)
    return model


def test_a_pass_restores_everything() -> None:
    model, given = _ready(), X.clone()
    before = _state(model)
    probe = probed(model, given)
    assert _state(model) == before
    assert torch.equal(given, X)
    assert (model.calls, model.conv.bias.grad.tolist()) == (0, [1.0] * 8)
    assert probe.gradients["conv.weight"] is not None


@pytest.mark.parametrize("failure", [RuntimeError("halfway"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_pass_that_raises_restores_everything(failure: BaseException) -> None:
    model = _ready(failure)
    before = _state(model)
    with pytest.raises((ProbeError, KeyboardInterrupt)):
        probed(model, X)
    assert _state(model) == before


@pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:DeprecationWarning")
def test_the_modes_of_scripted_modules_are_put_back() -> None:
    model = nn.Sequential(torch.jit.trace(nn.Linear(8, 8), torch.ones(2, 8)), nn.Linear(8, 2)).train()
    probed(model, torch.ones(2, 8))
    assert all(module.training for module in model.modules())


def test_weights_that_were_moved_to_find_what_is_still_are_put_back() -> None:
    model: Any = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False))
    nn.init.zeros_(model[1].weight)
    nn.init.zeros_(model[2].weight)
    before = iw.digest(model)
    assert probed(model, torch.ones(2, 8)).still
    assert iw.digest(model) == before


class Checkpointed(nn.Linear):
    """A layer behind a reentrant checkpoint."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = checkpoint(super().forward, x * self.bias.sum(), use_reentrant=True)
        return out


@pytest.mark.parametrize("kind", [nn.Linear, Checkpointed])
def test_an_optimizer_that_steps_in_the_backward_pass_does_not(kind: type[nn.Linear]) -> None:
    model = kind(8, 2)
    steps: list[Tensor] = []
    model.weight.register_post_accumulate_grad_hook(steps.append)
    assert probed(model, torch.ones(2, 8)).gradients["weight"] is not None
    assert steps == []
    model(torch.ones(2, 8)).sum().backward()
    assert len(steps) == 1


def test_what_was_not_restored_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_restored, "_values", lambda model: lambda: None)
    with pytest.raises(ProbeError, match="were not restored, by a fault of initwise"):
        probed(_ready(), X)


def test_two_passes_agree() -> None:
    model = _ready()
    first, second = probed(model, X), probed(model, X)
    assert first.events == second.events
    for name, gradient in first.gradients.items():
        other = second.gradients[name]
        assert (gradient is None) == (other is None), name
        if gradient is not None and other is not None:
            assert torch.equal(gradient, other), name
