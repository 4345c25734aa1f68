"""Reading what people write to get past a filter: text into plain tokens that know their place.

`F.u.c.k`, `sh1t`, `a$$hole`, `idioooot`, `ɪdiot`, `#StupidPeople` and `t'es` come out as the words they
are, each with its characters' place in the source. Confusable letters are the ones that are actually
typed (Unicode TR 39 lists many thousand; a few dozen do the damage). Knows no word list.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 100_000
"""Characters that are read; what comes after is not looked at, and the judgement says so."""
_PLAIN = re.compile(r"[A-Za-z]+\Z")
_LONGEST_WORD = 60
"""Characters of a word that are looked at: longer ones are no words."""
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,500}>")
_PIECE = re.compile(r"[^\W_](?:[^\s,;:?\"“”«»()\[\]{}<>/…—–|~=\\]*(?:[^\W_]|[$*#€]))?")
_SPACED = re.compile(r"(?<!\w)[^\W\d_]([\s.\-_*])(?:[^\W\d_]\1)+[^\W\d_](?!\w)")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_ELISION = re.compile(r"(?:qu|[ldjtscmn])['’](?=\w)", re.IGNORECASE)
_RUN = re.compile(r"(.)\1+")
_MASK = re.compile(r"[*#@%$!_-]")
_LEET = str.maketrans("013457$@!+€8", "oieastsaiteb")
_CONFUSABLE = str.maketrans(
    {
        **dict(zip("аеорсухіѕјһԁԛԝɡ", "aeopcyxisjhdqwg", strict=True)),  # Cyrillic
        **dict(zip("αεικνορτυχ", "aeiknoptux", strict=True)),  # Greek
        **dict(zip("ɑɪʟɴʀᴜᴏᴄᴋᴛᴀᴇꜱʏƒø", "ailnruocktaesyfo", strict=True)),
        "’": "'", "ʼ": "'", "´": "'", "`": "'", "œ": "oe", "æ": "ae", "ß": "ss",
        "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": "", "\u00ad": "",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """A word as it was meant, and where it stands."""

    word: str
    """Lower case, without accents and confusable letters."""
    start: int
    end: int
    shouted: bool = False
    """Three or more capital letters."""
    disguised: bool = False
    """Written with digits, symbols or gaps for letters."""


def tokens_of(text: str) -> list[Token]:
    """The words of a text in order. Links and markup are passed over."""
    return list(_tokens(text[:LONGEST]))


def _tokens(text: str) -> Iterator[Token]:
    if "<" in text:
        text = _TAG.sub(lambda found: " " * len(found.group()), text)
    if "://" in text or "www." in text:
        text = _LINK.sub(lambda found: " " * len(found.group()), text)
    spaced = {found.start(): found for found in _SPACED.finditer(text)}
    skip_to = 0
    for found in _PIECE.finditer(text):
        start = found.start()
        if start < skip_to:
            continue
        if start in spaced:
            joined = spaced[start]
            skip_to = joined.end()
            word = "".join(each for each in joined.group() if each.isalpha())
            yield Token(fold(word), start, joined.end(), word.isupper(), disguised=True)
            continue
        piece = found.group()
        if text[start - 1 : start] == "*":  # **bold**, not a word with its end hidden
            piece = piece.rstrip("*")
        yield from _parts(piece, start, start + len(piece), text[start - 1 : start] == "#")


def _parts(piece: str, start: int, end: int, is_tag: bool) -> Iterator[Token]:
    if _PLAIN.match(piece):
        if is_tag and not (piece.islower() or piece.isupper()):
            for part in _CAMEL.finditer(piece):
                yield Token(fold(part.group()), start + part.start(), start + part.end())
            return
        yield Token(piece.lower()[:_LONGEST_WORD], start, end, len(piece) > 2 and piece.isupper())
        return
    while elided := _ELISION.match(piece):
        if piece.lower().startswith(("i'", "i’")):
            break
        yield Token(fold(elided.group()), start, start + elided.end())
        piece, start = piece[elided.end() :], start + elided.end()
    if "-" in piece:
        yield from _hyphened(piece, start)
        return
    yield Token(fold(piece), start, start + len(piece), len(piece) > 2 and piece.isupper())


def _hyphened(piece: str, start: int) -> Iterator[Token]:
    if piece[1:2] == "-" and piece.count("-") == 1:  # "a-hole": one letter says little alone
        yield Token(fold(piece.replace("-", "")), start, start + len(piece), disguised=True)
        return
    at = start
    for part in piece.split("-"):
        if part:
            yield Token(fold(part), at, at + len(part), len(part) > 2 and part.isupper())
        at += len(part) + 1


def fold(word: str) -> str:
    """Lower case, without accents, confusable letters and invisible characters; the beginning of what
    is too long for a word."""
    return _folded(word[:_LONGEST_WORD])


@lru_cache(maxsize=50_000)
def _folded(word: str) -> str:
    low = word.casefold()
    if not low.isascii():
        low = unicodedata.normalize("NFKD", low.translate(_CONFUSABLE))
        low = "".join(each for each in low if not unicodedata.combining(each)).translate(
            _CONFUSABLE
        )
    return low


@lru_cache(maxsize=50_000)
def readings(word: str) -> tuple[str, ...]:
    """What a folded word may stand for, likeliest first: itself, without digits for letters, without
    drawn-out letters."""
    found = {word: None}
    if not word.isalpha():
        bare = word.replace(".", "").replace("_", "")
        if any(each.isalpha() for each in bare):
            plain = bare.translate(_LEET)
            found[plain] = None
            found[plain.replace("1", "l")] = None
            found[bare.replace("1", "l").translate(_LEET)] = None
    for each in list(found):
        if _RUN.search(each):
            found[_RUN.sub(lambda run: run[1] * min(2, len(run[0])), each)] = None
            found[_RUN.sub(r"\1", each)] = None
    return tuple(found)


def is_masked(word: str) -> bool:
    """Whether letters were replaced by signs: `f**k`."""
    return bool(_MASK.search(word)) and any(each.isalpha() for each in word)


@lru_cache(maxsize=10_000)
def unmasked(word: str) -> re.Pattern[str]:
    """What a masked word may be: each run of signs stands for one to three letters."""
    parts = re.split(r"([*#@%$!_-]+)", word)
    shape = "".join(
        f"[a-z]{{{len(part)},{len(part) + 2}}}" if at % 2 else re.escape(part)
        for at, part in enumerate(parts)
    )
    return re.compile(shape + r"\Z")
