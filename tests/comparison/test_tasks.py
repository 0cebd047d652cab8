from __future__ import annotations

import importlib.util
import pickle
import sys
import types
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from initwise.comparison import BUILTIN, Cell, Strategy, Task, builtin, from_data, from_lightning, from_trainer
from initwise.comparison._training import run_cell
from initwise.comparison.tasks._text import CHARACTERS, characters
from initwise.errors import ArgumentError, NotSupportedError
from tests.comparison.toys import table

LONG = pytest.mark.long
XAVIER = Strategy("xavier", "xavier")
sklearn = pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="scikit-learn is not installed")


def train(task: Task, steps: int = 20, seed: int = 0, rate: float = 0.05) -> Any:
    return run_cell(task, XAVIER, Cell("xavier", rate, seed), steps)


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


# ------------------------------------------------------------------------------------------------------------ built in


@sklearn
@pytest.mark.parametrize("name", [pytest.param(each, marks=LONG if each == "digits-128" else ()) for each in BUILTIN])
def test_every_built_in_task_learns_and_can_be_sent_to_a_process(name: str) -> None:
    task = builtin(name)
    again: Task = pickle.loads(pickle.dumps(task))  # noqa: S301 - our own bytes
    strategy = Strategy("auto", task.strategies.get("rezero", "auto"))
    outcome = run_cell(again, strategy, Cell("auto", task.learning_rates[1], 0), 8)
    assert outcome.start is not None
    assert outcome.validation is not None
    assert not outcome.diverged


@sklearn
def test_a_built_in_task_shuffles_by_its_seed_and_holds_the_same_rows_apart() -> None:
    task = builtin("digits-mlp")
    firsts = [next(iter(task.training_and_validation(seed)[0])) for seed in (0, 0, 1)]
    assert torch.equal(firsts[0][0], firsts[1][0])
    assert not torch.equal(firsts[0][0], firsts[2][0])
    held = [task.training_and_validation(seed)[1][0] for seed in (0, 1)]
    assert torch.equal(held[0][0], held[1][0])
    assert len(held[0][0]) == 1797 // 5


def test_the_text_is_that_of_pythons_own_library() -> None:
    text = characters()
    assert len(text) > 50_000
    assert int(text.max()) < CHARACTERS
    words = "".join(chr(each - 2 + 32) if each > 1 else "\n" for each in text.tolist())
    assert "import" in words
    assert "def __init__(self" in words


def test_a_model_of_characters_sees_no_later_character() -> None:
    task = builtin("characters")
    built = task.build(0).eval()
    inputs = next(iter(task.training_and_validation(0)[0]))[0]
    changed = inputs.clone()
    changed[:, 20:] = 5
    with torch.no_grad():
        assert torch.allclose(built(inputs)[:, :20], built(changed)[:, :20], atol=1e-5)


def test_a_task_that_is_not_built_in_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"there is no task 'digit-mlp'; there are digits-mlp, .*did you mean"):
        builtin("digit-mlp")


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sklearn" else known(name))
    with pytest.raises(NotSupportedError, match=r"task digits-mlp: needs scikit-learn, .*'initwise\[compare\]'"):
        builtin("digits-mlp")


# --------------------------------------------------------------------------------------------------------- from data


def test_a_task_from_datasets_trains_and_shuffles_by_the_seed() -> None:
    points = TensorDataset(*table())
    task = from_data(model, points, points, name="points", batch_size=16, steps=30)
    assert train(task, 60).validation < train(task, 1).validation
    firsts = [next(iter(task.training_and_validation(seed)[0]))[1] for seed in (0, 0, 1)]
    assert torch.equal(firsts[0], firsts[1])
    assert not torch.equal(firsts[0], firsts[2])
    validation = [batch[0] for batch in task.training_and_validation(3)[1]]
    assert torch.equal(torch.cat(validation), table()[0])


def test_a_loader_with_its_own_generator_is_seeded() -> None:
    points = TensorDataset(*table())
    loader: DataLoader[Any] = DataLoader(points, batch_size=16, shuffle=True, generator=torch.Generator())
    task = from_data(model, loader, [table()])
    assert train(task).to_dict() | {"seconds": 0} == train(task).to_dict() | {"seconds": 0}
    assert train(task).training != train(task, seed=1).training


def test_whole_numbers_mean_cross_entropy_and_others_a_mean_square() -> None:
    inputs, target = table()
    net = model()
    classes = from_data(lambda: net, [(inputs, target)], [])
    numbers = from_data(lambda: net, [(inputs, torch.ones(64, 3))], [])
    assert torch.equal(classes.loss(net, (inputs, target)), nn.functional.cross_entropy(net(inputs), target))
    assert torch.equal(
        numbers.loss(net, (inputs, torch.ones(64, 3))), nn.functional.mse_loss(net(inputs), torch.ones(64, 3))
    )


def test_what_is_no_data_is_named() -> None:
    with pytest.raises(ArgumentError, match="training is 5 of type int; give a Dataset with a length, or a loader"):
        from_data(model, 5, [])


# --------------------------------------------------------------------------------------- Lightning and transformers


