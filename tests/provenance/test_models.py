"""Which models a log is about, what their parameters are called, and what copies, ties and conversions do."""

from __future__ import annotations

import copy
import gc
from pathlib import Path

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.provenance import Log


def history(log: Log, name: str) -> list[str]:
    return [write.operation for write in log[name].writes]


def test_a_copy_names_what_it_was_copied_from() -> None:
    with iw.record() as log:
        first = nn.Linear(3, 2)
        stack = nn.ModuleList([first, copy.deepcopy(first)])
    assert len(stack) == 2
    assert history(log, "0.weight") == ["kaiming_uniform_"]
    assert [str(write) for write in log["1.weight"].writes] == ["copied from 0.weight"]


def test_a_copy_of_what_was_there_before_the_block_says_so() -> None:
    old = nn.Linear(3, 2)
    with iw.record() as log:
        new = copy.deepcopy(old)
    assert torch.equal(new.weight, old.weight)
    assert [str(write) for write in log["weight"].writes] == ["copied from memory of before the block"]


def test_what_a_checkpoint_in_a_file_gives_is_told_from_what_is_drawn(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.GPT2Config(
        n_layer=1, n_embd=16, n_head=2, vocab_size=50, n_positions=8, bos_token_id=0, eos_token_id=0
    )
    transformers.GPT2Model(config).save_pretrained(tmp_path)
    with iw.record() as log:
        model = transformers.GPT2ForSequenceClassification.from_pretrained(tmp_path, num_labels=3)
    assert model.num_labels == 3
    assert [row.name for row in log if row.state != "given"] == ["score.weight"]
    assert str(log["score.weight"].last) == "normal_(mean=0, std=0.02)"
    assert log.ok


def test_a_copied_buffer_names_what_it_was_copied_from() -> None:
    with iw.record() as log:
        first = nn.BatchNorm1d(3)
        stack = nn.ModuleList([first, copy.deepcopy(first)])
    assert len(stack) == 2
    assert str(log["1.running_mean"].last) == "copied from 0.running_mean"


def test_layers_that_are_copies_of_a_template_that_is_gone_say_so() -> None:
    with iw.record() as log:
        encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 3, enable_nested_tensor=False)
    assert len(encoder.layers) == 3
    written, copied = log["layers.2.linear1.weight"].writes
    assert written.operation == "kaiming_uniform_"
    assert str(copied) == "copied from a template, as was layers.0.linear1.weight and 1 more"
    assert "copied from a template, as was layers.1.linear1.weight and 1 more" in map(
        str, log["layers.0.linear1.weight"].writes
    )
    assert log["layers.2.linear1.weight"].replaced == ()


def test_a_conversion_is_no_write() -> None:
    with iw.record() as log:
        layer = nn.Linear(3, 2)
        nn.init.ones_(layer.weight)
        layer.to(torch.bfloat16)
    assert history(log, "weight") == ["kaiming_uniform_", "ones_"]
    assert (log["weight"].dtype, log["weight"].state) == ("bfloat16", "written")
    with iw.record(layer) as log:
        layer.to(torch.float64)
    assert (history(log, "weight"), log["weight"].state) == ([], "given")


def test_loading_a_state_dict_is_one_write_and_replaces() -> None:
    state = nn.Linear(3, 2).state_dict()
    with iw.record() as log:
        nn.Linear(3, 2)  # thrown away: no row
        layer = nn.Linear(3, 2)
        layer.load_state_dict(state)
    assert history(log, "weight") == ["kaiming_uniform_", "load_state_dict"]
    assert [each.operation for each in log["weight"].replaced] == ["kaiming_uniform_"]


def test_loading_by_assignment_replaces_the_memory() -> None:
    with iw.record() as log:
        layer = nn.Linear(3, 2)
        layer.load_state_dict({"weight": torch.ones(2, 3), "bias": torch.zeros(2)}, assign=True)
    assert history(log, "weight") == ["kaiming_uniform_", "ones"]


