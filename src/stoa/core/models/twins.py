"""Runs an offline twin as if it were a model, so that it takes the same road as any model.

The twin's output goes through the same validation and the same ledger; it is copied, counted and
ranked by plain code, never invented. This file knows no provider.
"""

from collections.abc import Callable

from pydantic import BaseModel
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from stoa.core.models.prompts import OFFLINE


def twin_model(answer: Callable[[], BaseModel]) -> FunctionModel:
    """A model whose every answer is `answer()`. It runs in a worker thread: twins may take long."""

    def respond(_messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        output = answer().model_dump_json()
        return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, output)])

    return FunctionModel(respond, model_name=OFFLINE)
