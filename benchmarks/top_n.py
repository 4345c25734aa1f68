"""The best ten of a million items, beside scoring all of them and beside LanceDB's index over the same vectors.

`python -m benchmarks.top_n`. Everything runs on one core. Vectors are like trained factors: clustered,
with a falling spectrum and lengths that differ by popularity; the last rows use vectors without any
clusters, the hardest for an index. Ours goes the whole way of a `recommend` call, names and seen items
included; the peers are searched bare.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "LANCE_CPU_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402 - after the number of threads
from numpy.typing import NDArray  # noqa: E402

from benchmarks.results import record  # noqa: E402
from stoa.compute.networks.recommenders.interactions import Ids, Interactions  # noqa: E402
from stoa.compute.networks.recommenders.matrix_factors import MatrixFactors  # noqa: E402
from stoa.compute.networks.recommenders.recommender import Factors  # noqa: E402
from stoa.compute.serving.attributes import Attributes  # noqa: E402
from stoa.compute.serving.inverted_lists import build_lists  # noqa: E402
from stoa.compute.serving.recommenders import Recommending  # noqa: E402

ITEMS, USERS, WIDTH, ASKED, COUNT = 1_000_000, 100_000, 64, 200, 10
Vectors = NDArray[np.float32]


def vectors(count: int, *, clustered: bool, seed: int) -> Vectors:
    """Like trained factors."""
    random = np.random.default_rng(seed)
    spectrum = (np.arange(1, WIDTH + 1) ** -0.5).astype(np.float32)
    found = random.standard_normal((count, WIDTH), np.float32)
    if clustered:
        centres = np.random.default_rng(9).standard_normal((300, WIDTH), np.float32)
        found = 0.7 * found + 0.7 * centres[random.integers(0, 300, count)]
    found *= spectrum
    found *= (0.3 + random.gamma(2, 0.35, count)).astype(np.float32)[:, None]
    return found


def serving_of(items: Vectors, users: Vectors) -> tuple[Recommending, float]:
    """A served model, and the seconds in which its index was built."""
    random = np.random.default_rng(3)
    had = np.concatenate([np.arange(ITEMS), random.integers(0, ITEMS, ITEMS)])
    seen = Interactions.from_pairs(
        np.arange(len(had)) % USERS, had, user_count=USERS, item_count=ITEMS
    )
    model = MatrixFactors(
        seen, Factors(users, items), unobserved=0.1, regularisation=0.01, exponent=1.0
    )
    started = time.process_time()
    lists = build_lists(items)
    seconds = time.process_time() - started
    tags = [f"shelf={each}" for each in range(1000)]
    rows = [[each % 1000] for each in range(ITEMS)]
    attributes = Attributes(ITEMS, tags, rows)
    return Recommending(model, Ids.numbered(USERS, ITEMS), attributes, lists), seconds


def timed(
    work: Callable[[int], set[int]], truth: list[set[int]]
) -> tuple[float, float, float, float]:
    """p50 and p99 in milliseconds, CPU milliseconds a query, and recall."""
    walls, found = [], 0
    cpu = time.process_time()
    for user in range(ASKED):
        started = time.perf_counter()
        hits = work(user)
        walls.append((time.perf_counter() - started) * 1000)
        found += len(hits & truth[user])
    cpu = (time.process_time() - cpu) * 1000 / ASKED
    wanted = sum(len(each) for each in truth)
    return float(np.median(walls)), float(np.quantile(walls, 0.99)), cpu, found / max(wanted, 1)


def brute(items: Vectors, query: Vectors, allowed: NDArray[np.bool_]) -> set[int]:
    """The whole truth, the plain way: score all, partition."""
    scores = np.where(allowed, items @ query, -np.inf)
    return set(np.argpartition(-scores, COUNT)[:COUNT].tolist())


async def lance(items: Vectors, folder: Path) -> tuple[Any, float]:
    """The same vectors in LanceDB under IVF_RQ, and the seconds in which it was built."""
    import lancedb  # noqa: PLC0415 - the peer
    import pyarrow as pa  # noqa: PLC0415
    from lancedb.index import IvfRq  # noqa: PLC0415

    database = await lancedb.connect_async(folder)
    started = time.process_time()
    column = pa.FixedSizeListArray.from_arrays(pa.array(items.ravel()), WIDTH)
    data = pa.table({"id": pa.array(np.arange(len(items))), "vector": column})
    table = await database.create_table("items", data)
    await table.create_index("vector", config=IvfRq(distance_type="dot", num_partitions=1000))
    return table, time.process_time() - started


def run(clustered: bool, label: str) -> None:
    """One kind of vectors."""
    items = vectors(ITEMS, clustered=clustered, seed=1)
    users = vectors(USERS, clustered=clustered, seed=2)
    serving, built = serving_of(items, users)
    seen = serving._model.seen
    allowed, truth = [], []
    for user in range(ASKED):
        free = np.ones(ITEMS, np.bool_)
        free[seen.of(user)] = False
        allowed.append(free)
    plain = timed(lambda user: brute(items, users[user], allowed[user]), [set()] * ASKED)
    truth = [brute(items, users[user], allowed[user]) for user in range(ASKED)]

    def ours(user: int, **more: Any) -> set[int]:
        answer = serving.recommend({"user": str(user), "count": COUNT, **more})
        return {int(each) for each in answer["items"]}

    mine = timed(ours, truth)
    note = f"{label}, 64 dimensions, one core; {mine[2]:.2f} CPU-ms a query"
    record(f"top 10 of 1 M, {label}, p50", mine[0], "ms", "numpy brute force", plain[0], note)
    record(f"top 10 of 1 M, {label}, p99", mine[1], "ms", "numpy brute force", plain[1], note)
    record(f"top 10 of 1 M, {label}, recall@10", mine[3], "", "numpy brute force", 1.0, note)
    if not clustered:
        return
    narrow = {"shelf": ["7"]}
    only = np.arange(ITEMS) % 1000 == 7
    found = timed(
        lambda user: ours(user, where=narrow),
        [brute(items, users[user], allowed[user] & only) for user in range(ASKED)],
    )
    record("top 10 of 1 M, one item in 1,000 allowed, p99", found[1], "ms", note=note)
    record("top 10 of 1 M, one item in 1,000 allowed, recall@10", found[3], "", note=note)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(beside_lance(items, users, allowed, truth, mine, built, Path(folder)))


async def beside_lance(
    items: Vectors,
    users: Vectors,
    allowed: list[NDArray[np.bool_]],
    truth: list[set[int]],
    mine: tuple[float, float, float, float],
    built: float,
    folder: Path,
) -> None:
    """The peer with an index, at about our recall."""
    table, seconds = await lance(items, folder)
    walls, found = [], 0
    for user in range(ASKED):
        started = time.perf_counter()
        query = table.query().nearest_to(users[user]).distance_type("dot")
        rows = (
            await query.nprobes(96)
            .refine_factor(10)
            .select(["id", "_distance"])
            .limit(COUNT + 30)
            .to_list()
        )
        walls.append((time.perf_counter() - started) * 1000)
        hits = [row["id"] for row in rows if allowed[user][row["id"]]][:COUNT]
        found += len(set(hits) & truth[user])
    recall = found / (ASKED * COUNT)
    note = f"LanceDB IVF_RQ, 96 probes, refine 10: recall {recall:.3f}; ours {mine[3]:.3f}"
    p99 = float(np.quantile(walls, 0.99))
    record("top 10 of 1 M, clustered, p99", mine[1], "ms", "LanceDB", p99, note)
    record("top 10 of 1 M, clustered, p50", mine[0], "ms", "LanceDB", float(np.median(walls)), note)
    record("top 10 of 1 M, index, CPU time to build", built, "s", "LanceDB", seconds)


if __name__ == "__main__":
    run(clustered=True, label="clustered")
    run(clustered=False, label="no clusters")
