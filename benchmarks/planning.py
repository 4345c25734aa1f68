"""Errors of predicted memory and iteration times against published tables, beside Calculon's.

    python -m benchmarks.planning --peer PYTHON --calculon FOLDER

The shares of the A100 in `core/planning/hardware.py` are fitted again here, on the ten layer times of table
4 alone, to show where they come from; the eight iteration times of table 5 are never fitted on. With
`--calculon`, a checkout of github.com/calculon-ai/calculon (the better of the public simulators, Apache-2.0),
its own validation of the same tables runs in the same call, under `--peer` (a Python with pandas, psutil).
"""

import argparse
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares
from tests.core.planning.published import LAYER_MILLISECONDS, PUBLISHED

from benchmarks.results import record
from stoa.core.planning.hardware import A100, GIB, Cluster, cluster_of
from stoa.core.planning.layer_time import layer_time
from stoa.core.planning.layout import Layout
from stoa.core.planning.memory import activations
from stoa.core.planning.search import search
from stoa.core.planning.shapes import SHAPES
from stoa.core.planning.step_time import step_time

_TYPICAL = (0.80, 0.83, 0.77)
"""Shares of matrix rate, memory and link that single kernels reach; the fit is pulled there weakly."""
_PULL = 0.1


def with_shares(cluster: Cluster, shares: tuple[float, float, float]) -> Cluster:
    """The same cluster reaching other shares of its peaks."""
    device = replace(cluster.device, matrix_share=shares[0], memory_share=shares[1])
    return replace(cluster, device=device, link_share=shares[2])


def layer_errors(shares: tuple[float, float, float]) -> list[float]:
    """Relative errors of the ten layer times."""
    cluster = with_shares(cluster_of("a100", 1), shares)
    errors = []
    for recompute, sequence, forward, backward in LAYER_MILLISECONDS:
        layout = Layout(tensor=8, micro_batch=4, recompute=recompute, sequence_parallel=sequence)
        time = layer_time(SHAPES["megatron-22b"], layout, cluster)
        errors.append(time.forward.total * 1e3 / forward - 1)
        errors.append((time.backward + time.again).total * 1e3 / backward - 1)
    return errors


def fitted() -> tuple[float, float, float]:
    """The three shares, by least squares on table 4."""

    def away(shares: tuple[float, float, float]) -> list[float]:
        pulls = zip(shares, _TYPICAL, strict=True)
        return layer_errors(shares) + [_PULL * (one / other - 1) for one, other in pulls]

    found = least_squares(away, _TYPICAL).x
    return float(found[0]), float(found[1]), float(found[2])


def iteration_errors(shares: tuple[float, float, float]) -> list[float]:
    """Relative errors of the eight iteration times."""
    errors = []
    for row in PUBLISHED:
        for name, layout, seconds in (
            ("full", row.full, row.full_seconds),
            ("selective", row.lean, row.lean_seconds),
        ):
            time = step_time(SHAPES[row.model], layout, with_shares(row.cluster, shares))
            errors.append(time.total / seconds - 1)
            print(
                f"{row.model:14} {name:10} {time.total:7.2f} s  {seconds:7.2f} s  {errors[-1]:+.2%}"
            )
    return errors


def memory_errors() -> list[float]:
    """Relative errors of the eight activation sizes."""
    errors = []
    for row in PUBLISHED:
        whole = row.layout(recompute="none", sequence_parallel=False)
        for layout, gib in ((whole, row.whole_gib), (row.lean, row.lean_gib)):
            errors.append(activations(SHAPES[row.model], layout) / GIB / gib - 1)
    return errors


def calculon(python: str, folder: Path) -> list[float]:
    """Mean errors (per cent) that Calculon prints: of activations and of iteration times."""
    done = subprocess.run(
        [python, "bin/calculon", "llm-validation"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    means = [float(each) for each in re.findall(r"^Ave,,([\d.]+)%", done.stdout, re.MULTILINE)]
    return [means[1], means[3]]


def efficiency(model: str, cluster: str, nodes: int, few: int) -> float:
    """Tokens a second and node on so many nodes, as a share of those on a few; 16 sequences a node."""
    rates = []
    for count in (nodes, few):
        found = search(SHAPES[model], cluster_of(cluster, count), 16 * count)
        rates.append(found.best[0].time.tokens_per_second / count)
    return rates[0] / rates[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", default="python3")
    parser.add_argument("--calculon", type=Path)
    given = parser.parse_args()
    theirs = calculon(given.peer, given.calculon) if given.calculon else [None, None]
    peer = "Calculon" if given.calculon else ""
    shares = fitted()
    print("fitted on table 4:", [round(each, 3) for each in shares])
    kept = (A100.matrix_share, A100.memory_share, cluster_of("a100", 1).link_share)
    layer = float(np.mean(np.abs(layer_errors(kept))))
    record("plan: layer times, mean error", 100 * layer, "%", note="10 times, fitted on")
    times, memory = np.abs(iteration_errors(kept)), np.abs(memory_errors())
    note = f"8 times, not fitted on; worst {times.max():.1%}"
    record("plan: iteration times, mean error", 100 * times.mean(), "%", peer, theirs[1], note)
    note = "8 sizes of activations"
    record("plan: activation memory, mean error", 100 * memory.mean(), "%", peer, theirs[0], note)
    scaled = efficiency("llama2-70b", "trainium1", 64, 8)
    note = "Trainium nodes, 16 sequences of 4,096 a node, beside 8 nodes; planned, not run"
    record("plan: Llama-2-70B on 64 nodes, efficiency", scaled, "", "the source, over", 0.9, note)


if __name__ == "__main__":
    main()
