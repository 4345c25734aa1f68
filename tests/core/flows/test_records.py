"""Errors as a run keeps them, and back."""

import pytest

from stoa.base.errors import (
    Bug,
    Conflict,
    LimitReached,
    NotFound,
    ProviderError,
    StoaError,
    error_types,
)
from stoa.core.flows.records import as_stoa_error, name_of, read_error, write_error


@pytest.mark.parametrize(
    "error",
    [
        Conflict("Taken.", hint="Wait.", page=3, where=["a", "b"]),
        LimitReached("Enough.", hint="Later.", retry_after=12.5),
        ProviderError("Busy.", retryable=True, provider="stub"),
        NotFound("No page."),
        Bug("Impossible.", hint="Report it."),
    ],
)
def test_an_error_comes_back_as_it_was(error: StoaError) -> None:
    back = read_error(write_error(error))
    assert type(back) is type(error)
    assert vars(back) == vars(error)


def test_details_that_are_not_plain_are_told_in_words() -> None:
    plain = write_error(Conflict("Taken.", hint="Wait.", by={1, 2}, what=object))
    assert sorted(plain["details"]["by"]) == [1, 2]
    assert "object" in plain["details"]["what"]


def test_a_code_of_another_version_is_a_bug() -> None:
    plain = write_error(Conflict("Taken.", hint="Wait.")) | {"code": "of_the_future"}
    assert type(read_error(plain)) is Bug


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in error_types()]
    assert len(codes) == len(set(codes))


def test_an_unexpected_error_tells_a_number_and_nothing_else() -> None:
    told = as_stoa_error(ValueError("secret"), where="a test")
    assert isinstance(told, Bug)
    assert "secret" not in str(write_error(told))
    assert told.details["incident"] in told.hint


def test_names_of_what_has_none() -> None:
    class Reader:
        async def __call__(self) -> None: ...

    assert name_of(Reader()) == "Reader"
