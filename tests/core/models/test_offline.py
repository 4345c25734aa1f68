"""Without a model the twin answers, says so, and is booked."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import select

from stoa.base.database import Database
from stoa.base.errors import Bug, NotFound
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.models.models import Models
from stoa.core.models.prompts import OFFLINE, Prompt
from stoa.core.models.tables import ModelCall
from tests.core.models.test_prompts import HEAD, Inputs, Output, twin, written


@pytest.fixture
async def models(settings: Settings, database: Database) -> AsyncIterator[Models]:
    opened = Models(settings, database)
    yield opened
    await opened.close()


@pytest.fixture
def prompt(tmp_path: Path) -> Prompt[Inputs, Output]:
    return Prompt(written(tmp_path), twin)


async def test_the_twin_answers_and_says_so(
    models: Models, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    reply = await models.run(prompt, Inputs(question="why?"), caller=alice)
    assert reply.output == Output(answer="WHY?")
    assert reply.answered_by == OFFLINE
    assert (reply.input_tokens, reply.output_tokens, reply.cost_usd) == (0, 0, 0.0)


async def test_the_ledger_has_a_line_and_no_text(
    models: Models, prompt: Prompt[Inputs, Output], database: Database, alice: Caller
) -> None:
    await models.run(prompt, Inputs(question="secret words"), caller=alice, run_id="run_1")
    (line,) = await database.read(
        lambda s: s.scalars(select(ModelCall)).all(), workspace=alice.workspace_id
    )
    assert (line.prompt, line.prompt_version) == ("demo.answer", prompt.version)
    assert (line.user_id, line.run_id) == (alice.user_id, "run_1")
    assert (line.answered_by, line.outcome, line.cost_usd) == (OFFLINE, "answered", 0.0)
    assert not any("secret" in str(value) for value in vars(line).values())


async def test_on_partial_gets_the_whole_once(
    models: Models, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    seen: list[dict[str, Any]] = []

    async def note(partial: dict[str, Any]) -> None:
        seen.append(partial)

    await models.run(prompt, Inputs(question="a"), caller=alice, on_partial=note)
    assert seen == [{"answer": "A"}]


async def test_a_twin_may_refuse(
    models: Models, database: Database, alice: Caller, tmp_path: Path
) -> None:
    def refusing(inputs: Inputs) -> Output:
        raise NotFound("nothing there", hint="look elsewhere")

    prompt = Prompt(written(tmp_path), refusing)
    with pytest.raises(NotFound, match="nothing there"):
        await models.run(prompt, Inputs(question="a"), caller=alice)
    (line,) = await database.read(
        lambda s: s.scalars(select(ModelCall)).all(), workspace=alice.workspace_id
    )
    assert line.outcome == "failed"


async def test_a_twin_with_an_invalid_output_is_our_bug(
    models: Models, alice: Caller, tmp_path: Path
) -> None:
    def lying(inputs: Inputs) -> Output:
        return Output(answer="x").model_copy(update={"answer": None})

    with pytest.raises(Bug, match=r"demo\.answer"):
        await models.run(Prompt(written(tmp_path), lying), Inputs(question="a"), caller=alice)


async def test_another_workspace_sees_no_line(
    models: Models, prompt: Prompt[Inputs, Output], alice: Caller, bob: Caller
) -> None:
    await models.run(prompt, Inputs(question="a"), caller=alice)
    assert len(await models.usage(alice)) == 1
    assert await models.usage(bob) == []


class Nested(BaseModel):
    parts: list[Output]


async def test_nested_outputs(models: Models, alice: Caller, tmp_path: Path) -> None:
    def nested(inputs: Inputs) -> Nested:
        return Nested(parts=[Output(answer="1"), Output(answer="2")])

    prompt = Prompt(written(tmp_path, head=HEAD.replace("Output", "Nested")), nested)
    reply = await models.run(prompt, Inputs(question="a"), caller=alice)
    assert [part.answer for part in reply.output.parts] == ["1", "2"]
