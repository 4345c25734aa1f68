"""Measures a node before it is used: device, memory, matrix products, and its links to the others.

    python -m stoa.compute.training.pretraining.health --name a --address 10.0.0.1 --port 4000
        --peers '[["a", "10.0.0.1"], ["b", "10.0.0.2"]]' --timeout 60

prints one line of JSON, a `Report`. Every node runs it at the same time. First each node is reached over
plain TCP, which tells whose fault it is when one is cut off; then all of them add up tensors over gloo.
"""

import argparse
import json
import os
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import torch
import torch.distributed as dist
from pydantic import BaseModel

from stoa.compute.training.pretraining.agent import bind_to, die_with_parent
from stoa.compute.training.pretraining.recipe import HealthRecipe

GIB: Final = 2**30
_ROUNDS: Final = 3


class Report(BaseModel):
    """What was measured on a node. Rates of the slowest of its devices."""

    name: str
    devices: int = 0
    memory_gib: float = 0.0  # free, of the device with the least
    bandwidth_gib: float = 0.0  # per second, read and written
    matrix_tflops: float = 0.0
    correct: bool = False  # whether a product came out as it must
    link_gib: float | None = None  # per second, all-reduce over all nodes; None: not all came to it
    unreachable: list[str] = []
    error: str = ""


def faults(report: Report, least: HealthRecipe) -> list[str]:
    """Why a node is not to be used; empty: it is well."""
    if report.error:
        return [report.error]
    found = [] if report.correct else ["a matrix product came out wrong"]
    for value, bound, what in (
        (report.memory_gib, least.memory_gib, "GiB of free memory"),
        (report.bandwidth_gib, least.bandwidth_gib, "GiB/s of memory bandwidth"),
        (report.matrix_tflops, least.matrix_tflops, "TFLOP/s of matrix products"),
        (report.link_gib, least.link_gib, "GiB/s between nodes"),
    ):
        if value is not None and value < bound:
            found.append(f"{value:.3g} {what}, {bound:g} asked")
    return found


def cut_off(reports: Sequence[Report]) -> set[str]:
    """Nodes to leave out so that all others reach each other: always the one with most broken links."""
    names = {report.name for report in reports}
    broken = {
        frozenset((report.name, other))
        for report in reports
        for other in report.unreachable
        if other in names and other != report.name
    }
    out: set[str] = set()
    while broken:
        counts = {name: sum(name in link for link in broken) for name in sorted(names - out)}
        worst = max(reversed(list(counts)), key=lambda name: counts[name])
        out.add(worst)
        broken = {link for link in broken if worst not in link}
    return out


def measure_devices(report: Report) -> None:
    """Fill in what one node can tell alone."""
    if torch.cuda.is_available():
        devices = [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
        report.memory_gib = min(torch.cuda.mem_get_info(device)[0] for device in devices) / GIB
        size, side, kind = GIB, 8192, torch.bfloat16
    else:
        devices = [torch.device("cpu")]
        pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        report.memory_gib = pages / GIB
        size, side, kind = GIB // 8, 768, torch.float32
    report.devices = len(devices)
    report.bandwidth_gib = min(_bandwidth(device, size) for device in devices)
    report.matrix_tflops = min(_matrix_rate(device, side, kind) for device in devices)
    report.correct = all(_is_correct(device) for device in devices)


def _bandwidth(device: torch.device, size: int) -> float:
    source = torch.zeros(size // 4, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    seconds = _fastest(lambda: target.copy_(source), device)
    return 2 * size / seconds / GIB


def _matrix_rate(device: torch.device, side: int, kind: torch.dtype) -> float:
    left = torch.randn(side, side, device=device).to(kind)
    out = torch.empty_like(left)
    seconds = _fastest(lambda: torch.mm(left, left, out=out), device)
    return float(2 * side**3 / seconds / 1e12)


def _is_correct(device: torch.device) -> bool:
    """Small whole numbers multiply exactly in float32: any other result is a broken unit."""
    generator = torch.Generator().manual_seed(0)
    left = torch.randint(-8, 9, (256, 256), generator=generator)
    expected = left @ left
    found = left.float().to(device) @ left.float().to(device)
    return bool(torch.equal(found.cpu().long(), expected))


def _fastest(work: object, device: torch.device) -> float:
    assert callable(work)
    times = []
    for _ in range(_ROUNDS + 1):  # the first one warms up
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        begun = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - begun)
    return min(times[1:])


def reach(address: str, port: int, peers: Sequence[tuple[str, str]], timeout: float) -> list[str]:
    """Names of the peers that can't be reached within `timeout` seconds, while they try the same."""
    with socket.create_server((address, port), backlog=len(peers) + 8) as server:
        over = threading.Event()
        answering = threading.Thread(target=_answer, args=(server, over), daemon=True)
        answering.start()
        missing: list[str] = []
        threads = [
            threading.Thread(target=_try, args=(name, other, port, timeout, missing), daemon=True)
            for name, other in peers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        over.set()
        answering.join()
    return sorted(missing)


def _answer(server: socket.socket, over: threading.Event) -> None:
    """Take calls until all peers are tried, and a moment longer for those that are slower."""
    server.settimeout(0.2)
    until: float | None = None
    while until is None or time.monotonic() < until:
        if over.is_set() and until is None:
            until = time.monotonic() + 1.0
        with suppress(OSError):
            server.accept()[0].close()


def _try(name: str, address: str, port: int, timeout: float, missing: list[str]) -> None:
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        try:
            socket.create_connection((address, port), timeout=max(0.1, timeout / 4)).close()
        except OSError:
            time.sleep(0.1)
            continue
        return
    missing.append(name)


def link_rate(rank: int, world: int, master: tuple[str, int], timeout: float) -> float:
    """GiB/s that every node moves while all add up 16 MiB over gloo (the ring's 2 (n-1)/n of it)."""
    dist.init_process_group(
        "gloo",
        init_method=f"tcp://{master[0]}:{master[1]}",
        rank=rank,
        world_size=world,
        timeout=timedelta(seconds=timeout),
    )
    data = torch.ones(4 << 20)
    times = []
    for _ in range(_ROUNDS):
        dist.barrier()
        begun = time.perf_counter()
        dist.all_reduce(data)
        times.append(time.perf_counter() - begun)
    dist.destroy_process_group()
    return 2 * (world - 1) / world * data.nbytes / min(times) / GIB


def main() -> None:
    """Measure this node, and print the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--peers", type=json.loads, required=True)
    parser.add_argument("--timeout", type=float, required=True)
    asked = parser.parse_args()
    die_with_parent()
    bind_to(asked.address)
    report = Report(name=asked.name)
    peers: list[tuple[str, str]] = [(name, address) for name, address in asked.peers]
    try:
        if len(peers) > 1:
            others = [peer for peer in peers if peer[0] != asked.name]
            report.unreachable = reach(asked.address, asked.port, others, asked.timeout / 3)
        measure_devices(report)
        if len(peers) > 1 and not report.unreachable:
            rank = [name for name, _ in peers].index(asked.name)
            master = (peers[0][1], asked.port + 1)
            # A peer that sees a gap does not come to this: whose fault that is, `cut_off` tells.
            with suppress(RuntimeError):
                report.link_gib = link_rate(rank, len(peers), master, asked.timeout / 3)
    except (OSError, RuntimeError) as error:
        report.error = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    print(report.model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
