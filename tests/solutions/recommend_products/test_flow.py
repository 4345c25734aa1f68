"""The whole pipeline over real processes: it deploys what is better, keeps out what is not, and comes back."""

import asyncio
import csv
import io
import random
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import stoa
from stoa.base.database import EVERY_WORKSPACE, now
from stoa.base.errors import Conflict, NotFound, Refused
from stoa.base.identity.caller import Caller, Role
from stoa.core.flows.questions import Sought
from stoa.core.flows.run import RunState
from stoa.core.flows.tables import ScheduleRow
from stoa.core.inference.inference import Inference
from stoa.core.jobs.job import Launch
from stoa.core.pipelines.step_call import StepCall
from stoa.core.registry.versions import Versions
from stoa.dispatch import Dispatcher
from stoa.solutions.recommend_products import endpoints, training
from stoa.solutions.recommend_products.commit import commit_of
from stoa.solutions.recommend_products.models import model_of
from stoa.solutions.recommend_products.schema import Outcome, PipelineRun
from stoa.solutions.recommend_products.solution import SOLUTION
from tests.solutions.recommend_products.conftest import Desk, rows

pytestmark = pytest.mark.timeout(300)


def shop(users: int = 60, seed: int = 1) -> bytes:
    """Two tastes: everybody buys within theirs."""
    chance = random.Random(seed)
    found = io.StringIO()
    writer = csv.writer(found)
    writer.writerow(["user", "item", "time"])
    for user in range(users):
        taste = [f"{'ab'[user % 2]}{n}" for n in range(60)]
        liked = chance.sample(taste, 14)
        for place, item in enumerate(liked):
            writer.writerow([f"u{user}", item, 1_000 * user + place])
    return found.getvalue().encode()


async def made(desk: Desk, **request: Any) -> PipelineRun:
    """A run of the pipeline to its end."""
    run: PipelineRun = await desk.call("run_pipeline", **request)
    return run


async def served(desk: Desk) -> str:
    """The version that answers."""
    ranked = await desk.call("rank", user="u0", items=["a1", "b1"])
    return str(ranked.model)


@pytest.fixture
async def open_shop(desk: Desk) -> Desk:
    """A shop whose first model serves."""
    await desk.call("settings_set", models=["popularity", "ease"])
    await desk.add(shop())
    first = await made(desk)
    assert first.outcome is Outcome.DEPLOYED, first.reason
    return desk


async def test_from_a_file_to_answers_and_a_worse_retrain_kept_out(open_shop: Desk) -> None:
    desk = open_shop
    first = (await desk.call("pipelines")).runs[0]
    assert [each.chosen for each in first.candidates] == [False, True]
    assert all(each.passed for each in first.checks)
    version = (await desk.call("models")).models[0]
    assert (version.model, version.approval, version.aliases) == ("ease", "approved", ["champion"])
    assert version.parameters["regularisation"] == 1000.0
    assert version.dataset.startswith("interactions v1")
    nodes = (await desk.call("lineage", model=version.id)).nodes
    assert {"dataset", "job", "model", "endpoint"} < {each.kind for each in nodes}  # by no run

    ranked = await desk.call("rank", user="u0", items=["b1", "b2", "a1", "a2", "nobody had it"])
    assert ranked.known_user
    assert {*ranked.items[:2]} == {"a1", "a2"}
    assert (ranked.items[-1], ranked.unknown) == ("nobody had it", ["nobody had it"])
    offered = await desk.call("recommend", user="u0", limit=10)
    seen = {each.item for each in (await desk.call("user", user="u0")).history}
    assert not seen & {*offered.items}
    assert sum(item.startswith("a") for item in offered.items) >= 8
    stranger = await desk.call("recommend", user="never seen", limit=3, history=["b1", "b2"])
    assert not stranger.known_user
    assert all(item.startswith("b") for item in stranger.items)

    again = await made(desk)
    assert again.outcome is Outcome.KEPT_OUT
    assert "not above the champion's" in again.reason
    assert [each.cached for each in again.steps if each.name in ("prepare", "train")] == [
        True,
        False,
    ]
    assert all(each.cached for step in again.steps if step.name == "train" for each in step.parts)

    plain = await made(desk, models=["popularity"])
    assert plain.outcome is Outcome.KEPT_OUT, plain.reason
    await desk.call("settings_set", models=["popularity"], margin=0.1)
    await desk.add(shop(seed=2), replace=True)
    worse = await made(desk)
    assert worse.outcome is Outcome.KEPT_OUT, worse.reason
    assert "plus the margin of 0.1" in worse.reason
    assert await served(desk) == version.id
    assert len((await desk.call("models")).models) == 1


