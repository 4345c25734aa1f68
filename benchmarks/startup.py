"""How long a person waits: `stoa serve` from start to ready, and the console's first page.

    python -m benchmarks.startup

Limits from the design: ready within 5 s, first page within 1.5 s. Ready is when `/health` answers, which it
does once the process can work. The named peer is an empty NiceGUI page in the same FastAPI arrangement,
started the same way in the same run.
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

@app.get("/health")
def health():
    return "ok"

@ui.page("/")
def page():
    ui.label("empty")

ui.run_with(app)
uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""


def measure(command: list[str], environment: dict[str, str], port: int) -> tuple[float, float]:
    """Seconds until it was ready, and seconds of the first page after that."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True) as client:
            while True:
                try:
                    client.get("/health", timeout=30).raise_for_status()
                    break
                except httpx.TransportError:
                    if process.poll() is not None:
                        raise SystemExit(f"{command} ended with {process.returncode}") from None
                    time.sleep(0.02)
            ready = time.perf_counter()
            client.get("/", timeout=30).raise_for_status()
            return ready - begun, time.perf_counter() - ready
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    """Print and record the medians."""
    # As whoever has started Stoa before: Python keeps what it has compiled unless it is told not to.
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    readies, pages, empty = [], [], []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as home:
            port = 18200 + number
            environment = {**given, "STOA_HOME": home}
            binary = str(Path(sys.executable).parent / "stoa")
            serve = [binary, "serve", "--sample", "--port", str(port)]
            if number == 0:  # once, so that the encoder's graph is not built inside the figures
                measure(serve, environment, port)
            ready, page = measure(serve, environment, port)
            readies.append(ready)
            pages.append(page)
            bare = [sys.executable, "-c", EMPTY_PAGE, str(port + 50)]
            empty.append(sum(measure(bare, given, port + 50)))
    ready, page = statistics.median(readies), statistics.median(pages)
    record("cold start, ready", ready, "s", "limit", 5.0)
    record("console first page", page, "s", "limit", 1.5)
    both = statistics.median(map(sum, zip(readies, pages, strict=True)))
    record("cold start to first page", both, "s", "an empty NiceGUI page", statistics.median(empty))


if __name__ == "__main__":
    main()
