"""Chroma over the corpus that `search.py` made; its defaults, cosine space. In the peers' environment:

    .venv/peers/bin/python benchmarks/peer_search.py FOLDER

FOLDER holds `corpus.npz`, `words.json`, `best.json`. Prints one JSON object of figures.
Chroma's text search has no ranking, so there is no keyword figure; texts are stored as most people do.
"""

import json
import sys
import time
from pathlib import Path

import chromadb
import numpy as np

BATCH, WARM = 2_000, 20


def main() -> None:
    """Build, ask, print."""
    folder = Path(sys.argv[1])
    corpus = np.load(folder / "corpus.npz")
    vectors, asked, collection = corpus["vectors"], corpus["asked"], corpus["collection"]
    words = json.loads((folder / "words.json").read_text())
    best = json.loads((folder / "best.json").read_text())
    settings = chromadb.Settings(anonymized_telemetry=False)
    client = chromadb.PersistentClient(str(folder / "chroma"), settings)
    made = client.create_collection(
        "bench", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
    )
    started = time.perf_counter()
    for first in range(0, len(vectors), BATCH):
        some = range(first, min(first + BATCH, len(vectors)))
        made.add(
            ids=[str(n) for n in some],
            embeddings=vectors[first : first + BATCH],
            documents=words[first : first + BATCH],
            metadatas=[{"collection": f"c{collection[n]}"} for n in some],
        )
    seconds = time.perf_counter() - started
    figures = {"build": {"p50": seconds, "p99": seconds, "recall": 1.0}}
    for name, where in {"vector": None, "vector, narrow": {"collection": "c7"}}.items():
        times, shares = [], []
        for n in [*range(WARM), *range(len(asked))]:
            started = time.perf_counter()
            found = made.query(
                query_embeddings=asked[n : n + 1], n_results=10, where=where, include=["distances"]
            )
            times.append(time.perf_counter() - started)
            shares.append(len(set(found["ids"][0]) & set(best[name][n])) / 10)
        p50, p99 = np.percentile(times[WARM:], [50, 99]) * 1000
        figures[name] = {"p50": p50, "p99": p99, "recall": float(np.mean(shares[WARM:]))}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
