"""Layers of torch.nn, explained: what PyTorch draws, where it says so, and what a plan takes as fans."""

from __future__ import annotations

import warnings
from textwrap import wrap

import torch
from torch import nn

from initwise.cli.topics._layer_facts import LAYERS, LayerFacts
from initwise.cli.topics._rows import example_table
from initwise.cli.topics._source import lines_of
from initwise.cli.topics._topic import Section, Topic
from initwise.findings import Column, Table
from initwise.planning import Plan, plan

_FACTS = {name: facts for facts in LAYERS for name in facts.names}


def layer_names() -> tuple[str, ...]:
    """All layers that are explained, as "torch.nn.Linear"."""
    return tuple(f"torch.nn.{name}" for name in _FACTS)


def layer(name: str) -> Topic | None:
    """The explanation of a layer: `torch.nn.Linear`, `nn.Linear` or `Linear`; None if it is none."""
    bare = name.removeprefix("torch.").removeprefix("nn.")
    kind = getattr(nn, bare, None)
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        return None
    if bare in _FACTS:
        return _explained(bare, kind, _FACTS[bare])
    summary = "This layer has no parameters of its own; layers inside it, if there are any, initialize theirs."
    return Topic(f"torch.nn.{bare}", "layer", summary)


def default_plan(facts: LayerFacts) -> Plan:
    """The plan that draws the example of `facts` as PyTorch does."""
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # PyTorch's advice about attention is not about us.
        example = facts.example()
    return plan(example, "torch-default")


def _explained(bare: str, kind: type, facts: LayerFacts) -> Topic:
    summary = f"What PyTorch {torch.__version__} draws when it makes this layer, whatever follows it in the model."
    if bare.startswith("Lazy"):
        summary = f"It draws as torch.nn.{bare[4:]} does, at its first forward pass, when the input's size is known."
    sections = [_draws(facts), _source(kind, facts), _example(facts)]
    if facts.said:
        lines = [line for wrong, right in facts.said for line in (f"“{wrong}”", *_answer(right))]
        sections.append(Section("Often said, and not so", tuple(lines)))
    if facts.plan:
        sections.append(Section("In a plan", facts.plan))
    return Topic(f"torch.nn.{bare}", "layer", summary, tuple(sections))


def _answer(right: str) -> list[str]:
    return wrap(f"No. {right}", 110, initial_indent="    ", subsequent_indent="    ")


def _draws(facts: LayerFacts) -> Section:
    columns = (Column("parameter"), Column("law"), Column("bound or value"), Column("std"))
    rows = tuple((draw.parameter, draw.law, draw.bound, draw.std) for draw in facts.draws)
    return Section("By default", table=Table("", columns, rows))


def _source(kind: type, facts: LayerFacts) -> Section:
    lines = lines_of(kind)
    parts = tuple(f"see: initwise explain torch.nn.{part}" for part in facts.parts)
    return Section("Source", (*lines, *parts) or ("PyTorch's source is not installed here.",))


def _example(facts: LayerFacts) -> Section:
    heading = f"For example, {facts.written} (the fans are the true ones)"
    return Section(heading, table=example_table(default_plan(facts)))
