"""Passwords: the rule for new ones, and argon2id hashing in threads of its own.

The rule follows NIST SP 800-63B: length counts, composition does not; what attackers try first and
what names the person or the product is refused. Text is NFKC-normalised, so that the same password
typed on another keyboard is the same.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from stoa.base.errors import InvalidInput

T = TypeVar("T")

SHORTEST: Final = 12
LONGEST: Final = 256
_FEWEST_DIFFERENT = 5
_THREADS = 4  # each hash takes 64 MiB while it runs
_TRIED_FIRST = (
    "password", "passwort", "qwerty", "qwertz", "azerty", "letmein", "welcome", "iloveyou",
    "1234567890", "123456", "abcdef", "admin", "stoa",
)  # fmt: skip


class Passwords:
    """Hashes and verifies. One per process: its threads bound the memory that hashing takes."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="passwords")
        self._nobodys = ""

    async def hash(self, password: str) -> str:
        """The argon2id hash, with salt and parameters, as one string."""
        return await self._in_thread(self._hasher.hash, _normal(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one. Without a stored hash it is not, after the same work."""
        if len(password) > LONGEST:
            password = ""  # bounded work: nobody can have set such a password
        matches = await self._in_thread(
            self._matches, stored or await self._nobodys_hash(), _normal(password)
        )
        return matches and bool(stored)

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    async def _nobodys_hash(self) -> str:
        if not self._nobodys:
            self._nobodys = await self.hash("the password of nobody")
        return self._nobodys

    def _matches(self, stored: str, text: str) -> bool:
        try:
            return self._hasher.verify(stored, text)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[..., T], *arguments: str) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, work, *arguments)


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def check_new_password(password: str, *, email: str, name: str) -> None:
    """Raises InvalidInput with a hint where the password is too short, too long or too easy."""
    text = _normal(password)
    if len(text) < SHORTEST:
        raise _refused(f"is shorter than {SHORTEST} characters")
    if len(text) > LONGEST:
        raise _refused(f"is longer than {LONGEST} characters")
    if len(set(text)) < _FEWEST_DIFFERENT:
        raise _refused("repeats too few characters")
    folded = text.casefold()
    known = {email.casefold(), email.split("@")[0].casefold(), *name.casefold().split()}
    for word in (*_TRIED_FIRST, *(each for each in known if len(each) >= 4)):
        if word in folded and len(folded.replace(word, "")) < SHORTEST // 2:
            raise _refused("is close to a name or to what attackers try first")


def _refused(reason: str) -> InvalidInput:
    return InvalidInput(
        f"The password {reason}.",
        hint=f"Take {SHORTEST} or more characters, such as four unrelated words.",
    )