async def _check_lineage(desk: Desk, model: str) -> None:
    """From the data, over the run and its job, to the model and what it serves."""
    found = await desk.call("lineage", model=model)
    named = {each.kind: (each.name, each.state) for each in found.nodes if each.kind != "artefact"}
    assert named == {
        "dataset": ("recommend.shop.interactions v1", ""),
        "run": ("Recommendations", "done"),
        "job": ("Train ease", "done"),
        "model": ("recommend.shop v1", "approved"),
        "endpoint": ("recommend-shop", "live"),
    }
    kinds = {each.id: each.kind for each in found.nodes}
    went = {(kinds[each.source], kinds[each.target]) for each in found.arrows}
    way = ["dataset", "run", "job", "model", "endpoint"]
    assert {*pairwise(way)} <= went


async def test_nobody_is_offered_what_they_had_unless_they_ask_for_it(open_shop: Desk) -> None:
    again = []
    for user in range(60):
        history = (await open_shop.call("user", user=f"u{user}")).history
        had = {each.item for each in history}
        assert len(had) == 14
        offered = await open_shop.call("recommend", user=f"u{user}", limit=100)
        assert len(offered.items) == 100
        again += [(user, item) for item in offered.items if item in had]
        every = await open_shop.call("recommend", user=f"u{user}", limit=120, with_seen=True)
        assert had <= {*every.items}
    assert again == []


async def test_a_model_that_scores_everything_the_same_is_kept_out(desk: Desk) -> None:
    flat = {"item_knn": {"shrink": 1e300}}
    await desk.call("settings_set", models=["item_knn"], parameters=flat)
    await desk.add(shop())
    run = await made(desk)
    assert run.outcome is Outcome.KEPT_OUT
    assert run.candidates[0].metrics["ndcg"] == 1
    assert "scores most items as it scores the one held out" in run.reason
    assert [each.name for each in run.checks if not each.passed] == ["ordered"]
    await desk.call("settings_set", models=["item_knn", "popularity"], parameters=flat)
    run = await made(desk)
    assert run.outcome is Outcome.DEPLOYED, run.reason
    assert [each.chosen for each in run.candidates] == [False, True]


async def test_a_product_that_nobody_had_is_ranked_and_offered_among_its_like(desk: Desk) -> None:
    named = ["item,title,category", *(f"{k}{n},{k}{n},{k}" for k in "ab" for n in range(60))]
    file = await desk.upload("products.csv", "\n".join([*named, "new,New,a"]).encode())
    await desk.call("add_products", file=file)
    await desk.call("settings_set", models=["ease"])
    await desk.add(shop())
    run = await made(desk)
    assert run.outcome is Outcome.DEPLOYED, run.reason
    ranked = await desk.call("rank", user="u0", items=["b1", "b2", "new"])  # u0 likes a
    assert (ranked.items[0], ranked.unknown) == ("new", [])
    like = await desk.call("similar", item="new", limit=5)
    assert [each[0] for each in like.items] == ["a"] * 5
    asked: dict[str, Any] = {"user": "u0", "limit": 60}
    offered = (await desk.call("recommend", **asked)).items
    assert "new" in offered
    assert "new" in (await desk.call("recommend", **asked, where={"category": "a"})).items
    assert "new" not in (await desk.call("recommend", **asked, where={"category": "b"})).items
    assert "new" not in (await desk.call("recommend", **asked, exclude=["new"])).items


