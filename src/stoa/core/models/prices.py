"""What a call can cost at most, reckoned before it is made, and what it cost. Prices come from genai-prices."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from genai_prices import calc_price
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.usage import RequestUsage, RunUsage

from stoa.core.models.ledger import Ledger, Subject
from stoa.core.models.limits import NOTHING, Estimate, tokens_of


def estimate(model: Model, characters: int, max_tokens: int) -> Estimate:
    """The most that `characters` of request and `max_tokens` of answer come to.

    An unknown price counts as nothing: only the budget of tokens can bound such a model.
    """
    read = tokens_of(characters).tokens
    usage = RequestUsage(input_tokens=read, output_tokens=max_tokens)
    try:
        price = float(calc_price(usage, model.model_name, provider_id=model.system).total_price)
    except LookupError:
        price = 0.0
    return Estimate(read + max_tokens, price)


def priced(response: ModelResponse) -> RequestUsage:
    """What an answer used, with its price where that is known."""
    usage = response.usage
    if usage.cost is None:
        try:
            usage.cost = response.cost().total_price
        except (LookupError, ValueError):  # no known price, or the provider named no usage
            usage.cost = None
    return usage


@asynccontextmanager
async def booked(
    ledger: Ledger, subject: Subject, name: str, most: Estimate = NOTHING
) -> AsyncIterator[RunUsage]:
    """`Ledger.entry` around a call that is counted by pydantic-ai."""
    async with ledger.entry(subject, name, most) as usage:
        counted = RunUsage()
        try:
            yield counted
        finally:
            usage.input_tokens, usage.output_tokens = counted.input_tokens, counted.output_tokens
            usage.cost_usd = cost_of(counted)


def cost_of(usage: RunUsage) -> float | None:
    """US dollars, None where the price of the model is not known."""
    return None if usage.cost is None else float(usage.cost)
