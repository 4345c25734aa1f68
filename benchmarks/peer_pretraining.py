"""The same Llama trained by three loops, one a process; prints when each step began. Not run by hand:

    python benchmarks/peer_pretraining.py ours|trainer TOKENS STEPS
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
    tokens = np.fromfile(sys.argv[2], dtype=np.uint16)
    stamps = {"ours": ours, "trainer": trainer}[sys.argv[1]](tokens, int(sys.argv[3]))
    print(json.dumps(stamps))


def ours(tokens: np.ndarray[Any, Any], steps: int) -> list[tuple[float, float]]:
    """Our engine, fed as its loop feeds it."""
    from stoa.compute.training.pretraining.engine import Engine  # noqa: PLC0415  not in the peers' place
    from stoa.compute.training.pretraining.interfaces import Batch  # noqa: PLC0415
    from stoa.compute.training.pretraining.layout import resolve  # noqa: PLC0415
    from stoa.compute.training.pretraining.recipe import load  # noqa: PLC0415
    from stoa.compute.training.pretraining.sharding import World  # noqa: PLC0415

    recipe = load("tinyshakespeare")
    world = World(0, 1, 0, torch.device("cpu"))
    engine = Engine(recipe, resolve(recipe, 1), world, VOCABULARY)
    drawn = np.random.default_rng(0)
    stamps = []
    for _ in range(steps):
        stamps.append((time.perf_counter(), time.process_time()))
        places = drawn.integers(0, len(tokens) - LENGTH - 1, SEQUENCES)
        rows = np.stack([tokens[place : place + LENGTH + 1] for place in places]).astype(np.int64)
        engine.step(Batch(rows[:, :-1].copy(), rows[:, 1:].copy()))
    return stamps


def trainer(tokens: np.ndarray[Any, Any], steps: int) -> list[tuple[float, float]]:
    """Hugging Face Trainer on LlamaForCausalLM."""
    from transformers import (  # noqa: PLC0415
        LlamaConfig,
        LlamaForCausalLM,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

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
