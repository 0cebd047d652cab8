"""Callbacks for trainers, with the real libraries."""

from __future__ import annotations

import sys

import pytest

import initwise as iw
from initwise.errors import NotSupportedError
from initwise.monitoring import lightning_callback, transformers_callback
from tests.monitoring.training import hooks, net

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the libraries


@pytest.mark.long
def test_a_step_of_lightning_is_one_of_its_optimizer() -> None:
    pytest.importorskip("lightning", reason="lightning is not installed: pip install lightning")
    from examples.monitor_lightning import main

    monitor = main(accumulate=2, batches=12)
    assert (monitor.steps, len(monitor.frames)) == (6, 6)
    assert [row.module for row in monitor.frames[0].layers] == ["body.0", "body.1", "body.2"]
    assert all(row.update_ratio for row in monitor.frames[5].parameters if row.name.endswith("weight"))
    assert monitor.frames[0].loss is not None
    assert hooks(monitor._model) == 0


@pytest.mark.long
def test_a_step_of_transformers_is_one_of_its_optimizer() -> None:
    pytest.importorskip("accelerate", reason="accelerate is not installed: pip install accelerate")
    pytest.importorskip("transformers", reason="transformers is not installed: pip install transformers")
    from examples.monitor_transformers import main

    monitor = main(accumulate=2, steps=4)
    assert (monitor.steps, len(monitor.frames)) == (4, 4)
    names = [row.module for row in monitor.frames[0].layers]
    assert "transformer.h.1.mlp.c_fc" in names
    assert all(row.update_ratio for row in monitor.frames[1].parameters if row.name.endswith("weight"))
    assert not any(alert.code == "TRN903" for alert in monitor.alerts)
    assert hooks(monitor._model) == 0


@pytest.mark.parametrize(
    ("callback", "packages"),
    [
        (lightning_callback, ("lightning", "lightning.pytorch", "pytorch_lightning", "lightning.pytorch.callbacks")),
        (transformers_callback, ("transformers",)),
    ],
)
def test_a_callback_without_its_library_says_what_to_install(
    callback: object, packages: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in packages:
        monkeypatch.setitem(sys.modules, name, None)
    assert callable(callback)
    with pytest.raises(NotSupportedError, match=f"{packages[0]}|Lightning"):
        callback(iw.Monitor(net()))
