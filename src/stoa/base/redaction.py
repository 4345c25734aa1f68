"""Takes secrets out of what is about to be written to a log or a span.

By name (a field called `password`, `token`, `api_key` …) and by look (a Stoa key, a provider's key,
a bearer header, a JWT, a login inside a URL). It knows nothing of where the text goes.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

HIDDEN: Final = "•••"
_SECRET_WORDS = {"password", "passwd", "token", "secret", "key", "authorization", "cookie"}
_ALWAYS_SECRET = {"password", "secret", "authorization"}
_NAME_PART = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+")
_LOOKS = (
    (re.compile(r"\b(stoa_|sk-|pk-|xox[abp]-|gh[pousr]_)[A-Za-z0-9_-]{16,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"), rf"\1{HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), rf"\1{HIDDEN}@"),
)
_DEEPEST = 6
_SHORTEST = 14
"""Characters of the shortest text that a pattern fits, a login inside a URL aside."""


def redact(name: str, value: Any, depth: int = 0) -> Any:
    """`value` without secrets, given the name it is filed under; containers are walked."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if _is_secret(name) or depth > _DEEPEST:
        return HIDDEN
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return redact_text(value.decode(errors="replace"))
    if isinstance(value, Mapping):
        return {str(key): redact(str(key), each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact("", each, depth + 1) for each in value]
    return redact_text(str(value))


def redact_text(text: str) -> str:
    """`text` without what looks like a secret."""
    if len(text) < _SHORTEST and "://" not in text:
        return text
    for look, instead in _LOOKS:
        text = look.sub(instead, text)
    return text


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    words = [word.lower() for word in _NAME_PART.findall(name)]
    return bool(words) and (words[-1] in _SECRET_WORDS or not _ALWAYS_SECRET.isdisjoint(words))
