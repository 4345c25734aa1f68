"""How much of a GPU does training use? Steps of a 1B and a 7B Llama in bfloat16, beside two peers.

    python -m benchmarks.pretraining_gpu                       # on a machine with a GPU
    python -m benchmarks.pretraining_gpu --sizes tiny --steps 3   # anywhere, to see that it works

Beside: the rate of a large matrix product, measured in the same run, and Hugging Face Trainer on the same
sizes (bf16, fused AdamW, its own gradient checkpointing), where accelerate is installed. Printed: tokens a
second, model FLOP utilisation by both conventions, against the data sheet and against the measured product,
and peak memory. Rows go to RESULTS.md only from a GPU; a size that does not fit says so and is left out.
"""

import argparse
import gc
import importlib.util
import statistics
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.results import record
from stoa.compute.training.pretraining.engine import Engine
from stoa.compute.training.pretraining.flops import Cost, cost
from stoa.compute.training.pretraining.interfaces import Batch
from stoa.compute.training.pretraining.layout import resolve
from stoa.compute.training.pretraining.peak import measured_tflops, peak_tflops
from stoa.compute.training.pretraining.recipe import Recipe, from_dict
from stoa.compute.training.pretraining.sharding import World

VOCABULARY = 32_000
SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"layers": 2, "hidden": 64, "heads": 4, "intermediate": 176},
    "1b": {"layers": 22, "hidden": 2048, "heads": 32, "kv_heads": 4, "intermediate": 5632},
    "7b": {"layers": 32, "hidden": 4096, "heads": 32, "intermediate": 11008},
}


@dataclass(frozen=True)
class Measured:
    """What a loop reached."""

    tokens_per_second: float
    peak_memory: float  # GiB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=["1b", "7b"])
    parser.add_argument("--sequence", type=int, default=4096)
    parser.add_argument("--sequences", type=int, default=4, help="in one micro-batch")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--recompute", default="selective", choices=["none", "selective", "full"])
    parser.add_argument("--precision", default="bf16_stochastic")
    parser.add_argument("--no-compile", action="store_true")
    given = parser.parse_args()
    gpu = torch.cuda.is_available()
    device = torch.device("cuda", 0) if gpu else torch.device("cpu")
    product = measured_tflops(device, torch.bfloat16, seconds=1.0 if gpu else 0.2)
    print(f"a matrix product in bfloat16: {product:.4g} TFLOP/s")
    for size in given.sizes:
        sequence = given.sequence if gpu else min(given.sequence, 64)
        recipe = recipe_of(SIZES[size], sequence, given, compiled=gpu and not given.no_compile)
        try:
            tell(size, recipe, device, product, given.steps)
        except torch.cuda.OutOfMemoryError as error:
            print(f"{size} does not fit this device: {str(error).splitlines()[0]}")
        free()


def tell(size: str, recipe: Recipe, device: torch.device, product: float, steps: int) -> None:
    """Measure ours and the peer, and record them."""
    ours = our_steps(recipe, device, steps)
    free()
    theirs = None
    if importlib.util.find_spec("accelerate") is not None:
        theirs = trainer_steps(recipe, device, steps)
    sheet, words = peak_tflops(device, torch.bfloat16, None)
    spent = cost(recipe.model, VOCABULARY, recipe.data.sequence)
    for name, figure in (("ours", ours), ("Hugging Face Trainer", theirs)):
        if figure is not None:
            print(f"{size}, {name}: {said(figure, spent, sheet, product, words)}")
    if device.type != "cuda":
        return
    note = (
        f"{torch.cuda.get_device_name(device)}, {recipe.precision.kind}, {recipe.batch.sequences} × "
        f"{recipe.data.sequence} tokens, recompute {recipe.efficiency.recompute}, compile "
        f"{recipe.efficiency.compile}; {said(ours, spent, sheet, product, words)}"
    )
    rate = None if theirs is None else theirs.tokens_per_second
    record(f"pretraining {size}", ours.tokens_per_second, "tokens/s", "HF Trainer", rate, note)
    reached = ours.tokens_per_second * spent.model / 1e12
    record(f"pretraining {size}, 6N", reached, "TFLOP/s", "matrix product", product)


