"""The rule for new passwords, and hashing."""

import pytest
from argon2 import PasswordHasher

from stoa.base.errors import InvalidInput
from stoa.base.identity.passwords import Passwords, check_new_password


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "only lower case letters",
        "пароль из четырёх слов",
        "x7$kQ!m2@pL9",
        "ann went to the market on monday",
    ],
)
def test_long_ones_do_whatever_they_are_made_of(password: str) -> None:
    check_new_password(password, email="ann@example.org", name="Ann")


@pytest.mark.parametrize(
    "password",
    [
        "", "short", "elevenchars", "aaaaaaaaaaaaaaaa", "abababababababab", "password1234",
        "Passwort2026!", "123456789012", "annabel.lee@example.org", "annabel.lee1", "x" * 257,
        "letmeinletmein", "qwertyqwerty1",
    ],
)  # fmt: skip
def test_easy_ones_are_refused_with_a_hint(password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_new_password(password, email="annabel.lee@example.org", name="Annabel Lee")
    assert "12" in caught.value.hint


async def test_hashes_are_salted_argon2id(passwords: Passwords) -> None:
    one, two = [await passwords.hash("the same words") for _ in range(2)]
    assert one != two
    assert one.startswith("$argon2id$")
    assert await passwords.verify(one, "the same words")
    assert not await passwords.verify(one, "other words")


async def test_the_same_text_typed_otherwise_is_the_same(passwords: Passwords) -> None:
    stored = await passwords.hash("stra\u00dfe f\u00fcr \ufb01sche")
    assert await passwords.verify(stored, "stra\u00dfe fu\u0308r fische")


async def test_without_a_hash_nothing_fits(passwords: Passwords) -> None:
    for stored in (None, "", "nonsense", "$argon2id$broken"):
        assert not await passwords.verify(stored, "the password of nobody")


def test_todays_parameters_are_the_recommended_ones() -> None:
    hasher = PasswordHasher()
    assert (hasher.time_cost, hasher.memory_cost) >= (3, 65536)
