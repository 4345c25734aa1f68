"""Budgets and rates hold, also when many processes ask at once."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import Forbidden, LimitReached
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.models.limits import Estimate, Limits, ModelLimits
from stoa.core.models.models import Models
from stoa.core.models.prompts import OFFLINE, Prompt
from stoa.core.models.tables import ModelHold, ModelUsage
from tests.core.models.conftest import NAMES, POLICY
from tests.core.models.test_prompts import Inputs, Output
from tests.providers import INPUT_TOKENS, OUTPUT_TOKENS, Answer, Hang, Status, Stub

ASKED = Inputs(question="why?")
YES = Answer(output={"answer": "yes"})
USED = INPUT_TOKENS + OUTPUT_TOKENS


@pytest.fixture
async def room(reachable: dict[str, Any], database: Database) -> AsyncIterator[Models]:
    """A priced model, on both kinds of database."""
    settings = Settings.load(**reachable, model_strong=NAMES["anthropic"])
    opened = Models(settings, database, AuditLog(database), policy=POLICY)
    yield opened
    await opened.close()


async def test_tokens_a_day(
    room: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    await room.set_limits(alice, ModelLimits(tokens_per_day=2 * USED))
    stub.plan(YES, YES)
    await room.run(prompt, ASKED, caller=alice)
    await room.run(prompt, ASKED, caller=alice)
    with pytest.raises(LimitReached, match="36 tokens a day is used up") as caught:
        await room.run(prompt, ASKED, caller=alice)
    assert 0 < caught.value.retry_after <= 86_400
    assert len(stub.received) == 2


async def test_dollars_a_month(
    room: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    await room.set_limits(alice, ModelLimits(usd_per_month=0.00004))
    stub.plan(YES)
    await room.run(prompt, ASKED, caller=alice)
    with pytest.raises(LimitReached, match="dollars a month") as caught:
        await room.run(prompt, ASKED, caller=alice)
    assert 0 < caught.value.retry_after <= 31 * 86_400


async def test_requests_a_minute(
    room: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    await room.set_limits(alice, ModelLimits(requests_per_minute=2))
    stub.plan(YES, YES)
    await room.run(prompt, ASKED, caller=alice)
    await room.run(prompt, ASKED, caller=alice)
    with pytest.raises(LimitReached, match="2 model requests a minute") as caught:
        await room.run(prompt, ASKED, caller=alice)
    assert 0 < caught.value.retry_after <= 60


async def test_a_limit_is_one_workspaces(
    room: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller, bob: Caller
) -> None:
    await room.set_limits(alice, ModelLimits(tokens_per_day=0))
    stub.plan(YES)
    await room.run(prompt, ASKED, caller=bob)
    with pytest.raises(LimitReached):
        await room.run(prompt, ASKED, caller=alice)
    assert await room.limits(bob) == ModelLimits()


async def test_the_next_day_and_month_are_new(
    room: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller, database: Database
) -> None:
    await room.set_limits(alice, ModelLimits(tokens_per_day=1, usd_per_month=0.00001))
    stub.plan(YES, YES)
    await room.run(prompt, ASKED, caller=alice)
    long_ago = f"{datetime.now(UTC) - timedelta(days=40):%Y-%m-%d}"
    await database.write(
        lambda s: s.execute(update(ModelUsage).values(day=long_ago)), workspace=alice.workspace_id
    )
    await room.run(prompt, ASKED, caller=alice)


async def test_calls_under_way_hold_the_budget(
    room: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller, database: Database
) -> None:
    await room.set_limits(alice, ModelLimits(tokens_per_day=60))
    stub.plan(Hang(5), YES)
    first = asyncio.create_task(room.run(prompt, ASKED, caller=alice))
    while not stub.received:  # noqa: ASYNC110 - it happens in another thread
        await asyncio.sleep(0.01)
    with pytest.raises(LimitReached, match="under way") as caught:
        await room.run(prompt, ASKED, caller=alice)
    assert caught.value.retry_after < 60
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    holds = await database.read(
        lambda s: s.scalars(select(ModelHold)).all(), workspace=EVERY_WORKSPACE
    )
    assert list(holds) == []
    await room.run(prompt, ASKED, caller=alice)


async def test_the_hold_of_a_dead_process_expires(
    room: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller, database: Database
) -> None:
    limits = Limits(database)
    await limits.set(alice, ModelLimits(tokens_per_day=100))
    assert await limits.admit(alice.workspace_id, Estimate(tokens=100))
    with pytest.raises(LimitReached):
        await room.run(prompt, ASKED, caller=alice)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await database.write(
        lambda s: s.execute(update(ModelHold).values(expires_at=past)),
        workspace=alice.workspace_id,
    )
    stub.plan(YES)
    await room.run(prompt, ASKED, caller=alice)


async def test_failures_release_their_hold(
    room: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    await room.set_limits(alice, ModelLimits(tokens_per_day=60))
    stub.plan(Status(400), YES)
    await asyncio.gather(room.run(prompt, ASKED, caller=alice), return_exceptions=True)
    await room.run(prompt, ASKED, caller=alice)


async def test_twins_are_free(
    database: Database, settings: Settings, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    models = Models(settings, database)
    await models.set_limits(alice, ModelLimits(tokens_per_day=0, requests_per_minute=1))
    for _ in range(3):
        assert (await models.run(prompt, ASKED, caller=alice)).answered_by == OFFLINE


async def test_only_owners_set_limits_and_it_is_written_down(
    room: Models, alice: Caller, mia: Caller, database: Database
) -> None:
    with pytest.raises(Forbidden):
        await room.set_limits(mia, ModelLimits(tokens_per_day=9))
    await room.set_limits(alice, ModelLimits(tokens_per_day=9))
    await room.set_limits(alice, ModelLimits(requests_per_minute=5))
    assert await room.limits(mia) == ModelLimits(requests_per_minute=5)
    events = await AuditLog(database).list(alice)
    assert [event.action for event in events] == ["models.limits", "models.limits"]
    assert events[0].details["requests_per_minute"] == 5


async def test_sums_per_day_prompt_and_model(
    room: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    stub.plan(YES, YES, Status(400))
    await asyncio.gather(
        *(room.run(prompt, ASKED, caller=alice) for _ in range(3)), return_exceptions=True
    )
    (line,) = await room.usage(alice)
    assert (line.prompt, line.answered_by) == ("demo.answer", NAMES["anthropic"])
    assert (line.calls, line.failed) == (3, 1)
    assert (line.input_tokens, line.output_tokens) == (2 * INPUT_TOKENS, 2 * OUTPUT_TOKENS)
    assert line.cost_usd == pytest.approx(2 * 4.6e-05)
    assert line.day == datetime.now(UTC).date()


_ASK = """
import asyncio, sys
from stoa.base.database import Database
from stoa.base.errors import LimitReached
from stoa.core.models.limits import Estimate, Limits
import stoa.base.identity.tables

