"""Arguments and options that several subcommands take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from initwise.cli._losses import LOSSES


class Format(StrEnum):
    """How a result is written: for people or for machines."""

    TABLE = "table"
    JSON = "json"


class PlanFormat(StrEnum):
    """How a plan is written: a table, data that `verify` reads, or plain torch code."""

    TABLE = "table"
    JSON = "json"
    PYTHON = "python"


class Layout(StrEnum):
    """How weights lie in a folder."""

    SAFETENSORS = "safetensors"
    DCP = "dcp"


Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        show_default=False,
        help="package.module:callable, path/to/file.py:callable, torchvision:resnet50, timm:vit_base_patch16_224,"
        " transformers:GPT2LMHeadModel or transformers:path/to/config.json",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="An argument of the target (may be repeated)."),
]
Recipe = Annotated[
    str | None, typer.Option("--recipe", metavar="NAME", help="A recipe; `initwise recipes` lists them.")
]
Rules = Annotated[Path | None, typer.Option("--rules", metavar="FILE", help="A rule file: YAML, TOML or JSON.")]
Inputs = Annotated[
    str | None,
    typer.Option(
        "--inputs",
        metavar="WORDS",
        help="What forward takes, for the traced pass: '2x3x224x224', 'input_ids: 2x16 int64 <50257' (default: built).",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="0 <= N < 2**64 (default 0).")]
Frozen = Annotated[bool, typer.Option("--include-frozen", help="Plan parameters with requires_grad=False as well.")]
Dtype = Annotated[
    str | None, typer.Option("--dtype", metavar="DTYPE", help="Convert the model: float32, bfloat16, float16, float64.")
]
ShardSize = Annotated[
    str | None,
    typer.Option(
        "--max-shard-size",
        metavar="SIZE",
        help="Of a file, if --out is a folder: 5GB, 500MB, 1GiB, or bytes (default 5GB).",
        show_default=False,
    ),
]
FolderLayout = Annotated[
    Layout,
    typer.Option(
        "--layout",
        help="Of a folder: files with an index, or a checkpoint of torch.distributed.checkpoint, of which each process"
        " of torchrun writes its part.",
    ),
]
OutputFormat = Annotated[Format, typer.Option("--format", help="How the result is written.")]
Loss = Annotated[
    str | None,
    typer.Option(
        "--loss",
        metavar="LOSS",
        help=f"path.py:function of the model's output, or {', '.join(LOSSES)} (default: the model's own, or cross"
        " entropy with random labels where it has logits).",
    ),
]
