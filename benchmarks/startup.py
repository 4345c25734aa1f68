"""How long a person waits: `stoa serve` from start to ready, and the console's first page.

    python -m benchmarks.startup

Limits from the design: ready within 5 s, first page within 1.5 s. The named peer is an empty NiceGUI
page in the same FastAPI arrangement, started the same way in the same run.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.results import record

ROUNDS = 5
EMPTY_PAGE = """
import sys
import uvicorn
from fastapi import FastAPI
from nicegui import ui

app = FastAPI()

@ui.page("/")
def page():
    ui.label("empty")

ui.run_with(app)
uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""


def measure(command: list[str], environment: dict[str, str], port: int) -> tuple[float, float]:
    """Seconds until the first page was answered, and seconds of that first answer alone."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True) as client:
            while True:
                asked = time.perf_counter()
                try:
                    answer = client.get("/", timeout=30)
                except httpx.TransportError:
                    if process.poll() is not None:
                        raise SystemExit(f"{command} ended with {process.returncode}") from None
                    time.sleep(0.02)
                    continue
                answer.raise_for_status()
                ended = time.perf_counter()
                return ended - begun, ended - asked
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    """Print and record the medians."""
    stoa, page, empty = [], [], []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as home:
            port = 18200 + number
            environment = {**os.environ, "STOA_HOME": home}
            binary = str(Path(sys.executable).parent / "stoa")
            serve = [binary, "serve", "--sample", "--port", str(port)]
            if number == 0:  # once, so that the encoder's graph is not built inside the figures
                measure(serve, environment, port)
            ready, first = measure(serve, environment, port)
            stoa.append(ready)
            page.append(first)
            bare = [sys.executable, "-c", EMPTY_PAGE, str(port + 50)]
            empty.append(measure(bare, dict(os.environ), port + 50)[0])
    peer = "an empty NiceGUI page"
    record("cold start to first page", statistics.median(stoa), "s", peer, statistics.median(empty))
    record("console first page", statistics.median(page), "s", "limit", 1.5)


if __name__ == "__main__":
    main()
