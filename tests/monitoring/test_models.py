"""Models of many kinds: the same bits as unwatched, and notes for what is out of sight."""

from __future__ import annotations

import copy
import dataclasses
import io
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

import initwise as iw
from initwise.errors import NotSupportedError
from tests.monitoring.training import batch, hooks, net, train
from tests.monitoring.twins import Run, plain_run, twins


def sgd(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=0.1)


class Checkpointed(nn.Module):
    """Its body is computed again in the backward pass, dropout included."""

    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.first, self.head = nn.Linear(8, 16), nn.Linear(16, 3)
        self.body = nn.Sequential(nn.Linear(16, 16), nn.Dropout(0.3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(checkpoint(self.body, self.first(x), use_reentrant=self.reentrant))
        return out


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoints_are_the_same_to_the_last_bit_and_notes_name_gradients_out_of_sight(reentrant: bool) -> None:
    monitor = twins(lambda: plain_run(model := Checkpointed(reentrant=reentrant), sgd(model)))
    rows = {row.module: row for row in monitor.frames[-1].layers}
    assert list(rows) == ["first", "body.0", "body.1", "body.2", "head"]
    assert (rows["body.0"].grad_second_moment is None) == reentrant
    assert rows["first"].grad_second_moment
    said = [note for note in monitor.notes if note.startswith("body.0, body.1, body.2 ran without autograd in a pass")]
    assert len(said) == int(reentrant)


@dataclasses.dataclass
class Output:
    """What a model may give."""

    name: str
    logits: Tensor


class Tied(nn.Module):
    """An embedding whose weight is the head's too."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.embedding, self.middle, self.head = nn.Embedding(10, 16), nn.Linear(16, 16), nn.Linear(16, 10, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Any:
        logits = self.head(torch.relu(self.middle(self.embedding(tokens))))
        kinds: dict[str, Any] = {
            "tuple": (logits, None),
            "dict": {"logits": logits, "tokens": tokens},
            "dataclass": Output("output", logits),
        }
        return kinds[self.kind]


@pytest.mark.parametrize("kind", ["tuple", "dict", "dataclass"])
def test_tied_weights_have_one_row_whatever_the_model_returns(kind: str) -> None:
    def build() -> Run:
        model, tokens = Tied(kind), torch.arange(20).reshape(4, 5) % 10
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

        def step() -> Tensor:
            optimizer.zero_grad()
            made = model(tokens)
            logits = made[0] if kind == "tuple" else made["logits"] if kind == "dict" else made.logits
            loss = F.cross_entropy(logits.flatten(0, 1), tokens.flatten())
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Run(model, step, [optimizer])

    frame = twins(build).frames[0]
    assert [row.name for row in frame.parameters] == ["embedding.weight", "middle.weight", "middle.bias"]
    assert [row.module for row in frame.layers] == ["embedding", "middle", "", "head"]
    assert frame.layers[-1].parameters == ("embedding.weight",)


def test_parametrized_weights_show_the_tensor_behind_them_and_a_note_says_so() -> None:
    def build() -> Run:
        model: Any = net()
        parametrizations.weight_norm(model[2])
        parametrizations.orthogonal(model[0])
        parametrizations.spectral_norm(model[4])
        return plain_run(model, sgd(model))

    monitor = twins(build)
    rows = {row.name: row for row in monitor.frames[-1].parameters}
    assert all(rows[f"{index}.weight"].update_ratio for index in (0, 2, 4))
    assert monitor.notes[0] == (
        "a parametrization computes 0.weight, 2.weight, 4.weight: gradient, update and distance are those of the"
        " largest tensor behind it"
    )


def test_a_frozen_part_is_seen_running_and_has_no_row_until_a_new_monitor_is_made() -> None:
    def build() -> Run:
        model = net()
        model[0].requires_grad_(False)
        return plain_run(model, sgd(model))

    monitor = twins(build)
    frame = monitor.frames[0]
    assert [row.name for row in frame.parameters] == ["2.weight", "2.bias", "4.weight", "4.bias"]
    assert [row.grad_second_moment is None for row in frame.layers] == [True, True, False, False, False]
    assert monitor.alerts == ()
    assert not any("not watched" in note for note in monitor.notes)
    monitor._model.requires_grad_(True)
    assert monitor.notes[0].startswith("not watched: 0.weight, 0.bias, which required no gradient when")


def test_a_module_that_is_not_called_is_named_though_its_parameters_are_seen() -> None:
    def build() -> Run:
        model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        optimizer, inputs = sgd(model), torch.randn(4, 5, 8)

        def step() -> Tensor:
            optimizer.zero_grad()
            loss: Tensor = model(inputs).square().mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Run(model, step, [optimizer])

    assert twins(build).notes[0].startswith("no output of self_attn.out_proj was seen, though gradients arrive")


def test_a_layer_that_gets_no_samples_has_no_row() -> None:
    """An expert to which nothing is routed."""

    class Experts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(8, 3), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.one(x), self.two(x[:0])])

    monitor = twins(lambda: plain_run(model := Experts(), sgd(model)))
    assert [row.module for row in monitor.frames[0].layers] == ["one"]


def test_a_copy_or_a_pickle_that_is_made_within_a_step_has_no_working_hook() -> None:
    model, (inputs, labels) = net(), batch()
    optimizer = sgd(model)
    monitor = iw.Monitor(model, optimizer=optimizer)
    stored = io.BytesIO()
    with monitor.step():
        average = copy.deepcopy(model)
        torch.save(model, stored)
        average(inputs * 100)
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    assert [row.call for row in monitor.frames[0].layers] == [0] * 5  # those of the model, and only those
    stored.seek(0)
    loaded = torch.load(stored, weights_only=False)
    for twin in (average, loaded):
        train(twin, iw.Monitor(twin), torch.optim.SGD(twin.parameters(), lr=0.1))  # has its own monitor
    assert len(monitor.frames) == 1
    assert hooks(model) == 0


def test_a_model_is_copied_between_steps_without_a_trace() -> None:
    model = net()
    optimizer = sgd(model)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer)
    assert hooks(copy.deepcopy(model)) == 0
    assert copy.deepcopy(optimizer)._optimizer_step_pre_hooks == {}


@pytest.mark.parametrize("way", ["copied", "pickled"])
def test_a_monitor_is_not_copied_and_says_what_to_do(way: str) -> None:
    monitor = iw.Monitor(net())
    with pytest.raises(NotSupportedError, match=r"cannot be copied or pickled; .* store monitor\.to_dict\(\)"):
        copy.deepcopy(monitor) if way == "copied" else torch.save(monitor, io.BytesIO())
