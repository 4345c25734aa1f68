"""The same Llama trained by three loops, one a process; prints when each step began. Not run by hand:

    python benchmarks/peer_pretraining.py ours TEXT STEPS
    python benchmarks/peer_pretraining.py trainer TOKENS STEPS
    python benchmarks/peer_pretraining.py shim FOLDER     # a model.py for nanoGPT's own train.py

TOKENS is a file of uint16. `trainer` is Hugging Face's, with its defaults but for the batch and what is
logged; it needs accelerate. `shim` writes a model.py that puts LlamaForCausalLM where nanoGPT has its GPT.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

SIZES: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 352,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 64,
    "tie_word_embeddings": False,
    "use_cache": False,
}
SEQUENCES, LENGTH, VOCABULARY = 12, 64, 65

SHIM = '''"""LlamaForCausalLM where nanoGPT's train.py expects its GPT."""
import json, time, torch
from dataclasses import dataclass
from transformers import LlamaConfig, LlamaForCausalLM

STAMPS = []

@dataclass
class GPTConfig:
    block_size: int = 64
    vocab_size: int = 65
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    dropout: float = 0.0
    bias: bool = False

class GPT(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.llama = LlamaForCausalLM(LlamaConfig(vocab_size=config.vocab_size, **SIZES))

    def forward(self, x, y=None):
        if self.training:
            STAMPS.append((time.perf_counter(), time.process_time()))
            open("stamps.json", "w").write(json.dumps(STAMPS)) if len(STAMPS) % 20 == 0 else None
        out = self.llama(input_ids=x)
        loss = torch.nn.functional.cross_entropy(out.logits.view(-1, out.logits.size(-1)), y.view(-1))
        return out.logits, loss

    def configure_optimizers(self, weight_decay, learning_rate, betas, device_type):
        return torch.optim.AdamW(self.parameters(), lr=learning_rate, betas=betas, weight_decay=weight_decay)

    def estimate_mfu(self, *_):
        return 0.0
'''


def main() -> None:
    if sys.argv[1] == "shim":
        text = SHIM.replace("**SIZES", f"**{SIZES!r}")
        (Path(sys.argv[2]) / "model.py").write_text(text, encoding="utf-8")
        return
    given, steps = Path(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(ours(given, steps) if sys.argv[1] == "ours" else trainer(given, steps)))


def ours(text: Path, steps: int) -> list[tuple[float, float]]:
    """Our run as it is: its loader, its figures, its signs of life."""
    from stoa.compute.training.pretraining.loop import Run  # noqa: PLC0415  not in the peers' place
    from stoa.compute.training.pretraining.presence import Presence  # noqa: PLC0415
    from stoa.compute.training.pretraining.recipe import load  # noqa: PLC0415
    from stoa.compute.training.pretraining.sharding import World  # noqa: PLC0415
    from stoa.core.jobs.folder import RunFolder  # noqa: PLC0415

    recipe = load("tinyshakespeare").with_changes(
        {
            "data.sources": [{"path": str(text)}],
            "schedule.steps": steps,
            "schedule.warmup": 10,
            "evaluation.every": 0,
            "evaluation.final_batches": 1,
            "checkpoints.every": 0,
            "checkpoints.export": False,
        }
    )
    stamps: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder, world = Path(name), World(0, 1, 0, torch.device("cpu"))
        with (
            Presence(folder, rank=0) as presence,
            Run(RunFolder(folder), recipe, world, presence) as run,
        ):
            step = run.engine.step

            def stamped(*given: Any, **named: Any) -> Any:
                stamps.append((time.perf_counter(), time.process_time()))
                return step(*given, **named)

            run.engine.step = stamped  # type: ignore[method-assign]
            run.train()
    return stamps


def trainer(file: Path, steps: int) -> list[tuple[float, float]]:
    """Hugging Face Trainer on LlamaForCausalLM."""
    from transformers import (  # noqa: PLC0415
        LlamaConfig,
        LlamaForCausalLM,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    tokens = np.fromfile(file, dtype=np.uint16)
    drawn = np.random.default_rng(0)
    places = drawn.integers(0, len(tokens) - LENGTH, SEQUENCES * steps)
    rows = [torch.from_numpy(tokens[p : p + LENGTH].astype(np.int64)) for p in places]
    stamps: list[tuple[float, float]] = []

    class Stamps(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            stamps.append((time.perf_counter(), time.process_time()))

    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=SEQUENCES,
            max_steps=steps,
            learning_rate=1e-3,
            weight_decay=0.1,
            max_grad_norm=1.0,
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        )
        model = LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, **SIZES))
        data = [{"input_ids": row, "labels": row} for row in rows]
        Trainer(model, settings, train_dataset=data, callbacks=[Stamps()]).train()
    return stamps


if __name__ == "__main__":
    main()
