"""Letters over a real SMTP server: to whom, how often, when it is down, and what their links do."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import Conflict, Forbidden, NotFound, SetupError
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import Membership
from stoa.base.settings import Settings
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.by_link import Click
from stoa.core.flows.flows import Flows, RunState
from stoa.core.flows.letters import LetterState
from stoa.core.flows.links import Standing, hash_of
from stoa.core.flows.questions import Way
from stoa.core.flows.tables import ApprovalRow, LetterRow, LinkRow
from tests.core.flows.asking import asked, register
from tests.core.flows.conftest import Build, until
from tests.core.flows.people import People, leave, settle
from tests.mail_server import MailServer, links, mail_server, part

SITE = "https://stoa.example.org"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def people(database: Database) -> People:
    return settle(database)


@pytest.fixture
async def flows(build: Build, people: People, server: MailServer) -> AsyncIterator[Flows]:
    made = build(smtp_url=server.url, mail_from="Stoa <stoa@example.org>", public_url=SITE)
    register(made, [])
    await made.launch()
    yield made
    await made.close()


async def letter_to(server: MailServer, who: str) -> EmailMessage:
    """The one letter to that person, once it is there."""
    address = f"{who}@example.org"
    await until(lambda: server.to(address))
    [letter] = server.to(address)
    return letter


def click(address: str, visitor: str | None = None) -> Click:
    """The link as its page hands it on."""
    *_, approval_id, token = address.split("/")
    return Click(approval_id, token, visitor)


def states(database: Database) -> dict[str, str]:
    """State of the letters by person."""
    query = sa.select(LetterRow.user_id, LetterRow.state)
    rows = database.read_now(lambda s: s.execute(query).all(), workspace=EVERY_WORKSPACE)
    return {each.user_id: each.state for each in rows}


async def test_all_of_a_role_get_a_letter_of_their_own_and_the_first_decides(
    flows: Flows, people: People, server: MailServer
) -> None:
    question = await asked(flows, people.alice, to="role:reviewer", question="Publish <b>this</b>?")
    of_rex, of_rita = await letter_to(server, "rex"), await letter_to(server, "rita")
    assert server.to("alice@example.org") == []
    assert set(links(of_rex)) == {"Approve", "Reject"}
    assert not {*links(of_rex).values()} & {*links(of_rita).values()}
    assert of_rex["Subject"] == "Publish <b>this</b>?"
    assert "Publish &lt;b&gt;this&lt;/b&gt;?" in part(of_rex, "html")
    assert not re.search(r"src=|url\(|<script|<link", part(of_rex, "html"))
    for address in links(of_rex).values():
        assert address.startswith(f"{SITE}/decide/{question.id}/")
        assert re.fullmatch(r"[\w./:-]+", address)

    view = await flows.approvals.confirm(click(links(of_rex)["Approve"]))
    assert view.standing is Standing.DONE
    run = await flows.wait(people.alice, question.run_id)
    assert run.result is not None
    assert (run.result["decided_by"], run.result["way"]) == ("user_rex", Way.EMAIL)
    late = await flows.approvals.confirm(click(links(of_rita)["Reject"]))
    assert late.standing is Standing.DECIDED
    assert late.approval is not None
    assert (late.approval.decided_by_name, late.approval.choice) == ("Rex", "approve")


async def test_looking_changes_nothing_and_repeated_or_contradicting_clicks_are_explained(
    flows: Flows, people: People, server: MailServer
) -> None:
    question = await asked(flows, people.alice, to="user_rex", editable_text="Dear all")
    found = links(await letter_to(server, "rex"))
    approve, reject = click(found["Approve"]), click(found["Reject"])
    for _ in range(3):
        for each in (approve, reject):
            assert (await flows.approvals.look(each)).standing is Standing.READY
    assert (await flows.show(people.alice, question.run_id)).state is RunState.WAITING
    done = await flows.approvals.confirm(approve, "Dear everyone")
    assert done.standing is Standing.DONE
    for again in (await flows.approvals.confirm(approve), await flows.approvals.look(approve)):
        assert again.standing is Standing.REPEATED
    other = await flows.approvals.confirm(reject, "Dear nobody")
    assert other.standing is Standing.CONTRADICTED
    assert other.mine is not None
    assert other.mine.choice == "approve"
    shown = await flows.approvals.show(people.alice, question.id)
    assert (shown.choice, shown.text, shown.decided_by) == ("approve", "Dear everyone", "user_rex")


async def test_contradicting_clicks_at_once_are_one_decision(
    flows: Flows, people: People, server: MailServer
) -> None:
    question = await asked(flows, people.alice, to="role:reviewer")
    of_rex, of_rita = await letter_to(server, "rex"), await letter_to(server, "rita")
    clicks = [click(each) for letter in (of_rex, of_rita) for each in links(letter).values()] * 3
    views = await asyncio.gather(*(flows.approvals.confirm(each) for each in clicks))
    assert [each.standing for each in views].count(Standing.DONE) == 1
    run = await flows.wait(people.alice, question.run_id)
    assert run.result is not None
    history = await flows.approvals.history(people.alice, question.id)
    assert [each.action for each in history] == ["asked", "decided"]


async def test_links_that_are_no_good(
    flows: Flows, people: People, server: MailServer, database: Database
) -> None:
    first = await asked(flows, people.alice, to="user_rex")
    good = click(links(await letter_to(server, "rex"))["Approve"])
    second = await asked(flows, people.alice, to="user_rita")
    look = flows.approvals.look
    token = good.token
    body, _, signature = token.rpartition(".")
    for cut in (token[:-1], token[:20], body, ""):
        assert (await look(Click(first.id, cut))).standing is Standing.INCOMPLETE
    changed = ("A" if body[0] != "A" else "B") + body[1:]
    for forged in (
        f"{changed}.{signature}",
        f"{body}.{signature[::-1]}",
        "x" * 60 + "." + "y" * 43,
    ):
        assert (await look(Click(first.id, forged))).standing is Standing.FORGED
    for elsewhere in (second.id, "approval_none", ""):
        assert (await look(Click(elsewhere, token))).standing is Standing.UNKNOWN
    assert (await look(Click(first.id, token, "user_rita"))).standing is Standing.NOT_YOU
    assert (await look(Click(first.id, token, "user_rex"))).standing is Standing.READY

    def move_link(session: Any) -> None:
        session.execute(
            sa.update(LinkRow)
            .where(LinkRow.token_hash == hash_of(token))
            .values(workspace_id="workspace_b")
        )

    await asyncio.to_thread(database.write_now, move_link, workspace=EVERY_WORKSPACE)
    assert (await look(good)).standing is Standing.UNKNOWN
    for each in (Click(first.id, token), Click(second.id, token)):
        assert (await flows.approvals.confirm(each)).standing is Standing.UNKNOWN
    assert (await flows.show(people.alice, first.run_id)).state is RunState.WAITING


async def test_links_of_questions_that_are_over(
    flows: Flows, people: People, server: MailServer, database: Database
) -> None:
    moved = await asked(flows, people.alice, to="user_rex")
    old = click(links(await letter_to(server, "rex"))["Approve"])
    await flows.approvals.reassign(people.alice, moved.id, "user_ed")
    assert (await flows.approvals.confirm(old)).standing is Standing.NOT_ASKED
    of_ed = click(links(await letter_to(server, "ed"))["Approve"])
    await flows.cancel(people.alice, moved.run_id)
    assert (await flows.approvals.confirm(of_ed)).standing is Standing.WITHDRAWN

    late = await asked(flows, people.alice, to="user_rita", deadline=36_000)
    of_rita = click(links(await letter_to(server, "rita"))["Approve"])
    leave(database, people.rita)
    assert (await flows.approvals.confirm(of_rita)).standing is Standing.NOT_ASKED

    gone = await asked(flows, people.alice, to="user_mia", deadline=36_000)
    of_mia = click(links(await letter_to(server, "mia"))["Approve"])
    await asyncio.to_thread(
        database.write_now,
        lambda s: s.execute(sa.update(ApprovalRow).values(deadline=now() - timedelta(seconds=1))),
        workspace=EVERY_WORKSPACE,
    )
    assert (await flows.approvals.confirm(of_mia)).standing is Standing.EXPIRED
    assert (await flows.approvals.show(people.alice, late.id)).choice is None
    assert (await flows.approvals.show(people.alice, gone.id)).choice is None


async def test_one_letter_a_person_and_question_and_a_reminder(
    flows: Flows, people: People, server: MailServer, database: Database
) -> None:
    question = await asked(flows, people.alice, to="user_rex", deadline=3_600, remind_before=60)
    await letter_to(server, "rex")
    await flows.approvals.reassign(people.rex, question.id, "user_ed")
    await letter_to(server, "ed")
    await flows.approvals.reassign(people.ed, question.id, "user_rex")
    is_time = sa.update(ApprovalRow).values(remind_at=now(), due_at=now())
    await asyncio.to_thread(
        database.write_now, lambda s: s.execute(is_time), workspace=EVERY_WORKSPACE
    )
    await until(lambda: len(server.to("rex@example.org")) >= 2)
    first, second = server.to("rex@example.org")
    assert (first["Subject"], second["Subject"]) == ("Publish?", "Reminder: Publish?")
    assert first["Message-ID"] != second["Message-ID"]
    done = await flows.approvals.confirm(click(links(second)["Reject"]))
    assert done.standing is Standing.DONE
    again = await flows.approvals.confirm(click(links(first)["Approve"]))
    assert again.standing is Standing.CONTRADICTED


async def test_a_sender_killed_before_it_noted_the_sending_sends_the_same_letter_again(
    flows: Flows, people: People, server: MailServer, database: Database
) -> None:
    await asked(flows, people.alice, to="user_rex")
    await letter_to(server, "rex")
    await until(lambda: states(database)["user_rex"] == LetterState.SENT)
    as_if_killed = sa.update(LetterRow).values(state=LetterState.WAITING, next_at=now())
    await asyncio.to_thread(
        database.write_now, lambda s: s.execute(as_if_killed), workspace=EVERY_WORKSPACE
    )
    await until(lambda: len(server.to("rex@example.org")) == 2)
    first, second = server.to("rex@example.org")
    assert first["Message-ID"] == second["Message-ID"]
    assert links(first) == links(second)


async def test_who_wants_none_gets_none_and_finds_it_in_the_inbox(
    flows: Flows, people: People, server: MailServer, database: Database, bob: Caller
) -> None:
    assert await flows.approvals.letters.wants(people.rex)
    await flows.approvals.letters.want(people.rex, False)
    await flows.approvals.letters.want(people.rex, False)
    question = await asked(flows, people.alice, to="role:reviewer", excluding=["user_ed"])
    await letter_to(server, "rita")
    assert states(database).keys() == {"user_rita"}
    assert [each.id for each in await flows.approvals.list(people.rex)] == [question.id]
    await flows.approvals.letters.want(people.rex, True)
    assert await flows.approvals.letters.wants(people.rex)
    with pytest.raises(NotFound):
        await flows.approvals.letters.want(bob, False)


async def test_owners_stand_in_for_a_role_that_nobody_has(
    flows: Flows, people: People, server: MailServer, database: Database
) -> None:
    leave(database, people.ed)
    await asked(flows, people.alice, to="role:editor")
    await letter_to(server, "alice")
    assert states(database).keys() == {"user_alice"}
    assert len(server.letters) == 1


async def test_a_server_that_is_down_delays_letters_and_nothing_else(
    flows: Flows, people: People, server: MailServer, database: Database
) -> None:
    await asyncio.to_thread(server.stop)
    decided = await asked(flows, people.alice, to="user_rita")
    await flows.approvals.decide(people.rita, decided.id, Ballot("approve"))
    assert (await flows.wait(people.alice, decided.run_id)).state is RunState.DONE
    await asked(flows, people.alice, to="user_rex")

    def tried() -> bool:
        query = sa.select(LetterRow.attempts).where(LetterRow.user_id == "user_rex")
        attempts = database.read_now(lambda s: s.scalar(query), workspace=EVERY_WORKSPACE)
        return attempts is not None and attempts > 0

    await until(tried)
    await asyncio.to_thread(server.start)
    found = links(await letter_to(server, "rex"))
    assert (await flows.approvals.confirm(click(found["Reject"]))).standing is Standing.DONE
    await until(lambda: states(database)["user_rex"] == LetterState.SENT)
    await until(lambda: states(database)["user_rita"] == LetterState.DROPPED)
    assert server.to("rita@example.org") == []


async def test_whoever_is_not_asked_any_more_is_sent_nothing_until_asked_again(
    flows: Flows, people: People, server: MailServer, database: Database
) -> None:
    await asyncio.to_thread(server.stop)
    await asked(flows, people.alice, to="role:reviewer")
    moved = await asked(flows, people.alice, to="user_ed")
    await flows.approvals.reassign(people.ed, moved.id, "user_mia")
    demoted = sa.update(Membership).where(Membership.user_id == "user_rita")
    await asyncio.to_thread(
        database.write_now,
        lambda s: s.execute(demoted.values(role=Role.MEMBER)),
        workspace=EVERY_WORKSPACE,
    )
    await asyncio.to_thread(server.start)
    await letter_to(server, "rex")
    await letter_to(server, "mia")
    await until(lambda: states(database)["user_rita"] == LetterState.DROPPED)
    await until(lambda: states(database)["user_ed"] == LetterState.DROPPED)
    assert server.to("rita@example.org") == server.to("ed@example.org") == []
    await flows.approvals.reassign(people.mia, moved.id, "user_ed")
    found = links(await letter_to(server, "ed"))
    assert (await flows.approvals.confirm(click(found["Approve"]))).standing is Standing.DONE


async def test_a_letter_refused_for_good_is_shown_and_can_be_tried_again(
    flows: Flows, people: People, server: MailServer, database: Database
) -> None:
    server.refusals["rex@example.org"] = "550 5.1.1 no such person"
    await asked(flows, people.alice, to="role:reviewer")
    await letter_to(server, "rita")
    await until(lambda: states(database)["user_rex"] == LetterState.FAILED)
    with pytest.raises(Forbidden):
        await flows.approvals.letters.failed(people.rex)
    [dead] = await flows.approvals.letters.failed(people.alice)
    assert (dead.to_name, dead.attempts) == ("Rex", 1)
    assert "550 5.1.1 no such person" in dead.error
    narrow = replace(people.alice, scopes=frozenset({"ask_docs"}))
    with pytest.raises(Forbidden):
        await flows.approvals.letters.failed(narrow)
    with pytest.raises(Forbidden):
        await flows.approvals.letters.retry(narrow, dead.id)
    other = Caller("workspace_b", "user_bob", people.alice.role)
    assert await flows.approvals.letters.failed(other) == []
    with pytest.raises(NotFound):
        await flows.approvals.letters.retry(other, dead.id)
    server.refusals.clear()
    await flows.approvals.letters.retry(people.alice, dead.id)
    found = links(await letter_to(server, "rex"))
    assert (await flows.approvals.look(click(found["Approve"]))).standing is Standing.READY
    await until(lambda: states(database)["user_rex"] == LetterState.SENT)
    with pytest.raises(Conflict):
        await flows.approvals.letters.retry(people.alice, dead.id)


async def test_tokens_are_stored_as_hashes_only(
    flows: Flows, people: People, server: MailServer, database: Database
) -> None:
    await asked(flows, people.alice, to="user_rex")
    found = links(await letter_to(server, "rex"))
    stored = database.read_now(
        lambda s: s.scalars(sa.select(LinkRow.token_hash)).all(), workspace=EVERY_WORKSPACE
    )
    assert {*stored} == {hash_of(click(each).token) for each in found.values()}
    rows = database.read_now(
        lambda s: [str(row) for row in s.execute(sa.text("SELECT * FROM approval_letter"))],
        workspace=EVERY_WORKSPACE,
    )
    assert not any(click(each).token in row for each in found.values() for row in rows)


async def test_what_comes_with_a_question_stays_text(
    flows: Flows, people: People, server: MailServer
) -> None:
    nasty = "<img src=x onerror=alert(1)> {{ 7777 * 7777 }} </div>\r\nBcc: eve@example.org"
    await asked(
        flows,
        people.alice,
        to="user_rex",
        question=f"Publish {nasty}?",
        context={nasty: nasty, "Numbers": [1, 2], "score": 0.5},
        editable_text=nasty,
        highlights=[{"start": 0, "end": 4, "note": nasty[:60], "field": ""}],
    )
    letter = await letter_to(server, "rex")
    html = part(letter, "html")
    assert "<img" not in html
    assert "60481729" not in html
    assert "{{ 7777 * 7777 }}" in html
    assert letter["Bcc"] is None
    assert "\n" not in str(letter["Subject"])
    assert nasty.splitlines()[0] in part(letter, "plain")


@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n", "\u2028", "\x0b"])
async def test_what_is_shown_can_not_pass_for_our_links(
    flows: Flows, people: People, server: MailServer, newline: str
) -> None:
    fake = newline.join(["Fine.", "Approve:", "https://eve.example.org/decide/a/b", ""])
    await asked(flows, people.alice, to="user_rex", context={"review": fake}, editable_text=fake)
    letter = await letter_to(server, "rex")
    assert [each.split("/decide/")[0] for each in links(letter).values()] == [SITE, SITE]
    assert "> https://eve.example.org/decide/a/b" in part(letter, "plain")


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("http://mail.example.org", "stoa@example.org"),
        ("smtp://", "stoa@example.org"),
        ("smtp://mail.example.org?starttls=perhaps", "stoa@example.org"),
        ("smtp://me:secret@mail.example.org?starttls=no", "stoa@example.org"),
        ("smtp://mail.example.org", ""),
        ("smtp://mail.example.org", "Stoa"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_settings_that_can_not_work_are_refused_at_the_start(
    build: Build, url: str, sender: str
) -> None:
    with pytest.raises(SetupError):
        build(smtp_url=url, mail_from=sender)


def test_a_password_in_the_address_is_a_secret() -> None:
    settings = Settings.load(smtp_url="smtp://me:s3cret@mail.example.org")
    assert "s3cret" not in repr(settings)
