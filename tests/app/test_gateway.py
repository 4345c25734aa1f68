"""OpenAI's own client against /v1, over a real server on loopback, with a Stoa key.

Behind the gateway stands a stub of the model providers, so both ends are real HTTP.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, cast

import numpy as np
import openai
import pytest
from fastapi import FastAPI, Header
from openai import AsyncOpenAI
from sqlalchemy import select

from stoa.app.rest.gateway import gateway
from stoa.base.database import Database
from stoa.base.errors import NotSignedIn
from stoa.base.identity.caller import Caller, Role
from stoa.base.settings import Settings
from stoa.core.models.limits import ModelLimits
from stoa.core.models.models import Models
from stoa.core.models.retries import RetryPolicy
from stoa.core.models.tables import ModelCall
from stoa.dispatch import Dispatcher
from tests.providers import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    Answer,
    Cut,
    Status,
    Stub,
    serving,
)

OWNER = Caller("workspace_a", "user_alice", Role.OWNER)
CALLERS = {
    "stoa_owner": OWNER,
    "stoa_narrow": Caller("workspace_a", "user_mia", Role.MEMBER, scopes=frozenset({"ask_docs"})),
    "stoa_v1": Caller("workspace_a", "user_mia", Role.MEMBER, scopes=frozenset({"v1"})),
}
STRONG, FALLBACK = "openai:gpt-4o-mini", "anthropic:claude-haiku-4-5"
HELLO: Any = [{"role": "user", "content": "Hello"}]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
WEATHER: Any = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a place.",
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
        },
    }
]


async def proven(authorization: Annotated[str, Header()] = "") -> Caller:
    """Stands for the house's own dependency, which has tests of its own."""
    caller = CALLERS.get(authorization.removeprefix("Bearer "))
    if caller is None:
        raise NotSignedIn("No valid key.", hint="Send one.")
    return caller


@pytest.fixture
def database(sqlite: Database) -> Database:
    return sqlite