def said(figure: Measured, spent: Cost, sheet: float, product: float, words: str) -> str:
    """Figures in one line."""
    rate = figure.tokens_per_second / 1e12
    shares = [
        f"{rate * flops / peak:.1%} {name} of {whole}"
        for peak, whole in ((sheet, words), (product, "the measured product"))
        for flops, name in ((spent.model, "6N"), (spent.with_attention, "with attention"))
    ]
    memory = f"{figure.peak_memory:.1f} GiB"
    return f"{figure.tokens_per_second:,.0f} tokens/s, MFU {', '.join(shares)}, at most {memory}"


def our_steps(recipe: Recipe, device: torch.device, steps: int) -> Measured:
    """The engine, fed random tokens."""
    layout = resolve(recipe, 1, VOCABULARY)
    engine = Engine(recipe, layout, World(0, 1, 0, device), VOCABULARY)
    drawn = np.random.default_rng(0)
    shape = (recipe.batch.sequences, recipe.data.sequence + 1)
    seconds = []
    for _ in range(steps):
        rows = drawn.integers(0, VOCABULARY, shape)
        begun = time.perf_counter()
        engine.step(Batch(rows[:, :-1].copy(), rows[:, 1:].copy()))
        wait(device)
        seconds.append(time.perf_counter() - begun)
    return measured(recipe, seconds, device)


def trainer_steps(recipe: Recipe, device: torch.device, steps: int) -> Measured:
    """Hugging Face Trainer on LlamaForCausalLM of the same sizes."""
    from transformers import (  # noqa: PLC0415  needs accelerate
        LlamaConfig,
        LlamaForCausalLM,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from stoa.compute.training.pretraining.build import config_of  # noqa: PLC0415

    marks: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            wait(device)
            marks.append(time.perf_counter())

    known = config_of(recipe, VOCABULARY).to_dict()
    with torch.device(device):
        model = LlamaForCausalLM(LlamaConfig(**known))
    model.to(torch.bfloat16)
    drawn = np.random.default_rng(0)
    shape = (recipe.batch.sequences * (steps + 1), recipe.data.sequence)
    rows = torch.from_numpy(drawn.integers(0, VOCABULARY, shape))
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=recipe.batch.sequences,
            max_steps=steps + 1,
            bf16=True,
            optim="adamw_torch_fused",
            activation_checkpointing=recipe.efficiency.recompute != "none",
            torch_compile=recipe.efficiency.compile,
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            use_cpu=device.type == "cpu",
            disable_tqdm=True,
        )
        data = [{"input_ids": row, "labels": row} for row in rows]
        Trainer(model, settings, train_dataset=data, callbacks=[Clock()]).train()
    return measured(recipe, list(np.diff(marks)), device)


def measured(recipe: Recipe, seconds: list[float], device: torch.device) -> Measured:
    """The median step once warm, and the peak of memory since the last look."""
    step = statistics.median(seconds[len(seconds) // 3 :])
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else 0.0
    return Measured(recipe.tokens_per_step / step, peak)


def recipe_of(
    model: dict[str, Any], sequence: int, given: argparse.Namespace, *, compiled: bool
) -> Recipe:
    """The recipe that is measured."""
    return from_dict(
        {
            "model": model,
            "data": {"sources": [{"path": "random"}], "sequence": sequence},
            "batch": {"sequences": given.sequences},
            "precision": {"kind": given.precision},
            "deterministic": False,
            "efficiency": {
                "recompute": given.recompute,
                "compile": compiled,
                "loss_chunks": 8,
            },
        }
    )


def wait(device: torch.device) -> None:
    """Until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def free() -> None:
    """Let memory of what was measured go."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


if __name__ == "__main__":
    main()
