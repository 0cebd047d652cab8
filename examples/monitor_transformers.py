"""Watch a run of transformers' Trainer (needs `transformers` and `accelerate`).

python -m examples.monitor_transformers

Sinks are the monitor's, whoever trains: the page about the training is kept while the trainer works.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

import initwise as iw
from initwise.monitoring import transformers_callback


def main(accumulate: int = 2, steps: int = 4) -> iw.Monitor:
    """Train a tiny GPT-2; a step of the monitor is a step of the optimizer."""
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

    model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=16, n_embd=32, n_layer=2, n_head=2))
    plan = iw.plan(model, "gpt2", seed=0)
    iw.apply(model, plan)
    words = torch.randint(64, (4 * accumulate * steps, 16), generator=torch.Generator().manual_seed(0))
    with TemporaryDirectory() as folder:
        page = iw.pages.Html(Path(folder) / "training.html")
        monitor = iw.Monitor(model, plan, sinks=page)
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=steps,
            per_device_train_batch_size=4,
            gradient_accumulation_steps=accumulate,
            report_to=[],
            save_strategy="no",
            use_cpu=True,
            disable_tqdm=True,
            logging_strategy="no",
        )
        data = [{"input_ids": row, "labels": row} for row in words]
        callbacks = [transformers_callback(monitor)]
        Trainer(model=model, args=arguments, train_dataset=data, callbacks=callbacks).train()
        monitor.close()  # the page is written for the last time
        told = iw.report(monitor, path=None).verdict
    print(f"{told.value}: {told.sentence}")
    print(f"{monitor.steps} steps of the optimizer, {len(monitor.alerts)} alerts.")
    return monitor


if __name__ == "__main__":
    main()
