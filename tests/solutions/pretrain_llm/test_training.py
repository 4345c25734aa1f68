"""Training for real, through the one door: to the end, stopped and gone on with, exported, judged."""

import json
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from stoa.base.errors import JobFailed
from tests.conftest import lacking
from tests.solutions.pretrain_llm.conftest import SAMPLE, TINY, House

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TASKS = SAMPLE.parent / "tasks"


async def test_from_text_to_a_registered_model(house: House) -> None:
    text = await house.upload("harbour.txt", SAMPLE / "harbour.txt")
    await house.call("add_data", name="harbour", files=[text], split="paragraph")
    made = await house.call("train", recipe="sample", dataset="harbour", change=list(TINY))
    assert made.steps == 6
    assert 3 < made.validation_loss < 5
    assert made.metrics["tokens"] == 6 * 2 * 16
    view = await house.call("show_run", job=made.job)
    assert view.run.state == "done"
    assert sum(view.ledger.values()) > 0
    assert view.parameters
    exported = await house.call("export", job=made.job, model="harbour")
    assert exported.files == [
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    assert (await house.call("export", job=made.job, model="harbour")).id == exported.id
    more = await house.call("resume", job=made.job, change=["schedule.steps=8"])
    assert more.job != made.job
    curves = (await house.call("show_run", job=more.job, curves=["loss"])).curves
    assert [step for step, _ in curves[0].points] == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_a_broken_shard_is_told_in_a_sentence(house: House) -> None:
    """With its line and what helps; not with the end of the log."""
    broken = await house.upload("broken.jsonl", b'{"text": "fine"}\n{"text": "cut')
    with pytest.raises(JobFailed, match=r"broken\.jsonl' can't be read at line 2") as failed:
        await house.call("train", recipe="sample", data=[broken], change=list(TINY))
    assert "\n" not in failed.value.message
    assert failed.value.hint == "Fetch it again, leave it out, or set data.corrupt = 'skip'."


async def test_checkpoints_are_judged_over_tokens(house: House) -> None:
    if find_spec("lm_eval") is None:
        lacking("lm_eval")
    made = await house.call("train", recipe="sample", change=list(TINY))
    found = await house.call("evaluate", job=made.job, checkpoints=2, examples=8)
    assert [each.step for each in found.checkpoints] == [3, 6]
    assert [each.tokens for each in found.checkpoints] == [96, 192]
    tasks = [score.task for score in found.checkpoints[0].scores]
    assert tasks == ["harbour_spelling", "harbour_text", "plain_english"]
    scores = {score.task: score.value for score in found.checkpoints[-1].scores}
    (folder,) = house.dispatcher.platform.settings.home.rglob("artefacts/model")
    assert scores == pytest.approx(by_hand(folder), abs=1e-4)


def by_hand(folder: Path) -> dict[str, float]:
    """The same scores from the finished model alone, by its own loss over what fits into it."""
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    longest = model.config.max_position_embeddings

    def tokens(text: str) -> list[int]:
        found: list[int] = tokenizer(text, add_special_tokens=False).input_ids
        return found

    @torch.inference_mode()
    def log_probability(window: list[int], count: int) -> float:
        """Of the last `count` tokens behind those before."""
        ids = torch.tensor([window])
        labels = torch.full_like(ids, -100)
        labels[:, -count:] = ids[:, -count:]
        return -count * float(model(ids, labels=labels).loss)

    def examples(name: str) -> list[dict[str, Any]]:
        lines = (TASKS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines[:8]]

    found: dict[str, float] = {}
    for name in ("harbour_spelling", "plain_english"):
        right = 0
        for each in examples(name):
            likely = []
            for choice in each["choices"]:
                window = tokens(each["context"] + choice)[-longest - 1 :]
                count = min(len(tokens(choice)), len(window) - 1)
                likely.append(log_probability(window, count))
            right += likely.index(max(likely)) == each["answer"]
        found[name] = right / 8
    total, size = 0.0, 0
    for each in examples("harbour_text"):
        whole = tokens(each["text"])
        size += len(each["text"].encode())
        for start in range(0, len(whole) - 1, longest):
            window = whole[start : start + longest + 1]
            total += log_probability(window, len(window) - 1)
    found["harbour_text"] = -total / size / math.log(2)
    return found
