"""What a failed model request means for us: worth another try, or not, and what a person can do.

Decided by the type of the exception alone, never by its text: pydantic-ai sorts every provider's
failures into one family, and this file maps that family onto `ProviderError`.
"""

from pydantic_ai.exceptions import (
    AgentRunError,
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelRequestTimeout,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
    OutputTokenLimitExceeded,
    UnexpectedModelBehavior,
)

from stoa.base.errors import ProviderError

_TRANSIENT = (
    ModelRateLimitError,
    ModelUnavailableError,
    ModelServerError,
    ModelConnectionError,
    ModelRequestTimeout,
)

# First match wins, so a special case stands above its family. (type, what happened, hint, retryable)
_MEANINGS: tuple[tuple[type[AgentRunError], str, str, bool], ...] = (
    (ModelRateLimitError, "asks to slow down", "Try again a little later.", True),
    (ModelQuotaExceededError, "says the account is used up", "Check its quota and billing.", False),
    (ModelUnavailableError, "is not available now", "Try again a little later.", True),
    (ModelServerError, "failed", "Try again a little later.", True),
    (ModelTimeoutError, "did not answer in time", "Try again, or raise STOA_MODEL_TIMEOUT.", True),
    (
        ModelRequestTimeout,
        "did not answer in time",
        "Try again, or raise STOA_MODEL_TIMEOUT.",
        True,
    ),
    (
        ModelConnectionError,
        "can't be reached, or broke off",
        "Check the network and the provider's address.",
        True,
    ),
    (
        ModelContextWindowExceededError,
        "can't take so much text at once",
        "Shorten the request, or configure a model that takes more.",
        False,
    ),
    (ModelAuthenticationError, "refused the key", "Check the provider's key variable.", False),
    (ModelNotFoundError, "does not know this model", "Check the model's name and address.", False),
    (ModelRequestRejectedError, "refused the request", "Check that the model can do it.", False),
    (ContentFilterError, "refused the content", "Put it another way, or ask another model.", False),
    (
        OutputTokenLimitExceeded,
        "did not finish within the answer's limit",
        "Raise max_tokens.",
        False,
    ),
    (UnexpectedModelBehavior, "answered in a form nobody asked for", "Try again.", True),
    (ModelAPIError, "answered with something that can't be read", "Try again.", True),
    (AgentRunError, "could not be asked", "See the log.", False),
)


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    return isinstance(error, _TRANSIENT)


def retry_after(error: BaseException) -> float | None:
    """Seconds the provider asked to wait, where it did."""
    return error.retry_after if isinstance(error, ModelAPIError) else None


def provider_error(error: AgentRunError, model: str) -> ProviderError:
    """The failure in our words. What the provider wrote stays in the exception's cause: it may quote
    the request, so it is nothing to show."""
    _, what, hint, retryable = next(each for each in _MEANINGS if isinstance(error, each[0]))
    details: dict[str, object] = {"model": model}
    if isinstance(error, ModelHTTPError):
        details["provider_status"] = error.status_code
    return ProviderError(f"{model} {what}.", hint=hint, retryable=retryable, **details)