def test_a_tie_is_one_row_under_both_names() -> None:
    with iw.record() as log:
        model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
        model[1].weight = model[0].weight
    assert len(log) == 1
    assert log["1.weight"] is log["0.weight"]
    assert (log["0.weight"].aliases, history(log, "0.weight")) == (("1.weight",), ["normal_"])


def test_a_parametrization_says_what_its_originals_were_computed_from() -> None:
    with iw.record() as log:
        layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    assert layer.weight.shape == (2, 3)
    assert history(log, "parametrizations.weight.original1") == ["kaiming_uniform_"]
    (norm,) = log["parametrizations.weight.original0"].writes
    assert norm.arguments.endswith("of parametrizations.weight.original1")


def test_wrappers_do_not_change_names() -> None:
    with iw.record() as log:
        model = nn.Module()
        model._orig_mod = nn.Linear(3, 2)
    assert [row.name for row in log] == ["weight", "bias"]


def test_several_models_have_their_class_before_the_names() -> None:
    with iw.record() as log:
        models = nn.Linear(3, 2), nn.Linear(2, 2), nn.Conv1d(1, 1, 1)
    assert len(models) == 3
    assert [row.name for row in log if "weight" in row.name] == ["Linear.weight", "Linear#2.weight", "Conv1d.weight"]


def test_a_model_that_was_thrown_away_and_refers_to_itself_has_no_rows() -> None:
    with iw.record() as log:
        gone = nn.Linear(9, 9)
        gone.itself = [gone]  # type: ignore[assignment]
        del gone
        kept = nn.Linear(3, 2)
    assert kept.weight.shape == (2, 3)
    assert [row.shape for row in log] == [(2, 3), (2,)]


def test_the_model_may_be_given_before_or_inside_the_block() -> None:
    model, other = nn.Linear(3, 2), nn.Linear(5, 5)
    with iw.record(model) as log:
        nn.init.zeros_(other.weight)
        nn.init.zeros_(model.bias)
    assert [(row.shape, len(row.writes)) for row in log] == [((2, 3), 0), ((2,), 1)]
    with iw.record() as log:
        built, extra = nn.Linear(3, 2), nn.Linear(5, 5)
        log.about(built)
    assert extra.weight.shape == (5, 5)
    assert [row.shape for row in log] == [(2, 3), (2,)]


def test_a_model_from_before_the_block_is_found_by_what_was_written() -> None:
    inner = nn.Linear(2, 2)
    model = nn.Sequential(nn.Linear(3, 2), nn.Sequential(inner))
    with iw.record() as log:
        nn.init.zeros_(inner.bias)
    assert len(model) == 2
    assert [row.name for row in log if row.writes] == ["1.0.bias"]
    assert len(log) == 4


def test_a_block_that_leaves_no_model_says_what_to_do() -> None:
    gc.collect()
    with iw.record() as log:
        nn.Linear(3, 2)
    assert str(log) == (
        "0 writes\n"
        "no model with parameters was alive at the end of the block: keep it in a variable, or give record(model)"
    )


def test_a_log_is_read_by_name_and_in_order() -> None:
    with iw.record() as log:
        layer = nn.Linear(3, 2)
    assert layer.bias.shape == (2,)
    assert [row.name for row in log] == ["weight", "bias"]
    assert "bias" in log
    assert "other" not in log
    with pytest.raises(ArgumentError, match=r"the log has no parameter 'weigth'; did you mean 'weight'\?"):
        _ = log["weigth"]


def test_a_log_is_not_read_before_the_block_is_over() -> None:
    with (
        iw.record() as log,
        pytest.raises(ArgumentError, match=r"record: the block is not over; read the log after `with iw.record"),
    ):
        _ = log.rows


def test_nor_does_it_say_that_all_is_well_before() -> None:
    with iw.record() as log, pytest.raises(ArgumentError, match=r"record: the block is not over"):
        _ = log.ok


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match=r"record: model is 5 of type int; give an nn.Module"):
        iw.record(5)  # type: ignore[arg-type]
    with iw.record() as log, pytest.raises(ArgumentTypeError, match=r"log.about: model is 'x' of type str; give"):
        log.about("x")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"log.about: the block is over; call it inside, or give the model to"):
        log.about(nn.Linear(1, 1))