class Module(nn.Module):
    """What Lightning asks of a module, without Lightning."""

    def __init__(self) -> None:
        super().__init__()
        self.net = model()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out

    def training_step(self, batch: Any, index: int) -> Any:
        return {"loss": nn.functional.cross_entropy(self(batch[0]), batch[1])}

    def configure_optimizers(self) -> Any:
        first, last = list(self.net[0].parameters()), list(self.net[2].parameters())  # type: ignore[index]
        groups = [{"params": first, "lr": 0.2}, {"params": last, "lr": 0.1}]
        optimizer = torch.optim.SGD(groups, lr=0.1)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 10)]


def test_a_lightning_module_gives_its_own_step_and_its_own_optimizer_at_the_rate_that_is_tried() -> None:
    task = from_lightning(Module, TensorDataset(*table()), [table()])
    assert task.name == "Module"
    optimizer = task.optimize(Module(), 0.01)
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.005]
    assert train(task, 60).validation < train(task, 1).validation


def test_a_module_without_a_training_step_is_named() -> None:
    with pytest.raises(ArgumentError, match="Sequential has no training_step; give a LightningModule"):
        train(from_lightning(model, [table()], []))


@LONG
@pytest.mark.skipif(importlib.util.find_spec("lightning") is None, reason="Lightning is not installed")
def test_a_real_lightning_module_trains() -> None:
    from lightning import LightningModule

    class Real(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = model()

        def training_step(self, batch: Any, index: int) -> Tensor:
            loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    # Its forward is not written: only usage by module types is known, which recipes by type do with.
    task = from_lightning(Real, TensorDataset(*table()), [table()], inputs=lambda batch: None)
    assert train(task, 60).validation < train(task, 1).validation


class FakeTrainer:
    """What `from_trainer` asks of a transformers Trainer."""

    def __init__(self) -> None:
        self.model = model()
        self.train_dataset = self.eval_dataset = [{"x": x, "labels": y} for x, y in zip(*table(), strict=True)]
        self.args = types.SimpleNamespace(train_batch_size=8, eval_batch_size=16, weight_decay=0.1)
        self.label_names = ["labels"]

    def get_train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.train_dataset, batch_size=8)  # type: ignore[arg-type]

    get_eval_dataloader = get_train_dataloader

    def compute_loss(self, net: nn.Module, batch: Any) -> Tensor:
        return nn.functional.cross_entropy(net(batch["x"]), batch["labels"])

    def get_optimizer_cls_and_kwargs(self, args: Any, net: Any) -> Any:
        return torch.optim.AdamW, {"lr": 1e-3, "betas": (0.9, 0.99)}

    def get_decay_parameter_names(self, net: nn.Module) -> list[str]:
        return [name for name, _ in net.named_parameters() if name.endswith("weight")]


def test_a_trainer_gives_copies_of_its_model_its_loss_and_its_optimizer() -> None:
    trainer = FakeTrainer()
    task = from_trainer(trainer, inputs=lambda batch: (batch["x"],))
    assert task.name == "Sequential"
    built = task.build(0)
    assert built is not trainer.model
    optimizer = task.optimize(built, 0.02)
    assert [(len(g["params"]), g["lr"], g["weight_decay"], g["betas"]) for g in optimizer.param_groups] == [
        (2, 0.02, 0.1, (0.9, 0.99)),
        (2, 0.02, 0.0, (0.9, 0.99)),
    ]
    before = [parameter.clone() for parameter in trainer.model.parameters()]
    assert train(task, 60).validation < train(task, 1).validation
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.model.parameters(), strict=True))
    firsts = [next(iter(task.training_and_validation(seed)[0]))["labels"] for seed in (0, 0, 1)]
    assert torch.equal(firsts[0], firsts[1])
    assert not torch.equal(firsts[0], firsts[2])


def test_a_trainer_without_data_is_named() -> None:
    trainer = FakeTrainer()
    trainer.eval_dataset = None  # type: ignore[assignment]
    with pytest.raises(ArgumentError, match="FakeTrainer has no eval_dataset; give a transformers Trainer made with"):
        from_trainer(trainer)


@pytest.mark.long
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("transformers", "accelerate")),
    reason="transformers and accelerate are not installed",
)
def test_a_real_trainer_of_transformers_trains(tmp_path: Any) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

    config = GPT2Config(vocab_size=32, n_positions=16, n_embd=16, n_layer=2, n_head=2)
    rows = [{"input_ids": (ids := torch.arange(place, place + 12) % 32), "labels": ids} for place in range(32)]
    arguments = TrainingArguments(tmp_path, report_to=[], use_cpu=True, per_device_train_batch_size=8)
    trainer = Trainer(GPT2LMHeadModel(config), arguments, train_dataset=rows, eval_dataset=rows)
    task = from_trainer(trainer)
    outcome = run_cell(task, Strategy("gpt2", "gpt2"), Cell("gpt2", 1e-2, 0), 30)
    assert outcome.validation is not None
    assert outcome.start is not None
    assert outcome.validation < outcome.start / 2


def test_no_optional_library_was_imported_for_tasks_of_ones_own() -> None:
    import subprocess

    code = "import sys, initwise.comparison; print({'optuna', 'sklearn', 'lightning', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_factory_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(ArgumentError, match="from_data: build is 3 of type int; give a function that returns"):
        from_data(3, [1], [1])  # type: ignore[arg-type]
