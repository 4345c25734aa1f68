"""A question cut into tokens: words, numbers (also written as words), quoted text, signs.

Knows English numbers and no database.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from stoa.solutions.ask_data.semantic.lexicon import NUMBER_WORDS
from stoa.solutions.ask_data.semantic.stems import singular, stem

TokenKind = Literal["word", "number", "quoted", "sign", "day"]

_TOKEN: Final = re.compile(
    r"""(?P<day>\b\d{4}-\d{2}-\d{2}\b)
    |(?P<quoted>"[^"]+"|“[^”]+”|‘[^’]+’|`[^`]+`|(?<!\w)'[^']+'(?!\w))
    |(?P<number>(?<![\w.])[$€£]?-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[kKmM%](?!\w))?(?![\w-]*[^\W\d_]))
    |(?P<word>[^\W_]+(?:[.&/_'’@]+[^\W_]+)*(?:['’](?!\w))?)
    |(?P<sign>>=|<=|!=|<>|==|[<>=≥≤%\#&,;.?!:()])""",
    re.VERBOSE,
)
_INCLUSIVE: Final = re.compile(r",?\s*\(?\binclusive(?: of [^).,;?]*)?\)?", re.IGNORECASE)
"""Said of a period, it says what is meant here anyway."""
_ANY_CASE: Final = re.compile(
    r"[.;,]?\s*\b(?:match|compare|treat)\b[^.;,?]*?\bcase[- ]?insensitiv\w+", re.IGNORECASE
)
"""How text is compared in any case."""
_TENS: Final = frozenset(
    {"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
)
_SCALES: Final = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "dozen": 12}


@dataclass(frozen=True)
class Token:
    """One token. `text` as written; `lower` for matching; `number` where it is one."""

    text: str
    kind: TokenKind
    lower: str
    number: float | int | None = None
    first: bool = False
    """It opens a sentence, so that its capital says nothing."""
    possessive: bool = False
    """`author's`."""

    @cached_property
    def stem(self) -> str:
        return stem(self.lower)

    @cached_property
    def singular(self) -> str:
        return singular(self.lower)

    @property
    def capital(self) -> bool:
        """Written like a name, in a place where only names are."""
        return self.kind == "word" and self.text[:1].isupper() and not self.first


def tokenise(question: str) -> list[Token]:
    """Tokens of the question in order; endings such as 's and marks at the end are dropped."""
    found: list[Token] = []
    first = True
    question = _ANY_CASE.sub("", _INCLUSIVE.sub("", question))
    for match in _TOKEN.finditer(question.replace("’s", "'s")):
        kind = match.lastgroup
        text = match.group()
        if kind == "sign" and text in ".?!;:":
            first = True
            if text in ".;?" and match.end() < len(question.rstrip()):
                found.append(Token(text, "sign", ";"))
            continue
        found.extend(_tokens(kind or "word", text, first))
        first = False
    return _number_words(found)


def _tokens(kind: str, text: str, first: bool) -> list[Token]:
    if kind == "quoted":
        return [Token(text[1:-1].strip(), "quoted", text[1:-1].strip().lower())]
    if kind == "number":
        return [Token(text, "number", text.lower(), _number(text))]
    if kind in ("sign", "day"):
        return [Token(text, "sign" if kind == "sign" else "day", text)]
    text = text.replace("’", "'")
    possessive = text.endswith(("'s", "s'"))
    for ending in ("'s", "'"):
        text = text.removesuffix(ending)
    return [Token(text, "word", text.lower(), first=first, possessive=possessive)] if text else []


def _number(text: str) -> float | int:
    plain = text.strip("$€£").replace(",", "").lower()
    scale = {"k": 1000, "m": 1_000_000}.get(plain[-1], 1)
    plain = plain.rstrip("km%")
    value = float(plain) * scale
    return int(value) if value.is_integer() else value


def _number_words(tokens: list[Token]) -> list[Token]:
    """`five`, `twenty-five`, `two hundred` and `3 million` become numbers."""
    done: list[Token] = []
    for token in tokens:
        value = NUMBER_WORDS.get(token.lower) if token.kind == "word" else None
        before = done[-1] if done else None
        if value is None:
            done.append(token)
        elif before and before.number is not None and token.lower in _SCALES:
            times = before.number * _SCALES[token.lower]
            done[-1] = Token(
                f"{before.text} {token.text}", "number", f"{before.lower} {token.lower}", times
            )
        elif token.lower == "once" or token.lower == "twice":
            done.append(token)
        else:
            done.append(Token(token.text, "number", token.lower, value))
    return done
