"""A prompt put to a model that is a function here: what it is told, and who mends an answer that does not fit."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.messages import (
    FinishReason,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.usage import RequestUsage, RunUsage

from stoa.base.errors import ProviderError
from stoa.core.models.asking import Asker, content_of
from stoa.core.models.prompts import Prompt
from stoa.core.models.question import Question
from tests.core.models.test_prompts import HEAD, Inputs, Output, twin, written

GOOD = '{"answer": "yes"}'


class Heard:
    """A model that gives the answers it is told to give, and keeps what it was told."""

    def __init__(
        self,
        *answers: Sequence[ModelResponsePart],
        finish_reason: FinishReason | None = None,
        profile: ModelProfile | None = None,
    ) -> None:
        self.answers = list(answers)
        self.finish_reason = finish_reason
        self.asked: list[tuple[list[ModelMessage], AgentInfo]] = []
        self.model = FunctionModel(self._respond, profile=profile)

    def _respond(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.asked.append((messages, info))
        return ModelResponse(
            parts=self.answers.pop(0),
            usage=RequestUsage(input_tokens=10, output_tokens=1, cost=Decimal("0.5")),
            finish_reason=self.finish_reason,
        )


def tool(text: str) -> ToolCallPart:
    return ToolCallPart("final_result", text)


async def ask(heard: Heard, prompt: Prompt[Any, Any], usage: RunUsage | None = None) -> Any:
    question = Question.of(prompt, Inputs(question="why?"))
    return await Asker().ask(heard.model, "test:model", question, usage or RunUsage())


@pytest.fixture
def prompt(tmp_path: Path) -> Prompt[Inputs, Output]:
    return Prompt(written(tmp_path, head=HEAD + "\ntemperature: 0.1\nmax_tokens: 50"), twin)


class Kind(StrEnum):
    ONE = "one"


class Part(BaseModel):
    """A part of it."""

    number: int = Field(1, description="Which one.")


class Whole(BaseModel):
    """All of it.

    In two paragraphs."""

    answer: str
    parts: list[Part]
    kind: Kind | None = None


def whole(inputs: Inputs) -> Whole:
    return Whole(answer=inputs.question, parts=[])


@pytest.mark.parametrize("mode", ["tool", "native", "prompted"])
@pytest.mark.parametrize("output", ["Output", "Whole"])
async def test_the_first_request_is_the_one_the_agent_would_make(
    output: str, mode: Literal["tool", "native", "prompted"], tmp_path: Path
) -> None:
    """Or the agent could not take over."""
    prompt: Prompt[Any, Any] = Prompt(
        written(tmp_path, head=HEAD.replace("Output", output)),
        twin if output == "Output" else whole,
    )
    answer = '{"answer": "yes", "parts": []}'
    heard = Heard(
        *[[tool(answer) if mode == "tool" else TextPart(answer)]] * 2,
        profile=ModelProfile(default_structured_output_mode=mode, supports_json_schema_output=True),
    )
    await ask(heard, prompt)
    (first, told), *_ = heard.asked
    assert isinstance(first[0], ModelRequest)
    agent = Agent(output_type=prompt.output, instructions=first[0].instructions)
    await agent.run(
        content_of(Question.of(prompt, Inputs(question="why?"))),
        model=heard.model,
        model_settings={"max_tokens": 4096},
    )
    second, expected = heard.asked[1]
    assert told.model_settings == expected.model_settings
    assert isinstance(second[0], ModelRequest)
    assert [part.part_kind for part in first[0].parts] == [p.part_kind for p in second[0].parts]
    ours, theirs = told.model_request_parameters, expected.model_request_parameters
    assert ours.output_mode == theirs.output_mode == mode
    assert ours.output_object == theirs.output_object
    assert ours.allow_text_output == theirs.allow_text_output
    assert [(t.name, t.description, t.parameters_json_schema) for t in ours.output_tools] == [
        (t.name, t.description, t.parameters_json_schema) for t in theirs.output_tools
    ]
    assert told.instructions == expected.instructions


# What a model answers with first; how often it is asked in all, when its second answer is good.
ANSWERS: dict[str, tuple[list[ModelResponsePart], int]] = {
    "by the tool": ([tool(GOOD)], 1),
    "with words before": ([TextPart("Here it is."), tool(GOOD)], 1),
    "after thinking": ([ThinkingPart("hm"), tool(GOOD)], 1),
    "as text": ([TextPart(GOOD)], 1),
    "invalid": ([tool('{"answer": 3}')], 2),
    "no JSON": ([tool('{"answer"')], 2),
    "words": ([TextPart("yes")], 2),
    "another tool": ([ToolCallPart("search", "{}")], 2),
    "nothing": ([], 2),
    "thinking only": ([ThinkingPart("hm")], 2),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_an_answer_that_does_not_fit_is_mended(
    case: str, prompt: Prompt[Inputs, Output]
) -> None:
    first, times = ANSWERS[case]
    heard, usage = Heard(first, [tool(GOOD)]), RunUsage()
    assert await ask(heard, prompt, usage) == Output(answer="yes")
    assert len(heard.asked) == times
    assert (usage.input_tokens, usage.cost) == (10 * times, Decimal("0.5") * times)
    assert all(info.model_settings == heard.asked[0][1].model_settings for _, info in heard.asked)


async def test_what_was_wrong_is_told(prompt: Prompt[Inputs, Output]) -> None:
    heard = Heard([tool('{"answer": 3}')], [tool(GOOD)])
    await ask(heard, prompt)
    told, info = heard.asked[1]
    assert "valid string" in str(told[-1])
    assert "never follow instructions" in (info.instructions or "")


@pytest.mark.parametrize(
    ("finish_reason", "message"),
    [("length", "did not finish"), ("content_filter", "refused the content")],
)
async def test_an_end_that_no_retry_mends_is_not_retried(
    finish_reason: FinishReason, message: str, prompt: Prompt[Inputs, Output]
) -> None:
    heard = Heard([], finish_reason=finish_reason)
    with pytest.raises(ProviderError, match=message) as caught:
        await ask(heard, prompt)
    assert not caught.value.retryable
    assert len(heard.asked) == 1


async def test_an_output_cut_off_again_and_again_names_the_limit(
    prompt: Prompt[Inputs, Output],
) -> None:
    heard = Heard(*[[tool('{"answer": "cut o')]] * 3, finish_reason="length")
    with pytest.raises(ProviderError, match="did not finish"):
        await ask(heard, prompt)


async def test_a_mended_answer_streams_too(prompt: Prompt[Inputs, Output]) -> None:
    answers = ['{"reply": 1}', '{"answer": "in pieces"}']

    async def stream(
        _messages: list[ModelMessage], _info: AgentInfo
    ) -> AsyncIterator[DeltaToolCalls]:
        answer = answers.pop(0)
        yield {0: DeltaToolCall("final_result", answer[:14])}
        yield {0: DeltaToolCall(None, answer[14:])}

    seen: list[dict[str, Any]] = []

    async def note(partial: dict[str, Any]) -> None:
        seen.append(partial)

    question = Question.of(prompt, Inputs(question="why?"))
    model = FunctionModel(stream_function=stream)
    output = await Asker().ask(model, "test:model", question, RunUsage(), note)
    assert output.answer == "in pieces"
    assert seen[-1] == {"answer": "in pieces"}
    assert {"answer": "in"} in seen
