"""RecBole's NeuMF for comparison. Runs in the peers' environment.

    python peer_recommendation.py data.npz epochs steps rate

`data.npz`: `users` and `items` of the training pairs, `test` [n, 1 + m] items and `test_users`. Trains with
RecBole's model class, its loss and torch's Adam at a batch of 256, four fresh negatives per positive and
epoch, as its point-wise trainer does; prints one JSON line per epoch: CPU seconds of training so far and
scores of the test. `steps` above 0 stops there: for the cost of an epoch without waiting for one.
"""

import json
import logging
import sys
import time

import numpy as np
import torch
from recbole.model.general_recommender.neumf import NeuMF
from recbole.utils import InputType

BATCH, NEGATIVES, FACTORS, DROPOUT = 256, 4, 32, 0.3


class _Counts:
    """What the model asks of a data set."""

    def __init__(self, users: int, items: int) -> None:
        self._counts = {"user_id": users, "item_id": items}

    def num(self, field: str) -> int:
        return self._counts[field]


def _model(users: int, items: int) -> NeuMF:
    width = FACTORS * 4
    config = {
        "USER_ID_FIELD": "user_id", "ITEM_ID_FIELD": "item_id", "NEG_PREFIX": "neg_", "LABEL_FIELD": "label",
        "device": "cpu", "mf_embedding_size": FACTORS, "mlp_embedding_size": width,
        "mlp_hidden_size": [width, width // 2, width // 4], "dropout_prob": DROPOUT, "mf_train": True,
        "mlp_train": True, "use_pretrain": False, "mf_pretrain_path": None, "mlp_pretrain_path": None,
    }  # fmt: skip
    assert NeuMF.input_type == InputType.POINTWISE
    return NeuMF(config, _Counts(users, items))


def main() -> None:
    """Train and tell."""
    logging.disable()
    torch.set_num_threads(1)
    path, epochs, most, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    data = np.load(path)
    users, items, test, test_users = (
        data[name] for name in ("users", "items", "test", "test_users")
    )
    user_count, item_count = int(data["user_count"]), int(data["item_count"])
    had = np.zeros((user_count, item_count), bool)
    had[users, items] = True
    torch.manual_seed(1)
    random = np.random.default_rng(1)
    model = _model(user_count, item_count)
    adam = torch.optim.Adam(model.parameters(), lr=rate)
    spent, steps = 0.0, 0
    for epoch in range(1, epochs + 1):
        began = time.process_time()
        model.train()
        who = np.repeat(users, 1 + NEGATIVES)
        what = np.repeat(items, 1 + NEGATIVES)
        label = np.zeros(len(who), np.float32)
        label[:: 1 + NEGATIVES] = 1
        wrong = np.flatnonzero(label == 0)
        while len(wrong):
            what[wrong] = random.integers(0, item_count, len(wrong))
            wrong = wrong[had[who[wrong], what[wrong]]]
        order = random.permutation(len(who))
        for start in range(0, len(who), BATCH):
            rows = order[start : start + BATCH]
            batch = {
                "user_id": torch.from_numpy(who[rows]),
                "item_id": torch.from_numpy(what[rows]),
                "label": torch.from_numpy(label[rows]),
            }
            adam.zero_grad()
            model.calculate_loss(batch).backward()
            adam.step()
            steps += 1
            if steps == most:
                break
        spent += time.process_time() - began
        if steps == most:
            print(json.dumps({"steps": steps, "seconds": spent}), flush=True)
            return
        model.eval()
        with torch.no_grad():
            pairs = {
                "user_id": torch.from_numpy(np.repeat(test_users, test.shape[1])),
                "item_id": torch.from_numpy(test.reshape(-1)),
            }
            scores = model.predict(pairs).numpy().reshape(test.shape)
        rank = (scores[:, 1:] > scores[:, :1]).sum(1)
        ndcg = float(np.where(rank < 10, 1 / np.log2(rank + 2.0), 0).mean())
        hit = float((rank < 10).mean())
        print(json.dumps({"epoch": epoch, "seconds": spent, "hr": hit, "ndcg": ndcg}), flush=True)


if __name__ == "__main__":
    main()
