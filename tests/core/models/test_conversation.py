"""A conversation with functions of ours: the model asks, we run, it answers."""

from typing import Any

import pytest
from pydantic_ai.messages import ModelRequest, UserPromptPart

from stoa.base.errors import NotFound, ProviderError
from stoa.base.identity.caller import Caller
from stoa.core.models.conversation import Conversation
from stoa.core.models.models import Models
from tests.core.models.conftest import booked
from tests.providers import INPUT_TOKENS, Answer, Stub


def asked(*functions: Any) -> Conversation:
    return Conversation([ModelRequest([UserPromptPart("How is it there?")])], functions=functions)


async def weather(place: str) -> str:
    """The weather of a place."""
    return f"rain in {place}"


async def missing(place: str) -> str:
    """Always refuses."""
    raise NotFound(f"There is no {place}.", hint="Look elsewhere.")


CALL = Answer(call=("weather", {"place": "Berlin"}))


async def test_functions_run_and_are_told_to_the_model(
    models: Models, stub: Stub, alice: Caller, name: str, sqlite: Any
) -> None:
    stub.plan(CALL, Answer("It rains."))
    spoken = await models.converse(name, asked(weather), caller=alice, purpose="chat")
    assert (spoken.response.text, spoken.answered_by) == ("It rains.", name)
    assert "rain in Berlin" in str(stub.received[1].body)
    (line,) = await booked(sqlite, alice)
    assert (line.prompt, line.input_tokens) == ("chat", 2 * INPUT_TOKENS)


async def test_a_function_may_refuse(models: Models, stub: Stub, alice: Caller, name: str) -> None:
    stub.plan(Answer(call=("missing", {"place": "Atlantis"})))
    with pytest.raises(NotFound, match="Atlantis"):
        await models.converse(name, asked(missing), caller=alice)


async def test_a_model_that_never_stops_asking_is_stopped(
    models: Models, stub: Stub, alice: Caller, name: str
) -> None:
    stub.plan(*[CALL] * 20)
    with pytest.raises(ProviderError):
        await models.converse(name, asked(weather), caller=alice)
    assert len(stub.received) <= 12
