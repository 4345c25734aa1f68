"""CPU seconds that NeuMF takes to train on MovieLens-1M, beside RecBole's of the same size.

    python -m benchmarks.recommendation_speed --pairs pairs.npz [--python python-of-the-peers] [--share 4]

32 factors, 3 layers, batches of 256, 4 negatives, one thread. RecBole's takes a step per batch, with Adam at
0.001 and dropout 0.3; ours is as its recipe says: 16 batches in a step, at 0.003 grown by 16 to the power of
0.4, dropout 0.2, and a running mean of the weights. An epoch of RecBole's is reckoned from its first
1,500 steps. The second figure is the time to the NDCG@10 that RecBole's ends with, on one user in
`--share`; ours includes judging every epoch. RecBole pins old versions of what it does not need here:
install torch, pandas, scipy, colorlog and tqdm, then `pip install --no-deps recbole==1.2.1`.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.recommendation import ITEMS, USERS
from benchmarks.results import record
from stoa.compute.networks.recommenders.interactions import Interactions
from stoa.compute.training.recommenders.judging import HeldOut, hold_out_one
from stoa.compute.training.recommenders.neural_training import NeuralTraining
from stoa.compute.training.recommenders.recipes import NeuralRecipe

PEER = Path(__file__).with_name("peer_recommendation.py")
STEPS, PAIRS_A_STEP = 1500, 256
EPOCHS_OF_PEER, EPOCHS = 3, 10


def ours(train: Interactions, held_out: HeldOut | None, epochs: int) -> list[dict[str, float]]:
    """CPU seconds so far and figures after each epoch."""
    told: list[dict[str, float]] = []
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        NeuralTraining(
            NeuralRecipe(epochs=epochs),
            train,
            held_out,
            seed=1,
            checkpoint=Path(folder) / "kept",
            told=lambda _, epoch, figures: told.append(
                {"epoch": epoch, "seconds": time.process_time() - began, **figures}
            ),
        ).run()
    return told


def peers(
    python: str, train: Interactions, held_out: HeldOut, epochs: int, steps: int
) -> list[dict[str, Any]]:
    """The same from RecBole's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        np.savez(
            path,
            users=train.users().astype(np.int64),
            items=train.items.astype(np.int64),
            test=np.concatenate([held_out.items[:, None], held_out.negatives], 1),
            test_users=held_out.users,
            user_count=train.user_count,
            item_count=train.item_count,
        )
        asked = [python, "-W", "ignore", str(PEER), str(path), str(epochs), str(steps), "0.001"]
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def some_users(seen: Interactions, share: int) -> Interactions:
    """One user in `share`, all items."""
    users = seen.users()
    kept = users % share == 0
    return Interactions.from_pairs(
        users[kept] // share,
        seen.items[kept],
        user_count=-(-seen.user_count // share),
        item_count=seen.item_count,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--python", default=".venv/peers/bin/python")
    parser.add_argument("--share", type=int, default=4, help="0: leave the second figure out")
    given = parser.parse_args()
    torch.set_num_threads(1)
    pairs = np.load(given.pairs)["pairs"]
    seen = Interactions.from_pairs(pairs[:, 0], pairs[:, 1], user_count=USERS, item_count=ITEMS)
    train, held_out = hold_out_one(seen, negatives=99, seed=7)
    peer = peers(given.python, train, held_out, 1, STEPS)[0]
    epoch = peer["seconds"] / (STEPS * PAIRS_A_STEP) * len(train) * 5
    mine = ours(train, None, 1)[0]["seconds"]
    note = "NeuMF, 32 factors, ML-1M, one thread, in the same run"
    record("recommend training, one epoch", mine, "CPU s", "RecBole", epoch, note)
    if not given.share:
        return
    train, held_out = hold_out_one(some_users(seen, given.share), negatives=99, seed=7)
    theirs = peers(given.python, train, held_out, EPOCHS_OF_PEER, 0)
    goal = max(each["ndcg"] for each in theirs)
    taken = next(each["seconds"] for each in theirs if each["ndcg"] >= goal)
    told = ours(train, held_out, EPOCHS)
    print(theirs, told, sep="\n")
    mine = next((each["seconds"] for each in told if each["ndcg"] >= goal), float("nan"))
    note = f"NDCG@10 {goal:.4f}, one user in {given.share}, judging ours included"
    record("recommend training, to the NDCG of the peer", mine, "CPU s", "RecBole", taken, note)


if __name__ == "__main__":
    main()
