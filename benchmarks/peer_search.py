"""What LangChain's retrievers stand on, over the corpus that `search.py` made. In the peers' environment:

    .venv/peers/bin/python benchmarks/peer_search.py FOLDER

FOLDER holds `corpus.npz`, `words.json`, `asked_words.json`, `best.json`. Prints one JSON object of figures.
By meaning: Chroma, its defaults, cosine space, texts stored as most people do. By words: rank-bm25 (Okapi), as
BM25Retriever has it; it knows no filter, so what is not within is passed over. By both: the best hundred of each
fused by rank with the constant 60 and equal weights, as EnsembleRetriever does.
"""

import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import chromadb
import numpy as np
from rank_bm25 import BM25Okapi

BATCH, WARM = 2_000, 20


def main() -> None:
    """Build, ask, print."""
    folder = Path(sys.argv[1])
    corpus = np.load(folder / "corpus.npz")
    vectors, asked, collection = corpus["vectors"], corpus["asked"], corpus["collection"]
    words = json.loads((folder / "words.json").read_text())
    asked_words = json.loads((folder / "asked_words.json").read_text())
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
    okapi = BM25Okapi([each.split() for each in words])
    within = {"": np.ones(len(words), bool), ", narrow": collection == 7}

    def by_meaning(n: int, width: str, count: int) -> list[str]:
        found = made.query(
            query_embeddings=asked[n : n + 1],
            n_results=count,
            where={"collection": "c7"} if width else None,
            include=["distances"],
        )
        return list(found["ids"][0])

    def by_words(n: int, width: str, count: int) -> list[str]:
        scores = np.where(within[width], okapi.get_scores(asked_words[n].split()), -1.0)
        some = np.argpartition(-scores, count)[:count]
        return [str(each) for each in some[np.argsort(-scores[some])] if scores[each] > 0]

    def by_both(n: int, width: str, count: int) -> list[str]:
        fused: dict[str, float] = defaultdict(float)
        for found in (by_words(n, width, 100), by_meaning(n, width, 100)):
            for rank, each in enumerate(found, 1):
                fused[each] += 0.5 / (60 + rank)
        return sorted(fused, key=lambda each: -fused[each])[:count]

    for name, search in {"vector": by_meaning, "keyword": by_words, "hybrid": by_both}.items():
        for width in within:
            known = best.get(name + width)
            times, shares = [], []
            for n in [*range(WARM), *range(len(asked))]:
                started = time.perf_counter()
                found = search(n, width, 10)
                times.append(time.perf_counter() - started)
                if len(times) > WARM and known and known[n]:
                    shares.append(len(set(found) & set(known[n])) / min(10, len(known[n])))
            p50, p99 = np.percentile(times[WARM:], [50, 99]) * 1000
            recall = float(np.mean(shares)) if shares else 1.0
            figures[name + width] = {"p50": p50, "p99": p99, "recall": recall}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
