"""The error tree is public: codes, statuses and exit codes are frozen here."""

import pytest

from stoa.base.errors import LimitReached, ProviderError, StoaError, UserError, error_types

FROZEN = {
    "user_error": (400, 2),
    "invalid_input": (422, 2),
    "not_signed_in": (401, 3),
    "forbidden": (403, 3),
    "not_found": (404, 2),
    "conflict": (409, 2),
    "too_large": (413, 2),
    "unsupported_type": (415, 2),
    "limit_reached": (429, 2),
    "refused": (422, 2),
    "query_failed": (422, 2),
    "query_timeout": (422, 2),
    "job_failed": (422, 2),
    "cancelled": (409, 2),
    "setup": (503, 4),
    "provider": (502, 5),
    "bug": (500, 70),
}


def test_codes_are_frozen() -> None:
    assert {each.code: (each.status, each.exit_code) for each in error_types()} == FROZEN


def test_codes_do_not_repeat() -> None:
    codes = [each.code for each in error_types()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", error_types())
def test_every_error_is_documented_and_carries_what_it_is_given(kind: type[StoaError]) -> None:
    assert kind.__doc__
    error = kind("What happened.", hint="What to do.", field="name")
    assert (error.message, error.hint, error.details) == (
        "What happened.",
        "What to do.",
        {"field": "name"},
    )
    assert str(error) == "What happened. What to do."


def test_only_what_the_caller_can_mend_is_a_user_error() -> None:
    mendable = {each.code for each in error_types() if issubclass(each, UserError)}
    assert set(FROZEN) - mendable == {"setup", "provider", "bug"}


def test_extra_facts() -> None:
    assert LimitReached("x", retry_after=3).retry_after == 3
    assert ProviderError("x").retryable is False
