"""Does a small Llama learn sooner here, and is its loop as fast as others'?

    python -m benchmarks.pretraining --text tinyshakespeare.txt --nanogpt CHECKOUT [--part learning|speed]

CHECKOUT is a copy of github.com/karpathy/nanoGPT; nothing of it is part of this project.

learning: nanoGPT's CPU setting of its README (2,000 iterations) beside our shipped recipe `tinyshakespeare`,
same sizes, same text, same split. CPU seconds are those of whole processes, start and validation included;
both validation losses are of the whole validation text.

speed: the same LlamaForCausalLM sizes in three loops, turn by turn: ours, Hugging Face Trainer, and nanoGPT's
train.py with the model replaced. The median step counts, in CPU time and by the clock; one thread each.
"""

import argparse
import json
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import record
from stoa.compute.training.pretraining.recipe import load

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv/peers/bin/python"
PEER = Path(__file__).with_name("peer_pretraining.py")
TARGET = 1.88  # nats a character: what nanoGPT's README gives for its CPU setting
CPU_SETTING = [
    "config/train_shakespeare_char.py",
    "--device=cpu",
    "--compile=False",
    "--eval_iters=20",
    "--log_interval=1",
    "--block_size=64",
    "--batch_size=12",
    "--n_layer=4",
    "--n_head=4",
    "--n_embd=128",
    "--dropout=0.0",
]
SCORE = """
import json, numpy as np, torch
from model import GPT, GPTConfig
kept = torch.load("out-shakespeare-char/ckpt.pt", weights_only=False)
model = GPT(GPTConfig(**kept["model_args"])); model.load_state_dict(kept["model"]); model.eval()
data = np.fromfile("data/shakespeare_char/val.bin", dtype=np.uint16).astype(np.int64)
rows = np.stack([data[i:i + 65] for i in range(0, len(data) - 65, 64)])
losses = []
with torch.no_grad():
    for part in torch.from_numpy(rows).split(64):
        losses.append(model(part[:, :-1], part[:, 1:].contiguous())[1].item() * len(part))
print(json.dumps(sum(losses) / len(rows)))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--nanogpt", type=Path, required=True)
    parser.add_argument("--peers", type=Path, default=PEERS)
    parser.add_argument("--part", choices=["learning", "speed"])
    parser.add_argument("--iterations", type=int, default=2000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        checkout = place / "nanogpt"
        shutil.copytree(given.nanogpt, checkout, ignore=shutil.ignore_patterns(".git"))
        tokens = write_tokens(given.text, checkout / "data/shakespeare_char")
        if given.part != "learning":
            speed(place, checkout, given.text, tokens, given.peers)
        if given.part != "speed":
            learning(place, checkout, given.text, given.iterations)


def learning(place: Path, checkout: Path, text: Path, iterations: int) -> None:
    """Both to the end, side by side with one thread each, so that both meet the same machine."""
    ours = place / "ours"
    ours.mkdir()
    recipe = load("tinyshakespeare").with_changes(
        {
            "data.sources": [{"path": str(text.resolve())}],
            "schedule.steps": iterations,
            "efficiency.threads": 1,
        }
    )
    (ours / "recipe.json").write_text(recipe.model_dump_json(), encoding="utf-8")
    train = ["-m", "stoa.compute.training.pretraining.train", "--folder", str(ours)]
    steps = [f"--max_iters={iterations}", f"--lr_decay_iters={iterations}"]
    script = [sys.executable, "train.py", *CPU_SETTING, *steps, "--always_save_checkpoint=True"]
    with ThreadPoolExecutor(2) as both:
        mine = both.submit(cpu_of, [sys.executable, *train], ROOT)
        its = both.submit(cpu_of, script, checkout)
    our_cpu, their_cpu, printed = mine.result()[0], *its.result()
    their_loss = json.loads(cpu_of([sys.executable, "-c", SCORE], checkout)[1].splitlines()[-1])
    result = json.loads((ours / "result.json").read_text())["metrics"]
    note = f"{iterations} iterations, whole validation text"
    name = "nanoGPT's script"
    record("pretraining, validation loss", result["validation_loss"], "", name, their_loss, note)
    record("pretraining, whole run", our_cpu, "CPU s", name, their_cpu, note)
    to_target = cpu_to_target(ours / "metrics.jsonl")
    said = [line.split("val loss ")[1] for line in printed.splitlines() if "val loss" in line]
    if to_target is None:
        print(f"{TARGET} was not reached; nanoGPT's estimates: {said}")
        return
    step, seconds = to_target
    note = f"ours at step {step}; nanoGPT's own estimate at its end is {said[-1]}"
    record(f"pretraining, to a loss of {TARGET}", seconds, "CPU s", name, their_cpu, note)


def cpu_to_target(metrics: Path) -> tuple[int, float] | None:
    """Step and CPU seconds of the first validation at the target or below."""
    for line in map(json.loads, metrics.read_text().splitlines()):
        if line["values"].get("validation_loss", TARGET + 1) <= TARGET:
            return line["step"], line["values"]["cpu_seconds"]
    return None


def speed(
    place: Path, checkout: Path, text: Path, tokens: Path, peers: Path, *, rounds: int = 2
) -> None:
    """Steps of the three loops, turn by turn."""
    steps, warm = 80, 10
    llama = place / "llama"
    shutil.copytree(checkout, llama)
    subprocess.run([sys.executable, str(PEER), "shim", str(llama)], check=True)
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        ours = cpu_of([sys.executable, str(PEER), "ours", str(text), str(steps)], ROOT)[1]
        found.setdefault("ours", []).append(median_step(json.loads(ours.splitlines()[-1]), warm))
        limits = [f"--max_iters={steps}", "--eval_interval=1000000", "--eval_iters=1"]
        cpu_of([sys.executable, "train.py", *CPU_SETTING, *limits], llama)
        stamps = json.loads((llama / "stamps.json").read_text())
        found.setdefault("nanoGPT's loop", []).append(median_step(stamps, warm))
        if peers.exists():
            told = cpu_of([str(peers), str(PEER), "trainer", str(tokens), str(steps)], ROOT)[1]
            stamps = json.loads(told.splitlines()[-1])
            found.setdefault("Hugging Face Trainer", []).append(median_step(stamps, warm))
    best = {
        name: (min(w for w, _ in all_), min(c for _, c in all_)) for name, all_ in found.items()
    }
    mine = best.pop("ours")
    for name, (wall, cpu) in best.items():
        note = "same Llama, 4 layers of 128, 12 × 64 tokens, 1 thread; best of 2 medians"
        record(
            "pretraining, tokens per CPU second", 768 / mine[1], "tokens/s", name, 768 / cpu, note
        )
        record(
            "pretraining, tokens by the clock", 768 / mine[0], "tokens/s", name, 768 / wall, note
        )


def median_step(stamps: list[tuple[float, float]], warm: int) -> tuple[float, float]:
    """Seconds by the clock and of the CPU between beginnings of steps."""
    wall, cpu = np.diff(np.array(stamps[warm:]), axis=0).T
    return float(statistics.median(wall)), float(statistics.median(cpu))


def write_tokens(text: Path, folder: Path) -> Path:
    """Both parts as nanoGPT's prepare.py writes them. Returns the file to train on."""
    data = text.read_text(encoding="utf-8")
    letters = sorted(set(data))
    number = {letter: n for n, letter in enumerate(letters)}
    ids = np.array([number[letter] for letter in data], dtype=np.uint16)
    cut = int(len(ids) * 0.9)
    ids[:cut].tofile(folder / "train.bin")
    ids[cut:].tofile(folder / "val.bin")
    meta: dict[str, Any] = {"vocab_size": len(letters), "stoi": number}
    (folder / "meta.pkl").write_bytes(pickle.dumps({**meta, "itos": dict(enumerate(letters))}))
    return folder / "train.bin"


def cpu_of(command: list[str], folder: Path) -> tuple[float, str]:
    """CPU seconds of a process from start to end, and what it printed."""
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")},
            stdout=printed,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        printed.seek(0)
        return used.ru_utime + used.ru_stime, printed.read()


if __name__ == "__main__":
    main()
