"""Who is asked for a role, and who when that one fails."""

from typing import Any

import pytest

from stoa.base.database import Database
from stoa.base.errors import ProviderError, SetupError
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.models.models import Models
from stoa.core.models.prompts import OFFLINE, Prompt
from stoa.core.models.retries import RetryPolicy
from tests.core.models.conftest import NAMES, booked
from tests.core.models.test_prompts import Inputs, Output
from tests.providers import Answer, Cut, Status, Stub

ASKED = Inputs(question="why?")
YES = Answer(output={"answer": "yes"})
ONCE = RetryPolicy(retries=0, timeout=20.0)
FIRST, SECOND = NAMES["openai"], NAMES["anthropic"]


@pytest.fixture
def chained(reachable: dict[str, Any], sqlite: Database) -> Any:
    def build(**given: Any) -> Models:
        return Models(Settings.load(**reachable, **given), sqlite, policy=ONCE)

    return build


def test_roles(chained: Any) -> None:
    assert chained().chain("strong") == [OFFLINE]
    assert chained(model_strong=FIRST).chain("fast") == [FIRST]
    assert chained(model_strong=FIRST).chain("vision") == [FIRST]
    assert chained(model_strong=FIRST, model_fast=SECOND).chain("fast") == [SECOND]
    assert chained(model_fast=SECOND).chain("strong") == [OFFLINE]
    fallback = f"{SECOND}, {FIRST}"
    assert chained(model_strong=FIRST, model_fallback=fallback).chain("strong") == [FIRST, SECOND]
    assert chained(model_fallback=SECOND).chain("strong") == [OFFLINE]
    assert chained(model_strong=FIRST, offline_fallback=True).chain("strong") == [FIRST, OFFLINE]


@pytest.mark.parametrize("failure", [Status(500), Status(401), Status(429), Cut()])
async def test_the_next_model_answers_when_one_fails(
    failure: Any,
    chained: Any,
    stub: Stub,
    prompt: Prompt[Inputs, Output],
    alice: Caller,
    sqlite: Database,
) -> None:
    stub.plan(failure, YES)
    models = chained(model_strong=FIRST, model_fallback=SECOND)
    reply = await models.run(prompt, ASKED, caller=alice)
    assert reply.answered_by == SECOND
    lines = await booked(sqlite, alice)
    assert [(line.answered_by, line.outcome) for line in lines] == [
        (FIRST, "failed"),
        (SECOND, "answered"),
    ]
    await models.close()


async def test_the_twin_answers_last_where_that_is_allowed(
    chained: Any, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    stub.plan(Status(500), Status(503))
    models = chained(model_strong=FIRST, model_fallback=SECOND, offline_fallback=True)
    reply = await models.run(prompt, ASKED, caller=alice)
    assert (reply.answered_by, reply.output.answer) == (OFFLINE, "WHY?")
    await models.close()


async def test_nobody_answers_where_it_is_not(
    chained: Any, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    stub.plan(Status(500), Status(401))
    models = chained(model_strong=FIRST, model_fallback=SECOND)
    with pytest.raises(ProviderError, match="refused the key"):
        await models.run(prompt, ASKED, caller=alice)
    await models.close()


async def test_partials_start_anew_with_the_next_model(
    chained: Any, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    seen: list[dict[str, Any]] = []

    async def note(partial: dict[str, Any]) -> None:
        seen.append(partial)

    stub.plan(Cut(output={"answer": "first model begins"}), Answer(output={"answer": "second"}))
    models = chained(model_strong=FIRST, model_fallback=SECOND)
    await models.run(prompt, ASKED, caller=alice, on_partial=note)
    assert any("first"[:3] in each.get("answer", "") for each in seen)
    assert seen[-1] == {"answer": "second"}
    await models.close()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"model_strong": "gpt-4o"}, "names no model"),
        ({"model_strong": "openai:"}, "names no model"),
        ({"model_fast": "acme:best"}, "no model provider 'acme'"),
        ({"model_strong": FIRST, "model_fallback": "acme:x"}, "no model provider 'acme'"),
        ({"model_strong": "cohere:command"}, "package for the model provider 'cohere'"),
    ],
)
def test_a_name_that_can_not_be_used_fails_at_the_start(
    given: dict[str, str], complaint: str, chained: Any
) -> None:
    with pytest.raises(SetupError, match=complaint) as caught:
        chained(**given)
    assert caught.value.hint


@pytest.mark.parametrize("name", [FIRST, SECOND, "deepseek:deepseek-chat", NAMES["bedrock"]])
async def test_a_missing_key_is_the_operators_to_mend(
    name: str,
    sqlite: Database,
    settings: Settings,
    prompt: Prompt[Inputs, Output],
    alice: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # boto3 would look for keys out there
    models = Models(settings.model_copy(update={"model_strong": name}), sqlite, policy=ONCE)
    with pytest.raises(SetupError) as caught:
        await models.run(prompt, ASKED, caller=alice)
    assert caught.value.hint
    await models.close()


async def test_a_key_never_shows(reachable: dict[str, Any], sqlite: Database) -> None:
    settings = Settings.load(**reachable | {"ANTHROPIC_API_KEY": "sk-very-secret"})
    models = Models(settings.model_copy(update={"model_strong": SECOND}), sqlite)
    assert "sk-very-secret" not in f"{vars(models)!r}{settings!r}"


async def test_prices(
    chained: Any, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller, sqlite: Database
) -> None:
    stub.plan(YES, YES)
    known, unknown = chained(model_strong=SECOND), chained(model_strong=FIRST)
    assert (await known.run(prompt, ASKED, caller=alice)).cost_usd == pytest.approx(4.6e-05)
    # Behind STOA_OPENAI_BASE_URL stands some server, not OpenAI: nobody knows what it costs.
    assert (await unknown.run(prompt, ASKED, caller=alice)).cost_usd is None
    lines = {line.answered_by: line for line in await known.usage(alice)}
    assert (lines[SECOND].unpriced, lines[FIRST].unpriced) == (0, 1)
    assert lines[FIRST].cost_usd == 0.0
    await known.close()
    await unknown.close()
