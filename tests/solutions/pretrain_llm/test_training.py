"""Training for real, through the one door: to the end, stopped and gone on with, exported, judged."""

from importlib.util import find_spec

import pytest

from stoa.base.errors import JobFailed
from tests.conftest import lacking
from tests.solutions.pretrain_llm.conftest import SAMPLE, TINY, House

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


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
    made = await house.call("train", recipe="sample", change=[*TINY, "checkpoints.export=false"])
    found = await house.call("evaluate", job=made.job, checkpoints=2, examples=8)
    assert [each.step for each in found.checkpoints] == [3, 6]
    assert [each.tokens for each in found.checkpoints] == [96, 192]
    tasks = [score.task for score in found.checkpoints[0].scores]
    assert tasks == ["harbour_spelling", "harbour_text", "plain_english"]
