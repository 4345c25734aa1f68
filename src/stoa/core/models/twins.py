"""Lets a prompt's offline twin answer. Its output is validated as a model's is."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
from pydantic import BaseModel, ValidationError

from stoa.base.errors import Bug
from stoa.core.models.question import Question

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)
OnPartial = Callable[[dict[str, Any]], Awaitable[None]]


async def ask_twin(question: Question[In, Out], on_partial: OnPartial | None = None) -> Out:
    """The output of the prompt's offline twin, in a thread: twins may take long.

    `on_partial` gets it once, whole. Raises Bug where it is invalid.
    """
    prompt = question.prompt
    output = await anyio.to_thread.run_sync(prompt.twin, question.inputs)
    try:
        output = prompt.output.model_validate_json(output.model_dump_json(warnings=False))
    except ValidationError as error:
        raise Bug(f"The twin of {prompt.name} made an invalid output.") from error
    if on_partial is not None:
        await on_partial(output.model_dump(mode="json"))
    return output