async def test_a_judgement_that_is_no_number_is_told_and_keeps_it_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", str(Path(__file__).parents[3])
    )  # its process imports the tests
    await desk.call("settings_set", models=["neumf"])
    await desk.add(shop())

    def no_number(*_: Any) -> Launch:
        return Launch(module="tests.solutions.recommend_products.no_number", title="Train")

    monkeypatch.setattr(training, "train", no_number)  # no data are known to which training does so
    run = await made(desk)
    assert run.outcome is Outcome.KEPT_OUT
    assert run.reason == "neumf is kept out: Not a finite number: validation_ndcg."
    assert run.candidates[0].problem == "Not a finite number: validation_ndcg."


async def test_the_code_version_is_that_of_the_code_that_trains(desk: Desk) -> None:
    own = commit_of(Path(stoa.__file__).parents[2])
    await desk.call("settings_set", models=["popularity"], margin=-1)
    file = await desk.upload("rows.csv", shop())
    adding = await desk.start("add_interactions", file=file, code_version="uploader")
    assert (await desk.settled(adding)).state is RunState.DONE
    started_by_event = await _newest(desk, Outcome.DEPLOYED)
    by_hand = await made(desk)
    sent = await made(desk, code_version="c0ffee")
    for run, expected in ((started_by_event, own), (by_hand, own), (sent, "c0ffee")):
        assert run.code_version == expected
        [model] = [each for each in (await desk.call("models")).models if each.id == run.model]
        assert model.code_version == expected
    assert (await desk.call("datasets")).datasets[0].code_version == "uploader"


async def test_what_is_recommended_keeps_to_attributes_and_leaves_out_what_is_named(
    desk: Desk,
) -> None:
    lines = [
        f"{letter}{n},Product {n},{'Garden' if n % 3 else 'Kitchen'}"
        for letter in "ab"
        for n in range(60)
    ]
    file = await desk.upload("products.csv", "\n".join(["item,title,category", *lines]).encode())
    await desk.call("add_products", file=file)
    await desk.call("settings_set", models=["ease"])
    await desk.add(shop())
    assert (await made(desk)).outcome is Outcome.DEPLOYED
    asked: dict[str, Any] = {"user": "u0", "limit": 30, "where": {"category": "Kitchen"}}
    kitchen = (await desk.call("recommend", **asked)).items
    had = {each.item for each in (await desk.call("user", user="u0")).history}
    all_of_it = {f"{letter}{n}" for letter in "ab" for n in range(0, 60, 3)}
    assert {*kitchen} <= all_of_it - had
    assert len(kitchen) == min(30, len(all_of_it - had))
    rest = (await desk.call("recommend", **asked, exclude=[*kitchen[:3], "not in the shop"])).items
    assert not {*kitchen[:3]} & {*rest}
    assert rest[: len(kitchen) - 3] == kitchen[3:]
    nothing = await desk.call("recommend", user="u0", where={"category": "Opera"})
    assert nothing.items == []
    new = await desk.call("recommend", user="new", limit=5, where={"category": "Kitchen"})
    assert {*new.items} <= all_of_it
    assert len(new.items) == 5


async def test_the_schedule_starts_the_pipeline(desk: Desk) -> None:
    await desk.add(shop())
    await desk.call("settings_set", models=["popularity"], schedule="0 3 1 1 *")
    assert (await desk.call("pipelines")).runs == []
    due = now().replace(second=0, microsecond=0) - timedelta(hours=1)
    await desk.house.platform.database.write(
        lambda s: s.execute(sa.update(ScheduleRow).values(next_at=due)),
        workspace=EVERY_WORKSPACE,
    )
    run = await _newest(desk, Outcome.DEPLOYED)
    assert run.trigger == "by hand or by the clock"
    assert await served(desk) == run.model
    [started] = await desk.house.platform.flows.list(desk.caller)
    assert (started.id, started.operation) == (run.run, "run_pipeline")


