"""Memory and time that preparing takes for as many interactions as MovieLens-25M has.

    python -m benchmarks.preparation [--events 25000000]

The events are made up: 162,541 users and 62,423 items, some far more frequent than others, in no order
and with repeats. Preparing runs as a process, as in production; its peak is what the kernel saw.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet

from benchmarks.results import record

USERS, ITEMS = 162_541, 62_423
_BLOCK = 1_000_000
LIMIT_MIB = 4096.0


def write_events(path: Path, events: int) -> None:
    """Parquet with the columns of MovieLens, block by block."""
    random = np.random.default_rng(1)
    whole = arrow.schema(
        [("userId", arrow.int32()), ("movieId", arrow.int32()), ("timestamp", arrow.int64())]
    )
    with parquet.ParquetWriter(path, whole) as writer:
        for start in range(0, events, _BLOCK):
            size = min(_BLOCK, events - start)
            columns = {
                "userId": (random.random(size) ** 1.5 * USERS).astype(np.int32),
                "movieId": (random.random(size) ** 3 * ITEMS).astype(np.int32),
                "timestamp": random.integers(789_652_009, 1_574_327_703, size),
            }
            writer.write_table(arrow.table(columns, whole))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=25_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, run = Path(folder) / "events.parquet", Path(folder) / "run"
        write_events(source, given.events)
        run.mkdir()
        recipe = {"sources": [str(source)], "partition": "made-up"}
        (run / "recipe.json").write_text(json.dumps(recipe))
        module = "stoa.compute.training.recommenders.prepare"
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", module, "--folder", str(run)], check=True, env=os.environ
        )
        wall = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        counts = json.loads((run / "result.json").read_text())["metrics"]
    note = f"{counts['events']:,.0f} events, {counts['users']:,.0f} users; wall {wall:.0f} s"
    peak = used.ru_maxrss / 1024
    record("recommend preparing, peak memory", peak, "MiB", "limit", LIMIT_MIB, note)
    record("recommend preparing", used.ru_utime + used.ru_stime, "CPU s", note=note)


if __name__ == "__main__":
    main()
