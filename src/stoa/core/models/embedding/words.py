"""How text becomes words: the same for passages and queries, for every search engine and embedder.

Folded (case, accents, width), split at everything that is not a letter or digit, common English words
dropped, English stems. A year written together with letters (FY2023) is found by itself too. Scripts
written without spaces become overlapping pairs of characters, so that words can be told apart there
without a dictionary. Engines take the result as plain words between spaces and do no analysis of
their own, so none of them can differ.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

import snowballstemmer

_LONGEST = 40
_STRETCH = 60
_KNOWN_WORDS = 200_000
_WORD = re.compile(r"[^\W_]+")
_LETTERED_YEAR = re.compile(r"[a-z]+((?:19|20)\d\d)")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+"
)
_COMMON = frozenset(
    word
    for line in (
        "a about above after again against all am an and any are as at be because been before being",
        "below between both but by can could did do does doing down during each few for from further",
        "had has have having he her here hers herself him himself his how i if in into is it its",
        "itself just me more most my myself no nor not now of off on once only or other our ours",
        "ourselves out over own same shall she should so some such than that the their theirs them",
        "themselves then there these they this those through to too under until up very was we were",
        "what when where which while who whom whose why will with would you your yours yourself",
    )
    for word in line.split()
)


def searchable(text: str) -> str:
    """The words of `text`, prepared and joined by single spaces; empty where it has none."""
    return " ".join(words(text))


def words(text: str) -> list[str]:
    """The words of `text` in order, prepared; common ones are left out."""
    found: list[str] = []
    for raw in _WORD.findall(_folded(text)):
        if len(raw) <= _LONGEST and raw.isascii():
            if raw not in _COMMON:
                found.append(_stem(raw))
                if year := _LETTERED_YEAR.fullmatch(raw):
                    found.append(year[1])
        else:
            found.extend(_foreign(unicodedata.normalize("NFC", raw)))
    return found


def _folded(text: str) -> str:
    """Without case, accents and width."""
    if text.isascii():  # most of it is, and this is a tenth of the work
        return text.lower()
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in folded if not unicodedata.combining(c))


def coverage(asked: list[str], offered: list[str]) -> float:
    """Share of the asked words, 0..1, that stand close together: the most in any short stretch of
    the offered ones. Both as `words` makes them."""
    wanted = set(asked)
    if not wanted:
        return 0.0
    places = [(place, word) for place, word in enumerate(offered) if word in wanted]
    best, first = 0, 0
    near: Counter[str] = Counter()
    for place, word in places:
        near[word] += 1
        while place - places[first][0] > _STRETCH:
            left = places[first][1]
            near[left] -= 1
            if not near[left]:
                del near[left]
            first += 1
        best = max(best, len(near))
    return best / len(wanted)


def _foreign(raw: str) -> list[str]:
    """Words beyond ASCII: spaced scripts stay whole, unspaced ones become pairs."""
    found, start = [], 0
    for run in _UNSPACED.finditer(raw):
        if run.start() > start:
            found.append(raw[start : run.start()][:_LONGEST])
        piece = run.group()
        found.extend(piece[at : at + 2] for at in range(max(1, len(piece) - 1)))
        start = run.end()
    if start < len(raw):
        found.append(raw[start:][:_LONGEST])
    return found


_stemmer = snowballstemmer.stemmer("english")


@lru_cache(_KNOWN_WORDS)
def _stem(word: str) -> str:
    return str(_stemmer.stemWord(word))