@pytest.fixture
def served(stub: Stub, database: Database, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Serves a gateway over the given settings; its address."""
    opened = []

    def serve(**given: Any) -> str:
        settings = Settings.load(
            home=tmp_path / "home",
            openai_base_url=f"{stub.url}/v1",
            anthropic_base_url=stub.url,
            ANTHROPIC_API_KEY="dummy",
            **given,
        )
        models = Models(settings, database, policy=RetryPolicy(retries=0, timeout=20.0))
        dispatcher = cast("Dispatcher", SimpleNamespace(platform=SimpleNamespace(models=models)))
        app = FastAPI()
        app.include_router(gateway(dispatcher, proven))
        app.router.on_shutdown.append(models.close)
        server = serving(app, lifespan="on")
        opened.append(server)
        return server.__enter__()

    yield serve
    for server in opened:
        server.__exit__(None, None, None)


@pytest.fixture
async def client(served: Callable[..., str]) -> AsyncIterator[AsyncOpenAI]:
    async with connected(served(model_strong=STRONG)) as opened:
        yield opened


def connected(url: str, key: str = "stoa_owner") -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


async def booked(database: Database) -> list[ModelCall]:
    query = select(ModelCall).order_by(ModelCall.id)
    return list(await database.read(lambda s: s.scalars(query).all(), workspace="workspace_a"))


async def test_models_on_offer(client: AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]
    assert names == ["stoa-strong", "stoa-fast", "stoa-vision", "stoa-embedding", STRONG]
    assert (await client.models.retrieve(STRONG)).id == STRONG
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("openai:gpt-99")


@pytest.mark.parametrize("model", ["stoa-strong", STRONG])
async def test_chat(model: str, client: AsyncOpenAI, stub: Stub, database: Database) -> None:
    stub.plan(Answer("Good day."))
    answer = await client.chat.completions.create(
        model=model,
        messages=[{"role": "system", "content": "Be kind."}, *HELLO],
        temperature=0.3,
        max_tokens=20,
    )
    assert answer.choices[0].message.content == "Good day."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == INPUT_TOKENS
    sent = stub.received[0].body
    assert sent["model"] == "gpt-4o-mini"
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert sent["temperature"] == 0.3
    (line,) = await booked(database)
    assert (line.prompt, line.role, line.answered_by) == ("v1.chat", model, STRONG)
    assert line.input_tokens == INPUT_TOKENS


async def test_chat_in_pieces(client: AsyncOpenAI, stub: Stub, database: Database) -> None:
    stub.plan(Answer("One two three four five."))
    stream = await client.chat.completions.create(
        model="stoa-fast", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    texts = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    assert "".join(texts) == "One two three four five."
    assert len([text for text in texts if text]) > 2
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == OUTPUT_TOKENS
    (line,) = await booked(database)
    assert (line.outcome, line.output_tokens) == ("answered", OUTPUT_TOKENS)


@pytest.mark.parametrize("streams", [False, True])
async def test_tools_go_there_and_back(streams: bool, client: AsyncOpenAI, stub: Stub) -> None:
    stub.plan(Answer(call=("weather", {"place": "Berlin"})), Answer("It rains."))
    if streams:
        async with client.chat.completions.stream(
            model="stoa-strong", messages=HELLO, tools=WEATHER
        ) as stream:
            answer: Any = await stream.get_final_completion()
    else:
        answer = await client.chat.completions.create(
            model="stoa-strong", messages=HELLO, tools=WEATHER
        )
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments) == {"place": "Berlin"}
    after: Any = [
        *HELLO,
        choice.message.model_dump(exclude_none=True, include={"role", "tool_calls"}),
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
    ]
    final = await client.chat.completions.create(model="stoa-strong", messages=after, tools=WEATHER)
    assert final.choices[0].message.content == "It rains."
    sent = stub.received[1].body["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert sent[2]["content"] == "rain"


@pytest.mark.parametrize("choice", ["none", "auto", "required"])
async def test_tool_choice(choice: Any, client: AsyncOpenAI, stub: Stub) -> None:
    await client.chat.completions.create(
        model="stoa-strong", messages=HELLO, tools=WEATHER, tool_choice=choice
    )
    assert stub.received[0].body.get("tool_choice", "none") == choice


async def test_a_chosen_tool_is_the_only_one_left(client: AsyncOpenAI, stub: Stub) -> None:
    other = json.loads(json.dumps(WEATHER).replace("weather", "traffic"))
    choice: Any = {"type": "function", "function": {"name": "weather"}}
    await client.chat.completions.create(
        model="stoa-strong", messages=HELLO, tools=WEATHER + other, tool_choice=choice
    )
    sent = stub.received[0].body
    assert sent["tool_choice"] in ("required", choice)
    if sent["tool_choice"] == "required":  # a server that can't be told which gets only that one
        assert [tool["function"]["name"] for tool in sent["tools"]] == ["weather"]


@pytest.mark.parametrize(
    "form",
    [
        {"type": "json_object"},
        {
            "type": "json_schema",
            "json_schema": {
                "name": "fruit",
                "schema": {"type": "object", "properties": {"fruit": {"type": "string"}}},
            },
        },
    ],
)
async def test_json_on_request(form: Any, client: AsyncOpenAI, stub: Stub) -> None:
    stub.plan(Answer('{"fruit": "fig"}'))
    answer = await client.chat.completions.create(
        model="stoa-strong", messages=HELLO, response_format=form
    )
    assert json.loads(answer.choices[0].message.content or "") == {"fruit": "fig"}
    assert stub.received[0].body["response_format"]["type"] == form["type"]


async def test_pictures(client: AsyncOpenAI, stub: Stub) -> None:
    seen: Any = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ]
    await client.chat.completions.create(
        model="stoa-vision", messages=[{"role": "user", "content": seen}]
    )
    assert PNG in json.dumps(stub.received[0].body)


@pytest.mark.parametrize("model", ["stoa-embedding"])
@pytest.mark.parametrize("form", ["float", "base64"])
async def test_embeddings_work_without_a_provider(
    model: str, form: Any, served: Callable[..., str], database: Database
) -> None:
    async with connected(served(model_embedding="hashed")) as client:
        answer = await client.embeddings.create(
            model=model, input=["a cat", "a dog"], encoding_format=form
        )
    raw = [item.embedding for item in answer.data]
    vectors = np.array(
        [
            np.frombuffer(base64.b64decode(cast("str", v)), "<f4") if form == "base64" else v
            for v in raw
        ]
    )
    assert vectors.shape[0] == 2
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)
    (line,) = await booked(database)
    assert line.prompt == "v1.embeddings"


async def test_embeddings_of_a_provider(
    served: Callable[..., str], stub: Stub, database: Database
) -> None:
    async with connected(served(model_embedding="openai:text-embedding-3-small")) as client:
        # Without a format the client asks for base64 and unpacks it by itself.
        answer = await client.embeddings.create(model="stoa-embedding", input="a cat")
    assert np.linalg.norm(answer.data[0].embedding) == pytest.approx(1, abs=1e-5)
    assert answer.usage.prompt_tokens == INPUT_TOKENS
    assert stub.received[0].path == "/v1/embeddings"
    (line,) = await booked(database)
    assert line.answered_by == "openai:text-embedding-3-small"
    assert line.input_tokens == INPUT_TOKENS


async def test_no_model_is_said_openly(served: Callable[..., str]) -> None:
    async with connected(served()) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(model="stoa-strong", messages=HELLO)
    assert caught.value.status_code == 503
    assert "STOA_MODEL_STRONG" in caught.value.message


async def test_wrong_key_and_missing_scope(served: Callable[..., str]) -> None:
    url = served(model_strong=STRONG)
    async with connected(url, "stoa_wrong") as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.models.list()
    assert refused.value.body is not None
    assert refused.value.type == "authentication_error"
    async with connected(url, "stoa_narrow") as client:
        with pytest.raises(openai.PermissionDeniedError, match="v1"):
            await client.chat.completions.create(model="stoa-strong", messages=HELLO)
    async with connected(url, "stoa_v1") as client:
        await client.chat.completions.create(model="stoa-strong", messages=HELLO)


@pytest.mark.parametrize("streams", [False, True])
async def test_a_budget_that_is_used_up(
    streams: bool, served: Callable[..., str], database: Database, settings: Settings
) -> None:
    limits = ModelLimits(tokens_per_day=INPUT_TOKENS)
    await Models(settings, database).set_limits(OWNER, limits)
    async with connected(served(model_strong=STRONG)) as client:
        await client.chat.completions.create(model="stoa-strong", messages=HELLO)
        with pytest.raises(openai.RateLimitError, match="used up") as caught:
            await client.chat.completions.create(
                model="stoa-strong", messages=HELLO, stream=streams
            )
    assert int(caught.value.response.headers["retry-after"]) > 0
    assert caught.value.code == "limit_reached"
    assert len(await booked(database)) == 1


async def test_hanging_up_in_mid_stream_stops_the_provider(
    client: AsyncOpenAI, stub: Stub, database: Database
) -> None:
    stub.plan(Answer("word " * 3000, pause=0.02))
    stream = await client.chat.completions.create(model="stoa-strong", messages=HELLO, stream=True)
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    await stream.close()
    async with asyncio.timeout(10):
        while not (stub.hung_up and await booked(database)):  # noqa: ASYNC110 - seen in a table
            await asyncio.sleep(0.02)
    (line,) = await booked(database)
    assert line.outcome == "cancelled"


@pytest.mark.parametrize(
    ("failure", "kind", "status"),
    [(Status(500), openai.APIStatusError, 502), (Status(401), openai.APIStatusError, 502)],
)
@pytest.mark.parametrize("streams", [False, True])
async def test_a_failing_provider(
    failure: Status,
    kind: type[openai.APIStatusError],
    status: int,
    streams: bool,
    client: AsyncOpenAI,
    stub: Stub,
) -> None:
    stub.plan(failure)
    with pytest.raises(kind) as caught:
        await client.chat.completions.create(model="stoa-strong", messages=HELLO, stream=streams)
    assert caught.value.status_code == status
    assert "as planned" not in caught.value.message


async def test_a_stream_that_breaks_off_says_so(client: AsyncOpenAI, stub: Stub) -> None:
    stub.plan(Cut())
    stream = await client.chat.completions.create(model="stoa-strong", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        async for _ in stream:
            pass


@pytest.mark.parametrize("streams", [False, True])
async def test_the_next_model_takes_over(
    streams: bool, served: Callable[..., str], stub: Stub
) -> None:
    stub.plan(Status(500), Answer("From the other one."))
    async with connected(served(model_strong=STRONG, model_fallback=FALLBACK)) as client:
        answer: Any = await client.chat.completions.create(
            model="stoa-strong", messages=HELLO, stream=streams
        )
        if streams:
            text = "".join([c.choices[0].delta.content or "" async for c in answer])
        else:
            text = answer.choices[0].message.content
    assert text == "From the other one."
    assert [request.path for request in stub.received] == ["/v1/chat/completions", "/v1/messages"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"messages": []}, "messages"),
        ({"model": "gpt-99"}, "no chat model"),
        ({"model": "stoa-embedding"}, "no chat model"),
        ({"n": 2}, "'n'"),
        ({"logprobs": True}, "logprobs"),
        ({"temperature": 7}, "temperature"),
        ({"messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]}, "tool call 'x'"),
        ({"messages": [{"role": "assistant", "content": "y"}]}, "assistant's"),
        ({"messages": [{"role": "robot", "content": "y"}]}, "messages"),
        ({"response_format": {"type": "json_schema"}}, "json_schema"),
        ({"image": "http://169.254.169.254/latest/meta-data"}, "not fetched"),
        ({"image": "file:///etc/passwd"}, "not fetched"),
        ({"image": "data:image/png;base64,!!!"}, "no base64"),
        ({"image": "data:image/png;base64,QUJD"}, "no picture"),
    ],
)
async def test_bad_requests_are_refused_before_anyone_is_asked(
    change: dict[str, Any], complaint: str, client: AsyncOpenAI, stub: Stub
) -> None:
    body: dict[str, Any] = {"model": "stoa-strong", "messages": HELLO}
    if url := change.pop("image", None):
        part = {"type": "image_url", "image_url": {"url": url}}
        change = {"messages": [{"role": "user", "content": [part]}]}
    with pytest.raises(openai.APIStatusError) as caught:
        await client.post("/chat/completions", body=body | change, cast_to=object)
    assert 400 <= caught.value.status_code < 500
    assert complaint in caught.value.message
    assert stub.received == []


async def test_bad_embedding_requests(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        await client.embeddings.create(model="text-embedding-3", input="x")
    with pytest.raises(openai.APIStatusError, match="1 to 2048"):
        await client.embeddings.create(model="stoa-embedding", input=[])
