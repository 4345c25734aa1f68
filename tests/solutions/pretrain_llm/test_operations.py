"""Operations that train nothing: runs that are shown, plans, data, and everything that is refused."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from stoa.base.errors import Conflict, InvalidInput, NotFound
from tests.solutions.pretrain_llm.conftest import SAMPLE, House

RECORDED = SAMPLE / "recorded"


async def test_recorded_runs_are_shown_in_full(house: House) -> None:
    found = (await house.call("runs")).runs
    assert {each.title for each in found} == {
        "Harbour log, killed once",
        "Harbour log, a third of the rate",
    }
    killed = next(each for each in found if "killed" in each.title)
    view = await house.call("show_run", job=killed.job)
    assert view.failures == 1
    assert view.ledger["restart"] > 0
    assert view.ledger["lost"] > 0
    text = (RECORDED / "killed-once" / "ledger.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    wall = lines[-1]["time"] - lines[0]["time"]
    assert sum(view.ledger.values()) == pytest.approx(wall, abs=0.01)
    curves = {each.name: each.points for each in view.curves}
    assert curves["loss"][-1][0] == 600
    assert curves["validation_loss"][-1][1] == view.run.validation_loss < 0.4
    norms, means = dict(curves["gradient_norm"]), dict(curves["mean_gradient_norm"])
    assert view.spikes  # the mean beside a norm has taken it in already
    assert all(each.norm > each.mean + 0.04 for each in view.spikes)
    assert all(each.norm == norms.get(each.step, each.norm) for each in view.spikes)
    assert means
    assert 0 < view.run.mfu < view.mfu_attention
    assert "loss" in view.log


async def test_runs_are_compared_over_steps_tokens_and_seconds(house: House) -> None:
    jobs = [each.job for each in (await house.call("runs")).runs]
    steps = await house.call("compare", jobs=jobs)
    assert steps.differences["optimiser.rate"] == ["0.001", "0.003"]
    assert "schedule.steps" not in steps.differences
    tokens = await house.call("compare", jobs=jobs, over="tokens")
    assert tokens.curves[0].points[-1][0] == steps.curves[0].points[-1][0] * 16 * 64
    seconds = await house.call("compare", jobs=jobs, over="seconds")
    assert seconds.curves[0].points[0][0] == 0


async def test_a_run_from_elsewhere_is_taken_in_once(house: House) -> None:
    names = ("recipe.json", "metrics.jsonl", "result.json")
    files = [await house.upload(name, RECORDED / "lower-rate" / name) for name in names]
    one = await house.call("import_run", files=files, title="From a cluster")
    assert (await house.call("import_run", files=files)).job == one.job
    assert (await house.call("show_run", job=one.job)).ledger == {}
    with pytest.raises(InvalidInput, match="metrics"):
        await house.call("import_run", files=[files[0], files[2]])
    other = await house.upload("passwords.txt", b"no")
    with pytest.raises(InvalidInput, match=r"passwords\.txt"):
        await house.call("import_run", files=[*files, other])


async def test_what_can_not_be_trained_is_refused_before_the_start(house: House) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"recipe": "nope"}, "no recipe 'nope'"),
        ({"recipe": "tinyshakespeare"}, "--data FILE"),
        ({"toml": "[data"}, "not TOML"),
        ({"toml": "[data]\nsources = [{ path = '/etc/hostname' }]"}, "may not be read"),
        ({"change": ["data.sources=[{\"path\": \"../../../../etc/hostname\"}]"]}, "may not be read"),
        ({"change": ["model.start_from=/etc"]}, "may not be read"),
        ({"change": ['recovery.nodes=[{"name": "x", "command": ["id"]}]']}, "may not be set"),
        ({"change": ["checkpoints.to=file:///tmp/x"]}, "may not be set"),
        ({"change": ['recovery={"nodes": [{"name": "x", "command": ["id"]}]}']}, "may not be set"),
        ({"change": ['checkpoints={"to": "file:///tmp/x"}']}, "may not be set"),
        ({"change": ['data={"folder": "/tmp/x", "sources": [{"path": "x"}]}']}, "may not be set"),
        ({"toml": "[recovery]\nnodes = [{ name = 'x', command = ['id'] }]"}, "may not be set"),
        ({"change": ["layout.tensor=3"]}, "layout.tensor 3"),
        ({"change": ["model.heads=3"]}, "hidden 64 over 3 heads"),
        ({"change": ["layout.shard=3"]}, "do not divide"),
        ({"change": ["schedule.paces=3"]}, "schedule.paces"),
        ({"change": ["schedule.steps"]}, "no change of a recipe"),
        ({"dataset": "nope"}, "no dataset 'nope'"),
    ]  # fmt: skip
    for request, said in refused:
        with pytest.raises((InvalidInput, NotFound)) as told:
            await house.call("train", **request)
        assert said in f"{told.value} {told.value.hint}", (request, str(told.value))
    assert len((await house.call("runs")).runs) == 2


async def test_an_operators_recipe_may_name_nodes(house: House) -> None:
    folder = house.dispatcher.platform.settings.home / "recipes"
    folder.mkdir(parents=True)
    (folder / "ours.toml").write_text(
        "# Ours.\n[data]\nsources = [{ path = 'sample/harbour.txt' }]\n"
        "[recovery]\nnodes = [{ name = 'one' }]\n"
    )
    found = {each.name: each for each in (await house.call("recipes")).recipes}
    assert found["ours"].about == "Ours."
    assert {"sample", "tinyshakespeare"} <= set(found)
    assert 'name = "one"' in found["ours"].toml


async def test_shards_become_one_dataset_and_broken_ones_are_told(house: House) -> None:
    whole = gzip.compress(b'{"text": "one"}\n{"text": "two"}\n')
    good = await house.upload("a.jsonl.gz", whole)
    plain = await house.upload("b.txt", b"three\n\nfour")
    added = await house.call("add_data", name="mine", files=[good, plain], split="paragraph")
    assert (added.documents, added.version, added.skipped) == (4, 1, 0)
    again = await house.call("add_data", name="mine", files=[good, plain], split="paragraph")
    assert again.id == added.id
    cut = await house.upload("c.jsonl.gz", whole[:-12])
    with pytest.raises(InvalidInput, match=r"c\.jsonl\.gz"):
        await house.call("add_data", name="mine", files=[good, cut])
    kept = await house.call("add_data", name="mine", files=[good, cut], corrupt="skip")
    assert (kept.version, kept.skipped) == (2, 1)
    assert kept.skipped_places
    odd = await house.upload("picture.png", b"\x89PNG")
    with pytest.raises(InvalidInput, match="no kind"):
        await house.call("add_data", name="mine", files=[odd])
    assert [each.version for each in (await house.call("datasets")).datasets] == [2, 1]


async def test_strangers_see_nothing(house: House) -> None:
    job = (await house.call("runs")).runs[0].job
    assert (await house.call("runs", house.stranger)).runs == []
    for operation in ("show_run", "stop", "resume", "evaluate"):
        with pytest.raises(NotFound):
            await house.call(operation, house.stranger, job=job)
    with pytest.raises(NotFound):
        await house.call("compare", house.stranger, jobs=[job, job + "x"])
    with pytest.raises(NotFound):
        await house.call("export", house.stranger, job=job, model="theirs")
    text = await house.upload("a.txt", b"text")
    with pytest.raises(NotFound):
        await house.call("add_data", house.stranger, name="theirs", files=[text])


async def test_a_recorded_run_is_only_looked_at(house: House) -> None:
    job = (await house.call("runs")).runs[0].job
    with pytest.raises(Conflict):
        await house.call("stop", job=job)
    for operation in ("resume", "evaluate"):
        with pytest.raises(InvalidInput):
            await house.call(operation, job=job)
    with pytest.raises(InvalidInput):
        await house.call("export", job=job, model="m")


async def test_plans_and_simulations_answer_in_words(house: House) -> None:
    plan = await house.call("plan", model="sample", cluster="laptop", batch=8, precision="float32")
    assert plan.layouts[0].runs_here
    assert sum(plan.layouts[0].memory_gb.values()) == pytest.approx(
        plan.layouts[0].memory_total_gb, abs=1e-3
    )
    here = await house.call("plan", model="sample", cluster="this_machine", batch=8)
    assert here.layouts
    gpt = await house.call("plan", model="megatron-22b", cluster="a100", batch=64)
    assert gpt.layouts
    assert not any(each.runs_here for each in gpt.layouts), "we train no such model"
    own = await house.call("plan", cluster="a100", batch=1024, tensor=3)
    assert own.layouts == []
    assert "32 heads" in " ".join(own.problems)
    with pytest.raises(InvalidInput, match="no model"):
        await house.call("plan", model="gpt-9")
    found = await house.call("simulate", runs=10)
    assert found.low < found.goodput < found.high
    assert found.interval_minutes == pytest.approx(found.daly_minutes, rel=0.3)
    assert sum(found.shares.values()) == pytest.approx(1, abs=1e-3)


def test_the_sample_text_is_what_its_generator_writes(tmp_path: Path) -> None:
    from stoa.solutions.pretrain_llm.sample.source import make  # noqa: PLC0415 - not installed code

    draw = random.Random(make.SEED)
    text = "\n\n".join(make.day(number, draw) for number in range(1, make.DAYS + 1)) + "\n"
    assert text == (SAMPLE / "harbour.txt").read_text(encoding="utf-8")