async def test_bad_input_is_answered_with_what_there_is(open_shop: Desk) -> None:
    desk = open_shop
    assert (await desk.call("rank", user="u0", items=[])).items == []
    many = [f"{'ab'[n % 2]}{n}" for n in range(10_000)]
    ranked = await desk.call("rank", user="u0", items=many)
    assert len(ranked.items) == 10_000
    assert {*ranked.items} == {*many}
    nobody = await desk.call("rank", user="never seen", items=["a1", "b1"])
    assert not nobody.known_user
    assert {*nobody.items} == {"a1", "b1"}
    only = await desk.call("rank", user="u0", items=["unknown", "not known either"])
    assert only.items == ["unknown", "not known either"]
    with pytest.raises(NotFound):
        await desk.call("similar", item="unknown")


async def test_a_click_counts_once_and_only_for_its_own_workspace(
    open_shop: Desk, bob: Caller
) -> None:
    desk = open_shop
    offered = await desk.call("recommend", user="u0", limit=3)
    with pytest.raises(NotFound):
        await Desk(desk.house, bob).call("click", ticket=offered.ticket)
    assert (await desk.call("click", ticket=offered.ticket)).counted
    assert not (await desk.call("click", ticket=offered.ticket)).counted
    with pytest.raises(NotFound):
        await desk.call("click", ticket="made up")


async def test_another_workspace_finds_none_of_it(open_shop: Desk, bob: Caller) -> None:
    run = (await open_shop.call("pipelines")).runs[0]
    stranger = Desk(open_shop.house, bob)
    for operation, request in (
        ("rank", {"user": "u0", "items": ["a1"]}),
        ("show_pipeline", {"run": run.id}),
        ("retry_step", {"run": run.id}),
        ("lineage", {"model": run.model}),
        ("approve", {"model": run.model}),
        ("deploy", {"model": run.model}),
        ("run_pipeline", {"dataset": run.dataset}),
    ):
        with pytest.raises(NotFound):
            await stranger.call(operation, **request)
    own = (await stranger.call("pipelines")).runs  # the one that found no data
    assert [(each.outcome, each.dataset) for each in own] == [(Outcome.FAILED, "")]
    assert (await stranger.call("models")).models == []


async def test_the_event_starts_it_and_a_person_lets_it_serve(
    house: Dispatcher, desk: Desk
) -> None:
    await desk.call("settings_set", models=["ease"], approval=True)
    file = await desk.upload("monday.csv", shop())
    added = await desk.settled(await desk.start("add_interactions", file=file, partition="monday"))
    assert added.state is RunState.DONE, added.error
    run = await _newest(desk, Outcome.WAITING)
    assert (run.trigger, run.version, run.partition) == ("interactions added", 1, "monday")
    with pytest.raises(NotFound):
        await served(desk)
    judge = desk.beside("rita", Role.REVIEWER)
    approved = await judge.call("approve", model=run.model, reason="It looks right.")
    assert (approved.approval, approved.decided_by) == ("approved", "Rita")
    run = await _newest(desk, Outcome.DEPLOYED)
    assert await served(desk) == run.model
    await _check_lineage(desk, run.model)

    await desk.add(shop(users=90, seed=2), replace=True)
    await desk.call("settings_set", models=["ease"], approval=True, margin=-1)
    started = await desk.start("run_pipeline")
    assert (await desk.settled(started)).state is RunState.WAITING
    second = await _newest(desk, Outcome.WAITING)
    await judge.call("reject", model=second.model, reason="Too many new users.")
    view = await desk.settled(started)
    assert view.state is RunState.DONE, view.error
    assert view.result is not None
    assert (view.result["outcome"], view.result["reason"]) == ("rejected", "Too many new users.")
    assert await served(desk) == run.model
    with pytest.raises(Refused):
        await desk.call("deploy", model=second.model)


