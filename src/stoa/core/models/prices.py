"""What a call can cost at most, reckoned before it is made, and what it cost. Prices come from genai-prices."""

from genai_prices import calc_price
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.usage import RequestUsage

from stoa.core.models.limits import Estimate

_CHARACTERS_PER_TOKEN = 3.0
"""Rather too few than too many: English has about 4, German and code about 3."""


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


def tokens_of(characters: int) -> Estimate:
    """The most that reading so many characters comes to, in tokens."""
    return Estimate(int(characters / _CHARACTERS_PER_TOKEN) + 1)


def priced(response: ModelResponse) -> RequestUsage:
    """What an answer used, with its price where that is known."""
    usage = response.usage
    if usage.cost is None:
        try:
            usage.cost = response.cost().total_price
        except (LookupError, ValueError):  # no known price, or the provider named no usage
            usage.cost = None
    return usage
