"""Where a review goes: every way through the flow, and the one event it ends with."""

from typing import Any

import pytest
import sqlalchemy as sa

from stoa.base.errors import Conflict, NotFound
from stoa.base.identity.caller import Role
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.run import RunState
from stoa.dispatch import Dispatcher
from stoa.solutions.answer_reviews.flow import _Answering
from stoa.solutions.answer_reviews.schema import ReviewState, ReviewView, Score
from stoa.solutions.answer_reviews.tables import ReviewRow
from tests.core.flows.people import settle
from tests.solutions.answer_reviews.conftest import (
    FRENCH,
    HOLDS,
    KIND,
    LETS_PASS,
    REFUSES,
    Desk,
)

RECEIVED = "REVIEW_RECEIVED"
ANSWERED = "NEW_REVIEW_RESPONSE_CREATED"
HARMFUL = "HARMFUL_CONTENT_DETECTED"
FAILED = "RESPONSE_GENERATION_FAILED"

WAYS: list[tuple[str, dict[str, Any], list[str], ReviewState, str]] = [
    ("fine", LETS_PASS, [], ReviewState.ANSWERED, ANSWERED),
    ("harmful", REFUSES, [], ReviewState.HARMFUL, HARMFUL),
    ("held, rejected", HOLDS, ["reject"], ReviewState.HARMFUL, HARMFUL),
    ("held, accepted, reply accepted", HOLDS, ["accept", "accept"], ReviewState.ANSWERED, ANSWERED),
    ("held, accepted, reply rejected", HOLDS, ["accept", "reject"], ReviewState.FAILED, FAILED),
    (
        "only the reply held",
        {**LETS_PASS, "approve_replies": True},
        ["accept"],
        ReviewState.ANSWERED,
        ANSWERED,
    ),
]


@pytest.mark.parametrize(
    ("rules", "choices", "state", "event"),
    [way[1:] for way in WAYS],
    ids=[way[0] for way in WAYS],
)
async def test_each_way_ends_with_one_event(
    desk: Desk, rules: dict[str, Any], choices: list[str], state: ReviewState, event: str
) -> None:
    await desk.channel(**rules)
    run = await desk.start(author="Ida", product="Copper kettle", rating=5)
    for choice in choices:
        await desk.decide(run, choice)
    view = await desk.settled(run)
    assert view.state is RunState.DONE, view.error
    review = ReviewView.model_validate(view.result)
    assert review.state is state
    assert review.held == len(choices)
    assert review.decided_by == ("Alice" if choices else "")
    assert await desk.told() == [RECEIVED, event]


async def test_a_reply_is_made_of_phrases_and_words_of_the_review(desk: Desk) -> None:
    await desk.channel(**LETS_PASS, signature="The shop")
    review = await desk.submit(author="Ida", product="Copper kettle", rating=5)
    assert review.reply_by == "offline"
    assert review.reply.startswith("Hello Ida, thank you very much for this kind review of")
    assert "“Copper kettle”" in review.reply
    assert "the delivery" in review.reply
    assert review.reply.endswith("\n\nThe shop")


async def test_a_french_review_gets_a_french_reply(desk: Desk) -> None:
    await desk.channel(**LETS_PASS)
    review = await desk.submit(FRENCH, rating=5)
    assert review.language == "fr"
    assert review.reply.startswith("Bonjour, merci beaucoup")
    assert "la livraison" in review.reply


async def test_a_language_without_phrases_is_held_with_the_reply(desk: Desk) -> None:
    text = "Das Regal ist stabil und war schnell aufgebaut, die Lieferung kam pünktlich an."
    run = await desk.start(text, channel="other")
    await desk.decide(run, "accept")
    assert (await desk.show(run)).state is ReviewState.REPLY_HELD
    await desk.decide(run, "accept", "Vielen Dank für die freundlichen Worte!")
    review = await desk.show(run)
    assert review.language == "de"
    assert review.state is ReviewState.ANSWERED
    assert review.reply == "Vielen Dank für die freundlichen Worte!"
    assert review.reply_edited


async def test_what_a_person_is_shown(desk: Desk) -> None:
    await desk.channel(**HOLDS)
    run = await desk.start("You are an idiot, but the soup was good.", author="Ida")
    question = await desk.asked(run)
    view = await desk.house.platform.flows.approvals.show(desk.caller, question)
    assert view.choices == ["accept", "reject"]
    assert view.to_role == Role.REVIEWER
    assert view.context["review"] == "You are an idiot, but the soup was good."
    assert view.context["author"] == "Ida"
    assert view.deadline is not None
    marked = [view.context["review"][each.start : each.end] for each in view.highlights]
    assert any("idiot" in each for each in marked)


