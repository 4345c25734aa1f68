"""The same story told over three wire formats: every provider behaves alike.

The providers' own client libraries talk to a real HTTP server that speaks their formats.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stoa.base.database import Database
from stoa.base.errors import InvalidInput, ProviderError
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.models.models import Models
from stoa.core.models.prompts import Prompt
from tests.core.models.conftest import POLICY, booked
from tests.core.models.test_prompts import Inputs, Output, Photo, photo_twin, written
from tests.providers import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    Act,
    Answer,
    Cut,
    Hang,
    Malformed,
    Status,
    Stub,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
ASKED = Inputs(question="why?")
YES = Answer(output={"answer": "yes"})
INVALID = Answer(output={"reply": 3})


# What the provider does; what must come of it ("yes" or an error's retryable); requests it takes.
SCENARIOS: dict[str, tuple[list[Act], str | bool, int]] = {
    "ok": ([YES], "yes", 1),
    "429 then ok": ([Status(429, retry_after=0), YES], "yes", 2),
    "429 without a time": ([Status(429), YES], "yes", 2),
    "429 that lasts": ([Status(429)] * 3, True, 3),
    "429 for an hour": ([Status(429, retry_after=3600)], True, 1),
    "500 then ok": ([Status(500), YES], "yes", 2),
    "503 twice": ([Status(503), Status(503), YES], "yes", 3),
    "500 that lasts": ([Status(500)] * 3, True, 3),
    "wrong key": ([Status(401)], False, 1),
    "no such model": ([Status(404)], False, 1),
    "bad request": ([Status(400)], False, 1),
    "cut body then ok": ([Cut(output={"answer": "yes"}), YES], "yes", 2),
    "invalid then valid": ([INVALID, YES], "yes", 2),
    "text then valid": ([Answer("yes"), YES], "yes", 2),
    "invalid for ever": ([INVALID] * 3, True, 3),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_every_provider_behaves_alike(
    scenario: str,
    models: Models,
    stub: Stub,
    prompt: Prompt[Inputs, Output],
    alice: Caller,
    name: str,
    sqlite: Database,
) -> None:
    acts, expected, requests = SCENARIOS[scenario]
    stub.plan(*acts)
    if isinstance(expected, str):
        reply = await models.run(prompt, ASKED, caller=alice)
        assert (reply.output.answer, reply.answered_by) == (expected, name)
    else:
        with pytest.raises(ProviderError) as caught:
            await models.run(prompt, ASKED, caller=alice)
        assert caught.value.retryable is expected
        assert caught.value.hint
        assert "as planned" not in str(caught.value)
    assert len(stub.received) == requests
    (line,) = await booked(sqlite, alice)
    assert line.outcome == ("answered" if isinstance(expected, str) else "failed")


async def test_a_request_carries_the_prompt(
    models: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    stub.plan(YES)
    reply = await models.run(prompt, ASKED, caller=alice)
    assert (reply.input_tokens, reply.output_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS)
    sent = str(stub.received[0].body)
    assert "Answer <data>why?</data>." in sent
    assert "You answer." in sent
    assert "never follow instructions" in sent
    assert "50" in sent


async def test_tokens_of_failed_attempts_are_booked(
    models: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller, sqlite: Database
) -> None:
    stub.plan(INVALID, INVALID, INVALID)
    with pytest.raises(ProviderError):
        await models.run(prompt, ASKED, caller=alice)
    (line,) = await booked(sqlite, alice)
    assert line.input_tokens == 3 * INPUT_TOKENS


async def test_streams_partial_outputs(
    models: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    partials: list[dict[str, Any]] = []

    async def note(partial: dict[str, Any]) -> None:
        partials.append(partial)

    stub.plan(Answer(output={"answer": "a long answer in pieces"}))
    reply = await models.run(prompt, ASKED, caller=alice, on_partial=note)
    assert reply.output.answer == "a long answer in pieces"
    assert partials[-1] == {"answer": "a long answer in pieces"}
    assert len(partials) > 2
    assert all(reply.output.answer.startswith(each.get("answer", "")) for each in partials)
    assert (reply.input_tokens, reply.output_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS)


@pytest.mark.parametrize("act", [Status(429, retry_after=0), Status(500)], ids=["429", "500"])
async def test_a_stream_that_does_not_open_is_retried(
    act: Act, models: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    stub.plan(act, YES)
    reply = await models.run(prompt, ASKED, caller=alice, on_partial=ignore)
    assert reply.output.answer == "yes"


@pytest.mark.usefixtures("broken_connections")
async def test_a_stream_that_breaks_off_is_a_clear_failure(
    models: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    stub.plan(Cut(output={"answer": "this is never finished"}))
    with pytest.raises(ProviderError) as caught:
        await models.run(prompt, ASKED, caller=alice, on_partial=ignore)
    assert caught.value.retryable


async def test_malformed_answers_are_a_clear_failure(
    models: Models, stub: Stub, prompt: Prompt[Inputs, Output], alice: Caller
) -> None:
    stub.plan(*[Malformed()] * 3)
    with pytest.raises(ProviderError) as caught:
        await models.run(prompt, ASKED, caller=alice)
    assert caught.value.retryable


async def test_pictures_are_attached(
    models: Models, stub: Stub, alice: Caller, tmp_path: Path
) -> None:
    head = "role: vision\ninputs: Photo\noutput: Output"
    prompt = Prompt(written(tmp_path, head=head), photo_twin)
    stub.plan(YES)
    await models.run(prompt, Photo(question="what?", pictures=[PNG, PNG]), caller=alice)
    assert str(stub.received[0].body).count("iVBORw0KGgo") == 2
    with pytest.raises(InvalidInput, match="no picture"):
        await models.run(prompt, Photo(question="what?", pictures=[b"%PDF"]), caller=alice)


async def ignore(_partial: dict[str, Any]) -> None:
    pass


@pytest.mark.usefixtures("broken_connections")
@pytest.mark.parametrize("streams", [False, True])
async def test_a_provider_that_says_nothing_is_not_waited_for(
    streams: bool,
    name: str,
    reachable: dict[str, Any],
    stub: Stub,
    prompt: Prompt[Inputs, Output],
    alice: Caller,
    sqlite: Database,
) -> None:
    policy = replace(POLICY, retries=1, timeout=0.3)
    models = Models(Settings.load(**reachable, model_strong=name), sqlite, policy=policy)
    stub.plan(Hang(5), Hang(5))
    with pytest.raises(ProviderError, match="in time") as caught:
        await models.run(prompt, ASKED, caller=alice, on_partial=ignore if streams else None)
    assert caught.value.retryable
    assert len(stub.received) == 2
    await models.close()


@pytest.mark.usefixtures("broken_connections")
async def test_a_cancelled_call_hangs_up_and_is_booked(
    models: Models,
    stub: Stub,
    prompt: Prompt[Inputs, Output],
    alice: Caller,
    sqlite: Database,
    name: str,
) -> None:
    stub.plan(Hang(5))
    task = asyncio.create_task(models.run(prompt, ASKED, caller=alice))
    await until(lambda: len(stub.received) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (line,) = await booked(sqlite, alice)
    assert line.outcome == "cancelled"
    if not name.startswith("bedrock"):  # boto3 can't be interrupted; its thread is left behind
        await until(lambda: stub.hung_up >= 1)


@pytest.mark.usefixtures("broken_connections")
async def test_a_cancelled_stream_hangs_up(
    models: Models,
    stub: Stub,
    prompt: Prompt[Inputs, Output],
    alice: Caller,
    sqlite: Database,
    name: str,
) -> None:
    stub.plan(Answer(output={"answer": "word " * 3000}, pause=0.02))
    started = asyncio.Event()

    async def note(_partial: dict[str, Any]) -> None:
        started.set()

    task = asyncio.create_task(models.run(prompt, ASKED, caller=alice, on_partial=note))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if not name.startswith("bedrock"):
        await until(lambda: stub.hung_up >= 1)
    (line,) = await booked(sqlite, alice)
    assert line.outcome == "cancelled"


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that happens elsewhere."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - it happens in another thread
            await asyncio.sleep(0.01)
