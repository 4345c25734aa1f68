"""Data of pretraining: tokens a second from compressed shards to packed rows, memory, and resuming.

    python -m benchmarks.pretraining_data [--megabytes 40] [--peers PYTHON]

Text of made-up words with a natural spread of frequencies, in gzip-compressed JSON lines, and a BPE
tokenizer learnt from it. Both sides run in a process of their own with one tokenizer thread, the same
tokenizer and the same rows. Ours reads the merged Arrow file; merging is measured apart. The peer is
`datasets` in streaming mode (`peer_pretraining_data.py`). Processor seconds say more than the clock on
a busy machine.
"""

import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from benchmarks.results import record
from stoa.compute.training.pretraining.data.loader import Loader
from stoa.compute.training.pretraining.data.prepare import prepare
from stoa.compute.training.pretraining.recipe import DataRecipe

ROOT: Final = Path(__file__).parents[1]
PEERS: Final = ROOT / ".venv/peers/bin/python"
LENGTH, ROWS, SHARDS = 1024, 16, 8


def write_shards(folder: Path, megabytes: int) -> list[Path]:
    """Compressed JSON lines; words follow Zipf's law."""
    drawn = random.Random(0)
    words = [
        "".join(drawn.choices("etaoinshrdlucmfwypvbgk", k=drawn.randint(2, 11)))
        for _ in range(30_000)
    ]
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(words))))
    paths = [folder / f"part-{number}.jsonl.gz" for number in range(SHARDS)]
    for path in paths:
        size = 0
        with gzip.open(path, "wt", compresslevel=3, encoding="utf-8") as file:
            while size < megabytes * 1_000_000 // SHARDS:
                count = int(drawn.lognormvariate(5.3, 0.9)) + 5
                text = " ".join(drawn.choices(words, cum_weights=weights, k=count))
                size += file.write(json.dumps({"text": text}) + "\n")
    return paths


def data_recipe(folder: Path, tokenizer: dict[str, Any]) -> DataRecipe:
    values = {
        "sources": [{"path": str(folder / "*.jsonl.gz")}],
        "tokenizer": tokenizer,
        "sequence": LENGTH,
        "validation_share": 0,
    }
    return DataRecipe.model_validate(values)


def ours(folder: Path, batches: int) -> dict[str, Any]:
    """Batches out of the merged file, and the time from a state to the next batch."""
    recipe = data_recipe(folder, {"kind": "file", "path": str(folder / "tokenizer.json")})
    prepared = prepare(recipe, folder / "merged")
    used, begun = time.process_time(), time.perf_counter()
    tokens, state = 0, {}
    with Loader(prepared, sequences=ROWS) as loader:
        for number in range(1, batches + 1):
            tokens += loader.next().tokens.size
            if number == batches * 9 // 10:
                state = loader.state()
        seconds, used = time.perf_counter() - begun, time.process_time() - used
    with Loader(prepared, sequences=ROWS) as loader:
        begun = time.perf_counter()
        loader.restore(state)
        loader.next()
        resumed = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "tokens": tokens,
        "seconds": seconds,
        "processor": used,
        "peak": peak,
        "resume": resumed,
    }


def apart(command: list[str]) -> dict[str, Any]:
    """Run a command with one tokenizer thread; the JSON object it prints last."""
    environment = {
        **os.environ,
        "RAYON_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": tempfile.gettempdir(),
    }
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def compare(folder: Path, megabytes: int, peers: str) -> None:
    paths = write_shards(folder, megabytes)
    begun, used = time.perf_counter(), time.process_time()
    prepared = prepare(data_recipe(folder, {"kind": "bpe", "vocabulary": 8192}), folder / "merged")
    learnt = time.perf_counter() - begun
    prepared.vocabulary.save(folder / "tokenizer.json")
    text = prepared.rows[0].corpus.facts.bytes
    for file in (folder / "merged").glob("source-0.*"):
        file.unlink()
    begun, used = time.perf_counter(), time.process_time()
    prepare(
        data_recipe(folder, {"kind": "file", "path": str(folder / "tokenizer.json")}),
        folder / "merged",
    )
    merged, used = time.perf_counter() - begun, time.process_time() - used
    batches = int(text / 5 / (LENGTH * ROWS))  # about nine tenths of the text
    here = apart(
        [
            sys.executable,
            "-m",
            "benchmarks.pretraining_data",
            "--ours",
            str(folder),
            "--batches",
            str(batches),
        ]
    )
    there = apart(
        [
            *(peers, str(ROOT / "benchmarks/peer_pretraining_data.py")),
            *(str(folder / "tokenizer.json"), str(LENGTH), str(ROWS), str(batches)),
            *map(str, paths),
        ]
    )
    note = f"{megabytes} MB in {SHARDS} gzip shards, rows of {LENGTH}, one tokenizer thread"
    rate = [side["tokens"] / side["processor"] for side in (here, there)]
    record(
        "pretraining data, merge",
        text / 1e6 / used,
        "MB/CPU-s",
        note=f"{note}; {merged:.1f} s, learning BPE {learnt:.0f} s",
    )
    record("pretraining data, online", rate[0], "tokens/CPU-s", "datasets streaming", rate[1], note)
    record(
        "pretraining data, online, clock",
        here["tokens"] / here["seconds"],
        "tokens/s",
        "datasets streaming",
        there["tokens"] / there["seconds"],
        note,
    )
    record(
        "pretraining data, peak memory",
        here["peak"],
        "MiB",
        "datasets streaming",
        there["peak"],
        note,
    )
    record(
        "pretraining data, resume at nine tenths",
        here["resume"] * 1000,
        "ms",
        "datasets streaming",
        there["resume"] * 1000,
        note,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=40)
    parser.add_argument("--peers", default=str(PEERS))
    parser.add_argument("--ours", type=Path)
    parser.add_argument("--batches", type=int, default=0)
    asked = parser.parse_args()
    if asked.ours:
        print(json.dumps(ours(asked.ours, asked.batches)))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), asked.megabytes, asked.peers)


if __name__ == "__main__":
    main()
