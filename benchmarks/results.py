"""Appends figures to RESULTS.md, one row each, so that the file is the history of what was measured.

A figure stands beside its peer's from the same run on the same machine; alone it says little: the same
machine can be half as fast on another day, for who else runs on its host. So the machine's own pace at
the time stands in every row, as the millions of additions a second of a plain Python loop.
"""

import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
_HEAD = """# Measured

Rows are appended by `make bench`. The ratio is figure / peer: above 1 is better where more is better,
below 1 where less is (seconds, milliseconds, bytes).

| date | commit | machine | benchmark | figure | peer | ratio | note |
|---|---|---|---|---:|---:|---:|---|
"""


def record(
    benchmark: str,
    figure: float,
    unit: str,
    peer: str = "",
    peer_figure: float | None = None,
    note: str = "",
) -> None:
    """Append one row, and print it.

    Args:
        benchmark: what was measured, in a few words that stay the same from run to run.
        figure: ours, in `unit` (empty for a share).
        peer: who was measured beside it, in the same run.
        peer_figure: its figure, in the same unit.
    """
    other = f"{peer} {_number(peer_figure)} {unit}".strip() if peer_figure is not None else "—"
    ratio = _number(figure / peer_figure) if peer_figure else "—"
    cells = [
        datetime.now(UTC).strftime("%Y-%m-%d"),
        _commit(),
        _machine(),
        benchmark,
        f"{_number(figure)} {unit}".strip(),
        other,
        ratio,
        note,
    ]
    row = "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"
    if not RESULTS.exists():
        RESULTS.write_text(_HEAD, encoding="utf-8")
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(row + "\n")
    print(f"{benchmark:50} {cells[4]:>16}   {other}   {ratio}   {note}")


def _number(value: float) -> str:
    """Three figures that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _commit() -> str:
    asked = ["git", "-C", str(RESULTS.parent), "rev-parse", "--short", "HEAD"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "none"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} CPU, {memory:.0f} GiB, "
        f"pace {_pace():.0f}"
    )


def _pace() -> float:
    """Millions of additions a second, in the best of five tries."""
    tries = []
    for _ in range(5):
        begun = time.perf_counter()
        total = 0
        for number in range(200_000):
            total += number
        tries.append(time.perf_counter() - begun)
    return 0.2 / min(tries)
