"""What most people would write, for comparison: `datasets` in streaming mode, tokenised in batches and
grouped into rows as in Hugging Face's own script for language models. Runs in the peers' environment:

    .venv/peers/bin/python benchmarks/peer_pretraining_data.py TOKENIZER LENGTH ROWS BATCHES FILE…

Prints one JSON object: tokens, seconds, processor seconds, peak resident memory in MiB, and the seconds
from the state at nine tenths of the way to the next batch.
"""

import json
import resource
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

from datasets import load_dataset
from tokenizers import Tokenizer


def main() -> None:
    tokenizer = Tokenizer.from_file(sys.argv[1])
    length, rows, batches = map(int, sys.argv[2:5])
    end = tokenizer.token_to_id("<|endoftext|>")

    def tokenise(part: dict[str, list[str]]) -> dict[str, Any]:
        found = tokenizer.encode_batch_fast(part["text"], add_special_tokens=False)
        return {"tokens": [[*each.ids, end] for each in found]}

    def group(part: dict[str, list[list[int]]]) -> dict[str, Any]:
        joined = list(chain.from_iterable(part["tokens"]))
        whole = len(joined) // length * length
        return {"tokens": [joined[at : at + length] for at in range(0, whole, length)]}

    def stream() -> Any:
        found = load_dataset("json", data_files=sys.argv[5:], split="train", streaming=True)
        found = found.map(tokenise, batched=True, batch_size=1000, remove_columns=["text"])
        return found.map(group, batched=True, batch_size=1000).with_format("numpy")

    data = stream()
    used, begun = time.process_time(), time.perf_counter()
    tokens, state = 0, None
    for number, batch in enumerate(data.iter(batch_size=rows), start=1):
        tokens += batch["tokens"].size
        if number == batches * 9 // 10:
            state = data.state_dict()
        if number == batches:
            break
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    again = stream()
    again.load_state_dict(state)
    begun = time.perf_counter()
    next(iter(again.iter(batch_size=rows)))
    resumed = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"tokens": tokens, "seconds": seconds, "processor": used, "peak": peak}
    print(json.dumps({**told, "resume": resumed, "file": Path(__file__).name}))


if __name__ == "__main__":
    main()