async def main():
    database = Database(sys.argv[1])
    limits, admitted = Limits(database), 0
    for _ in range(10):
        try:
            await limits.admit("workspace_a", Estimate(tokens=10))
            admitted += 1
        except LimitReached:
            pass
    print(admitted)
    database.close()

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "limits", [ModelLimits(requests_per_minute=7), ModelLimits(tokens_per_day=70)]
)
async def test_four_processes_share_one_budget(
    limits: ModelLimits, room: Models, alice: Caller, database: Database
) -> None:
    await room.set_limits(alice, limits)
    started = time.monotonic()
    url = database.engine.url.render_as_string(hide_password=False)
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _ASK, url, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    counts = [int((await each.communicate())[0]) for each in processes]
    # Each holds 10 tokens, so seven fit 70. A rate refills while slow processes start.
    refilled = (limits.requests_per_minute or 0) * (time.monotonic() - started) / 60
    assert 7 <= sum(counts) <= 7 + refilled


async def test_many_tasks_share_one_budget(room: Models, alice: Caller, database: Database) -> None:
    await room.set_limits(alice, ModelLimits(tokens_per_day=50))
    limits = Limits(database)
    asked = [limits.admit(alice.workspace_id, Estimate(tokens=10)) for _ in range(20)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(each, str) for each in outcomes) == 5
    assert sum(isinstance(each, LimitReached) for each in outcomes) == 15
