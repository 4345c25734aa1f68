"""Every error Stoa raises on purpose, in one tree, sorted by who must act.

    StoaError
    ├── UserError         the caller must act; always carries a hint
    │   ├── InvalidInput      422  the request does not fit
    │   ├── NotSignedIn       401  no valid session or key
    │   ├── Forbidden         403  signed in, but the role or key scope does not allow it
    │   ├── NotFound          404  absent, or not the caller's to see: the two look the same
    │   ├── Conflict          409  clashes with what is there
    │   ├── TooLarge          413  over a stated limit
    │   ├── UnsupportedType   415  content of a kind that nothing here reads
    │   ├── LimitReached      429  rate or budget used up; `retry_after` seconds
    │   ├── Refused           422  a query that is not a plain read of what the caller may see
    │   ├── QueryFailed       422  a connected database could not run a query
    │   │   └── QueryTimeout  422  it took longer than allowed and was stopped
    │   ├── JobFailed         422  a training process ended before its work was done
    │   └── Cancelled         409  the work was cancelled
    ├── SetupError        503  the operator must act: settings, missing part, unreachable store
    ├── ProviderError     502  a model provider, or another server we asked, failed; `retryable` says
    │                          whether trying again helps
    └── Bug               500  we must act

The faces translate this tree once: HTTP to problem+json (RFC 9457), the CLI to an exit code.
This file knows nothing about either.
"""

from typing import Any, ClassVar


class StoaError(Exception):
    """Base of all. `code` is stable and public; `message` says what, `hint` says what to do."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UserError(StoaError):
    """The caller can put it right."""

    code = "user_error"
    status = 400
    exit_code = 2


class InvalidInput(UserError):
    """The request does not fit what the operation takes."""

    code = "invalid_input"
    status = 422


class NotSignedIn(UserError):
    """No session, no key, or one that is expired or revoked."""

    code = "not_signed_in"
    status = 401
    exit_code = 3


class Forbidden(UserError):
    """Known caller, but neither role nor key scope allows this."""

    code = "forbidden"
    status = 403
    exit_code = 3


class NotFound(UserError):
    """Absent, or not the caller's to see. Both read the same, so that ids reveal nothing."""

    code = "not_found"
    status = 404


class Conflict(UserError):
    """Clashes with what is already there."""

    code = "conflict"
    status = 409


class TooLarge(UserError):
    """Over a stated limit."""

    code = "too_large"
    status = 413


class UnsupportedType(UserError):
    """Content of a kind that nothing here reads."""

    code = "unsupported_type"
    status = 415


class LimitReached(UserError):
    """A rate limit or a budget is used up."""

    code = "limit_reached"
    status = 429

    def __init__(
        self, message: str, *, hint: str = "", retry_after: float = 60.0, **details: Any
    ) -> None:
        super().__init__(message, hint=hint, **details)
        self.retry_after = retry_after


class Refused(UserError):
    """A query that is not one plain read of what the caller may see. It never ran."""

    code = "refused"
    status = 422


class QueryFailed(UserError):
    """A connected database could not run a query: `message` is what it said."""

    code = "query_failed"
    status = 422


class QueryTimeout(QueryFailed):
    """A query took longer than allowed and was stopped in the database."""

    code = "query_timeout"


class JobFailed(UserError):
    """A process that a recipe started ended before its work was done; `message` says how."""

    code = "job_failed"
    status = 422


class Cancelled(UserError):
    """The work was cancelled before it ended."""

    code = "cancelled"
    status = 409


class SetupError(StoaError):
    """The operator must act: a setting, a missing optional part, a store that does not answer."""

    code = "setup"
    status = 503
    exit_code = 4


class ProviderError(StoaError):
    """A model provider, or another server we asked, failed. `retryable`: it may succeed later."""

    code = "provider"
    status = 502
    exit_code = 5

    def __init__(
        self, message: str, *, hint: str = "", retryable: bool = False, **details: Any
    ) -> None:
        super().__init__(message, hint=hint, **details)
        self.retryable = retryable


class Bug(StoaError):
    """We must act. Raised where the impossible happened."""

    code = "bug"
    status = 500
    exit_code = 70


def error_types() -> list[type[StoaError]]:
    """All concrete errors, for the table in the docs and the test that freezes the codes."""

    def walk(kind: type[StoaError]) -> list[type[StoaError]]:
        return [kind, *(leaf for child in kind.__subclasses__() for leaf in walk(child))]

    return walk(StoaError)[1:]
