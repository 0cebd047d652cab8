"""transformers: a pretrained backbone, a new head; only what the checkpoint lacks is drawn (needs `transformers`).

python -m examples.frameworks.transformers_missing

`loading_info` says what is missing and what has another shape. Give all of it: `loading_info["missing_keys"]` alone is
silent about a head with another number of classes. Fine-tuning with `Trainer` then needs nothing of initwise.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import initwise as iw


def pretrained(folder: Path) -> None:
    """Save a backbone, as somebody has trained it."""
    from transformers import BertConfig, BertModel

    config = BertConfig(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
    backbone = BertModel(config)
    iw.apply(backbone, iw.plan(backbone, "torch-default", seed=7))
    backbone.save_pretrained(folder)


def with_new_head(folder: Path, classes: int) -> Any:
    """Load what there is, draw the rest."""
    from transformers import BertForSequenceClassification

    model, loading_info = BertForSequenceClassification.from_pretrained(
        folder, num_labels=classes, ignore_mismatched_sizes=True, output_loading_info=True
    )
    report = iw.initialize(model, "bert", seed=0, only="missing", checkpoint=loading_info)
    drawn = [row.name for row in report.rows if row.verdict != "kept"]
    print(f"{classes} classes: drew {', '.join(drawn)}; kept {len(report.rows) - len(drawn)} as loaded")
    return model


def main(folder: Path | None = None) -> tuple[Any, Any]:
    """First no head at all, then one with another number of classes."""
    with TemporaryDirectory() as own:
        first, second = ((folder or Path(own)) / name for name in ("backbone", "three"))
        pretrained(first)
        three = with_new_head(first, 3)
        three.save_pretrained(second)
        return three, with_new_head(second, 5)


if __name__ == "__main__":
    main()