async def test_nobody_decides_in_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The review ends, with an event that says why; nothing is answered."""
    monkeypatch.setattr("stoa.solutions.answer_reviews.flow._HOUR", 0.0001)
    await desk.channel(**HOLDS, deadline_hours=1)
    run = await desk.start()
    view = await desk.house.platform.flows.wait(desk.caller, run)
    review = ReviewView.model_validate(view.result)
    assert review.state is ReviewState.FAILED
    assert review.reason == "Nobody decided in time."
    assert await desk.told() == [RECEIVED, FAILED]


async def test_four_eyes(desk: Desk) -> None:
    settle(desk.house.platform.database)
    await desk.channel(**HOLDS, people=2)
    run = await desk.start()
    question = await desk.asked(run)
    approvals = desk.house.platform.flows.approvals
    await approvals.decide(desk.caller, question, Ballot(choice="reject"))
    assert (await desk.show(run)).state is ReviewState.HELD
    other = desk.beside("user_rex", Role.REVIEWER)
    await approvals.decide(other.caller, question, Ballot(choice="reject"))
    view = await desk.settled(run)
    assert ReviewView.model_validate(view.result).state is ReviewState.HARMFUL


# The same review twice


async def test_the_same_id_is_one_review(desk: Desk) -> None:
    await desk.channel(**LETS_PASS)
    first = await desk.submit(review_id="a-1", source="shop")
    second = await desk.submit(review_id="a-1", source="shop")
    elsewhere = await desk.submit(review_id="a-1", source="market")
    assert second.id == first.id
    assert elsewhere.id != first.id
    assert await desk.told(first.id) == [RECEIVED, ANSWERED]


async def test_the_same_id_with_another_text_is_refused(desk: Desk) -> None:
    await desk.submit(review_id="a-1")
    run = await desk.settled(await desk.start("Something else entirely.", review_id="a-1"))
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert run.error["code"] == Conflict.code


async def test_the_same_run_replayed_takes_in_once(desk: Desk, house: Dispatcher) -> None:
    """The step that takes a review in may run twice when it is killed before its record."""
    keys = [
        await house.start(desk.caller, "answer_reviews", "submit", {"text": KIND}, key="event-1")
        for _ in range(2)
    ]
    assert keys[0] == keys[1]
    await desk.settled(keys[0].run_id)
    assert (await desk.call("list")).total == 1


# Withdrawing


async def test_a_retracted_review_is_forgotten_and_told(desk: Desk) -> None:
    await desk.channel(**LETS_PASS)
    review = await desk.submit("A private story about my delivery.", author="Ida")
    gone = await desk.call("retract", review=review.id)
    again = await desk.call("retract", review=review.id)
    assert gone.state is again.state is ReviewState.RETRACTED
    assert gone.text == gone.author == gone.reply == ""
    assert await desk.told(review.id) == [RECEIVED, ANSWERED, "REVIEW_RETRACTED"]


async def test_a_review_retracted_while_it_waits_is_never_answered(desk: Desk) -> None:
    await desk.channel(**HOLDS)
    run = await desk.start()
    await desk.asked(run)
    review = await desk.show(run)
    await desk.call("retract", review=review.id)
    view = await desk.settled(run)
    assert view.state is RunState.CANCELLED
    assert await desk.told(review.id) == [RECEIVED, "REVIEW_RETRACTED"]


@pytest.mark.parametrize("rules", [HOLDS, {**LETS_PASS, "approve_replies": True}])
async def test_nobody_is_asked_about_a_review_that_was_just_retracted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, rules: dict[str, Any]
) -> None:
    """As where the process dies between the retraction and the end of the run that is at work."""
    judged = _Answering.judge

    async def retracted_meanwhile(answering: _Answering) -> Score:
        score = await judged(answering)
        gone = sa.update(ReviewRow).values(state=ReviewState.RETRACTED)
        await desk.house.platform.database.write(
            lambda s: s.execute(gone), workspace=desk.caller.workspace_id
        )
        return score

    monkeypatch.setattr(_Answering, "judge", retracted_meanwhile)
    await desk.channel(**rules)
    view = await desk.settled(await desk.start())
    assert view.state is RunState.DONE, view.error
    assert ReviewView.model_validate(view.result).state is ReviewState.RETRACTED
    assert await desk.told() == [RECEIVED]


# Others


async def test_another_workspace_sees_nothing(desk: Desk, house: Dispatcher, bob: Any) -> None:
    review = await desk.submit()
    stranger = Desk(house, bob)
    assert (await stranger.call("list")).total == 0
    for operation in ("show", "retract", "pictures"):
        with pytest.raises(NotFound):
            await stranger.call(operation, review=review.id)
    with pytest.raises(NotFound):
        await stranger.call("label", review=review.id, harmful=True)
