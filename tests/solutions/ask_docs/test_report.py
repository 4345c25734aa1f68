"""The report: made from the log, and honest about what went unanswered."""

from collections import defaultdict
from datetime import date, timedelta

import pytest
from sqlalchemy import update

from stoa.base.database import EVERY_WORKSPACE, now
from stoa.base.errors import Forbidden
from stoa.base.identity.caller import Role
from stoa.solutions.ask_docs.tables import QuestionRow
from tests.solutions.ask_docs.conftest import LEAVE, WEEKS, Desk, asked_over_weeks, monday


async def test_a_report(desk: Desk) -> None:
    await desk.publish("leave.md", LEAVE)
    mia = desk.beside("mia")
    good = await desk.ask("How many days of annual leave does every employee have?")
    await desk.ask("How many days of annual leave may be carried over?")
    for question in ("Is there a swimming pool?", "Is there a swimming pool?", "Who won in Rio?"):
        await mia.ask(question)
    await mia.ask("hello")
    await desk.call("feedback", turn=good.turn, helpful=True)

    report = await desk.beside("ed", Role.EDITOR).call("report")
    assert (report.questions, report.users) == (6, 2)
    assert report.kinds == {"answer": 2, "not_found": 3, "greeting": 1}
    assert (report.helpful, report.unhelpful) == (1, 0)
    assert [(group.question, group.count) for group in report.unanswered] == [
        ("Is there a swimming pool?", 2),
        ("Who won in Rio?", 1),
    ]
    assert {(use.user, use.questions) for use in report.usage} == {("Alice", 2), ("Mia", 4)}
    topics = {topic.topic: topic.questions for topic in report.topics}
    assert topics["annual leave"] == 2
    steps = {latency.step: latency for latency in report.latency}
    assert steps.keys() == {"understand", "retrieve", "answer", "verify", "total"}
    assert all(0 <= each.p50 <= each.p95 for each in steps.values())
    assert (report.input_tokens, report.output_tokens) == (0, 0)


async def test_why_an_answer_did_not_help_is_in_the_report(desk: Desk) -> None:
    await desk.publish("leave.md", LEAVE)
    mia, editor = desk.beside("mia"), desk.beside("ed", Role.EDITOR)
    questions = ("Is there a swimming pool?", "Who won in Rio?", "And the moss?", "And the geese?")
    answers = [await mia.ask(question) for question in questions]
    await mia.call("feedback", turn=answers[0].turn, helpful=False, note="There is one in town.")
    await mia.call("feedback", turn=answers[1].turn, helpful=False)
    await mia.call("feedback", turn=answers[2].turn, helpful=True, note="Now I know.")
    await mia.call("feedback", turn=answers[3].turn, helpful=False, note="They bite.")
    report = await editor.call("report")
    assert report.unhelpful == 3
    assert [(each.question, each.note) for each in report.reasons] == [
        ("And the geese?", "They bite."),
        ("Is there a swimming pool?", "There is one in town."),
    ]
    await mia.call("conversation_delete", conversation=answers[3].conversation)
    assert len((await editor.call("report")).reasons) == 1


async def test_a_report_reaches_back_only_so_far(desk: Desk) -> None:
    await desk.ask("Who won in Rio?")
    await desk.house.platform.database.write(
        lambda session: session.execute(update(QuestionRow).values(at=now() - timedelta(days=10))),
        workspace=EVERY_WORKSPACE,
    )
    assert (await desk.call("report", days=7)).questions == 0
    assert (await desk.call("report", days=14)).questions == 1
    await desk.call("memory", log_days=9)
    await desk.call("sync_due")
    assert (await desk.call("report", days=14)).questions == 0


async def test_topics_over_several_weeks(desk: Desk) -> None:
    await asked_over_weeks(desk.house.platform.database, desk.caller.workspace_id)
    report = await desk.call("report", days=90)
    over_time: dict[str, dict[date, int]] = defaultdict(dict)
    for each in report.topics:
        over_time[each.topic][each.week] = each.questions
    this_week, last_week, before = (monday(weeks_ago) for weeks_ago, *_ in WEEKS)
    assert over_time["car park"] == {this_week: 1, before: 4}
    assert over_time["annual leave"] == {this_week: 3, last_week: 2}
    weeks = [each.week for each in report.topics]
    assert weeks == sorted(weeks, reverse=True)
    assert {each.week for each in (await desk.call("report", days=1)).topics} <= {this_week}


async def test_members_get_no_report(desk: Desk) -> None:
    with pytest.raises(Forbidden):
        await desk.beside("mia").call("report")