@pytest.mark.parametrize("written", ["before it is asked", "after it is asked"])
async def test_an_approval_at_the_moment_of_the_question_is_not_missed(
    house: Dispatcher, desk: Desk, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    """The step has seen that nobody has decided, and whoever decides that nobody is asked."""
    judge, ask, decide = desk.beside("rita", Role.REVIEWER), StepCall.ask_person, Versions.decide
    deciding = asyncio.Event()
    decisions: list[asyncio.Task[Any]] = []

    async def decide_late(self: Versions, caller: Caller, *rest: Any, **more: Any) -> Any:
        if caller.user_id == "rita" and written == "after it is asked" and not deciding.is_set():
            deciding.set()
            await desk.settled(run)
        return await decide(self, caller, *rest, **more)

    async def ask_late(self: StepCall, *rest: Any, **more: Any) -> Any:
        if not decisions:
            [model] = (await desk.call("models")).models
            decisions.append(asyncio.create_task(judge.call("approve", model=model.id)))
            await (deciding.wait() if written == "after it is asked" else decisions[0])
        return await ask(self, *rest, **more)

    monkeypatch.setattr(StepCall, "ask_person", ask_late)  # moments that can't be met from outside
    monkeypatch.setattr(Versions, "decide", decide_late)
    await desk.call("settings_set", models=["popularity"], approval=True)
    await desk.add(shop())
    run = await desk.start("run_pipeline")
    view = await desk.settled(run)
    if view.state is RunState.WAITING:
        assert written == "after it is asked"
        await decisions[0]
        view = await desk.ended(run)
    assert view.state is RunState.DONE, view
    shown = (await desk.call("pipelines")).runs[0]
    assert shown.outcome is Outcome.DEPLOYED
    [model] = (await desk.call("models")).models
    assert (model.approval, model.decided_by) == ("approved", "Rita")
    inbox = await house.platform.flows.approvals.list(desk.caller, Sought())
    assert inbox == []


async def _newest(desk: Desk, outcome: Outcome) -> PipelineRun:
    while True:
        found = (await desk.call("pipelines", limit=1)).runs
        if found and found[0].outcome is outcome:
            shown: PipelineRun = await desk.call("show_pipeline", run=found[0].id)
            return shown
        assert not found or found[0].outcome in (Outcome.RUNNING, Outcome.WAITING), found[0].reason
        await asyncio.sleep(0.1)


async def test_as_many_processes_serve_as_the_settings_say(open_shop: Desk) -> None:
    desk = open_shop
    view = await desk.call("endpoint")
    assert (view.least_replicas, view.most_replicas) == (1, 4)
    champion = view.arms[0].model
    await desk.call("settings_set", replicas=2, most_replicas=3)
    await desk.call("deploy", model=champion)  # the same model, with other processes
    view = await desk.call("endpoint")
    assert (view.least_replicas, view.most_replicas) == (2, 3)
    assert [(each.model, each.replicas) for each in view.arms] == [(champion, 2)]
    await desk.call("settings_set", replicas=2, most_replicas=1)
    await desk.call("deploy", model=champion)
    view = await desk.call("endpoint")
    assert (view.least_replicas, view.most_replicas) == (2, 2)
    with pytest.raises(Conflict):  # nothing else has served
        await desk.call("roll_back")


async def test_challenged_promoted_and_rolled_back(open_shop: Desk) -> None:
    desk = open_shop
    champion = await served(desk)
    await desk.call("settings_set", models=["popularity"], margin=-1, challenger_share=0.5)
    run = await made(desk)
    assert run.outcome is Outcome.DEPLOYED, run.reason
    view = await desk.call("endpoint")
    assert [(each.arm, each.share) for each in view.arms] == [
        ("champion", 0.5),
        ("challenger", 0.5),
    ]
    assert [each.shown for each in view.arms] == [0, 0]  # the smoke test was no customer
    arms = {(await desk.call("recommend", user=f"u{n}", limit=1)).arm for n in range(20)}
    assert arms == {"champion", "challenger"}
    won = await desk.call("end_test", winner="challenger")
    assert (won.id, won.aliases) == (run.model, ["champion"])
    back = await desk.call("roll_back", reason="It was too plain.")
    assert back.id == champion == await served(desk)
    with pytest.raises(Conflict):
        await desk.call("end_test", winner="challenger")


async def test_the_smoke_test_asks_the_version_that_is_deployed(open_shop: Desk) -> None:
    desk = open_shop
    champion = await served(desk)
    await desk.call("settings_set", models=["popularity"], margin=-1, challenger_share=0.01)
    call = desk.house.as_call(desk.caller, SOLUTION)
    run = await made(desk)
    assert run.outcome is Outcome.DEPLOYED, run.reason
    for version in (champion, run.model):
        assert await endpoints.smoke_test(call, "shop", await model_of(call, version)) == ""
    await desk.call("end_test", winner="champion")
    found = await endpoints.smoke_test(call, "shop", await model_of(call, run.model))
    assert "does not serve the version" in found


async def test_a_deploy_that_dies_half_way_leaves_what_served(
    open_shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, champion = open_shop, await served(open_shop)
    await desk.call("settings_set", models=["popularity"], margin=-1)

    async def wrong(*_: Any) -> str:
        return "rank answers nonsense."

    with (
        monkeypatch.context() as broken
    ):  # what can't be provoked from outside: wrong answers, live
        broken.setattr(endpoints, "smoke_test", wrong)
        with pytest.raises(Refused, match="nonsense"):
            await made(desk)
    run = (await desk.call("pipelines")).runs[0]
    assert run.outcome is Outcome.ROLLED_BACK
    assert await served(desk) == champion
    models = (await desk.call("models")).models
    assert {each.id: each.aliases for each in models} == {run.model: [], champion: ["champion"]}


async def test_a_step_that_failed_is_done_again_without_the_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.call("settings_set", models=["ease"])
    await desk.add(shop())

    async def refuse(*_: Any, **__: Any) -> Any:
        raise Refused("The model does not come up.", hint="Try again.")

    with monkeypatch.context() as broken:
        broken.setattr(Inference, "deploy", refuse)
        view = await desk.settled(await desk.start("run_pipeline"))
    assert view.state is RunState.FAILED
    run = (await desk.call("pipelines")).runs[0]
    assert "does not come up" in run.reason
    jobs = len(await desk.house.platform.jobs.list(desk.caller))
    await desk.call("retry_step", run=run.id, step="deploy")
    again = await desk.settled(run.run)
    assert again.state is RunState.DONE, again.error
    assert (await desk.call("show_pipeline", run=run.id)).outcome is Outcome.DEPLOYED
    assert len(await desk.house.platform.jobs.list(desk.caller)) == jobs
    assert len((await desk.call("models")).models) == 1


async def test_one_user_one_row_and_nobody_to_judge_by(desk: Desk) -> None:
    await desk.call("settings_set", models=["popularity", "ease"])
    await desk.add(rows(("ann", "mug", 1)))
    alone = await made(desk)
    assert alone.outcome is Outcome.KEPT_OUT
    assert alone.reason
    await desk.add(rows(("ann", "mug", 5), ("ann", "pan", 2), ("ann", "lid", 3), ("ann", "pot", 4)))
    one = await made(desk)
    assert one.outcome in (Outcome.KEPT_OUT, Outcome.DEPLOYED)
    assert (await desk.call("models", shop="elsewhere")).models == []


async def test_no_data_no_run(desk: Desk) -> None:
    with pytest.raises(NotFound, match="no such interactions"):
        await made(desk)
