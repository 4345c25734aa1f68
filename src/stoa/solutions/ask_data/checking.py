"""Whether an English answer says only what the rows say: every number, date and name is looked up.

A number may be written as people write it (`1,234.5`, `12 %`, `1.2 million`, `twelve`), rounded to the
digits that are shown, and must stand in a row, in the question, or count the rows. A date may be
written in words. A name must stand in a cell, a column's name or the question. Where a part of a
sentence names one row, its number must be of that row. Knows no model and no database.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from stoa.core.language.words import function_words, stem, tokens
from stoa.solutions.ask_data.results import Cell, heading

_MONTHS: Final = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORDS: Final = {word: n for n, word in enumerate(_SMALL)} | {
    word: 10 * n for n, word in enumerate(_TENS, start=2)
}
_SCALES: Final = {
    "k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "bn": 1e9, "b": 1e9,
    "billion": 1e9, "hundred": 1e2, "dozen": 12.0, "trillion": 1e12,
}  # fmt: skip
_NUMBER = re.compile(
    r"(?<![\w.,])[-−]?(?:[$€£¥]\s?)?"
    r"(?P<digits>\d{1,3}(?:[,\u202f\u00a0']\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:\s?(?P<scale>thousand|million|billion|trillion|bn|mn|dozen|hundred|[kKmMB])\b)?"
    r"\s?(?P<percent>%|percent\b|per cent\b)?"
)
_WORDED = re.compile(
    rf"\b(?P<word>(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_SMALL[1:10])}))?|{'|'.join(_SMALL)})"
    r"(?:[ -](?P<scale>hundred|thousand|million|billion|dozen))?\b"
    r"(?P<after>\s(?:of|another|by)\b)?",
    re.IGNORECASE,
)
_ORDINAL = re.compile(r"(?<![\w.,])(\d+)(?:st|nd|rd|th)\b|^\s*(\d{1,3})[.)]\s", re.MULTILINE)
_ABOUT = re.compile(
    r"\b(?:about|around|approximately|roughly|nearly|almost|over|under|some|more than|less than|"
    r"just|close to|ca\.?|~)\s*$",
    re.IGNORECASE,
)
_ISO_DAY = re.compile(r"\b(\d{4})-(\d\d)(?:-(\d\d))?(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?")
_MONTH = "|".join(f"{name}|{name[:3]}" for name in _MONTHS)
_DAY_MONTH = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})\.?,? (\d{{4}})\b", re.IGNORECASE
)
_MONTH_DAY = re.compile(
    rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b", re.IGNORECASE
)
_MONTH_YEAR = re.compile(rf"\b({_MONTH})\.?,? (\d{{4}})\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CLAUSE = re.compile(r"[;,:]\s+|\s+(?:and|while|whereas|but|followed by|then)\s+|\.\s+|\n+")
_NAME = re.compile(r"[^\W\d_][\w'’&.-]*")
_OPENERS = frozenset(
    [
        "overall",
        "altogether",
        "total",
        "together",
        "here",
        "yes",
        "records",
        "rows",
        "results",
        "answer",
        "none",
        "number",
        "average",
        "according",
        "currently",
        "today",
        "followed",
        "next",
        "last",
        "first",
        "second",
        "third",
        "finally",
        "also",
        "based",
    ]
)
_MOST_CELLS = 20_000


@dataclass
class Evidence:
    """What an answer may say: the values of its rows, the question, the names of the columns."""

    numbers: list[tuple[float, frozenset[int]]]
    """Each different number with the rows it stands in."""
    texts: dict[str, frozenset[int]]
    """Each different text, in lower case, with the rows it stands in; longest first."""
    days: set[str]
    """Dates as `2024-05-01`, and their months as `2024-05`."""
    words: set[str]
    free: set[float]
    """Numbers that belong to no row: the question's own, and how many rows there are."""
    stems: set[str] = field(default_factory=set)


def evidence_of(
    question: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], total: int
) -> Evidence:
    """Gather what may be said. At most some 20,000 cells are looked at."""
    numbers: dict[float, set[int]] = {}
    texts: dict[str, set[int]] = {}
    days: set[str] = set()
    most = _MOST_CELLS // max(1, len(columns))
    for place, row in enumerate(rows[:most]):
        for value in row:
            if isinstance(value, str):
                texts.setdefault(value.strip().lower(), set()).add(place)
                for figure, _ in _plain_numbers(value):
                    numbers.setdefault(figure, set()).add(place)
                days |= _days(value)
            elif value is not None and not isinstance(value, bool):
                numbers.setdefault(float(value), set()).add(place)
    headings = " ".join(heading(column) for column in columns)
    days |= _days(question)
    free = {figure for figure, _ in _plain_numbers(question)} | {float(total), float(len(rows))}
    free |= {float(day[:4]) for day in days}
    words = set(tokens(f"{question} {headings} {' '.join(texts)}"))
    ordered = sorted(texts.items(), key=lambda each: -len(each[0]))
    return Evidence(
        numbers=[(value, frozenset(places)) for value, places in numbers.items()],
        texts={text: frozenset(places) for text, places in ordered if len(text) > 1},
        days=days,
        words=words,
        free=free,
        stems={stem(word) for word in words},
    )


def unfounded(text: str, evidence: Evidence) -> list[str]:
    """The numbers, dates and names in `text` that its evidence does not hold. Empty: all is found."""
    wrong: list[str] = []
    rest = _without_days(text, evidence, wrong)
    for clause in _CLAUSE.split(rest):
        wrong += _mismatched(clause, evidence)
    bare = _without_cells(rest, evidence)
    bare = _ORDINAL.sub(" ", bare)
    wrong += [said.text for said in _said(bare) if not _found(said, evidence)]
    wrong += _unknown_names(bare, evidence)
    return list(dict.fromkeys(wrong))


# --- numbers ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Said:
    """A number as a text says it."""

    text: str
    value: float
    tolerance: float
    """How far the true value may be from it: half of the last digit that is written."""
    percent: bool = False
    rounded: bool = False
    """Whether it may stand for a value that is whole and other: `about 1,200`, `1.2 million`."""

    def is_(self, value: float) -> bool:
        """Whether a value of the database reads as this number."""
        tried = [value, value * 100] if self.percent else [value]
        return any(self._near(abs(each)) for each in tried)

    def _near(self, value: float) -> bool:
        if value == int(value) and not self.rounded and not self.percent:
            return value == self.value
        return abs(value - self.value) <= self.tolerance * (1 + 1e-9) + 1e-12


def _said(text: str) -> Iterator[_Said]:
    for match in _NUMBER.finditer(text):
        digits = re.sub(r"[,\u202f\u00a0']", "", match["digits"])
        scale = _SCALES.get((match["scale"] or "").lower(), 1.0)
        decimals = len(digits.partition(".")[2])
        about = bool(_ABOUT.search(text[: match.start()]))
        zeros = 0 if decimals else len(digits) - len(digits.rstrip("0"))
        step = scale * 10.0 ** (zeros if about else -decimals)
        yield _Said(
            match.group().strip(),
            float(digits) * scale,
            step if about else step / 2,
            percent=match["percent"] is not None,
            rounded=about or scale > 1,
        )
    for match in _WORDED.finditer(text):
        before = text[: match.start()].rstrip().lower()
        word = match["word"].lower()
        if word == "one" and (
            match["after"] or re.search(r"\b(no|each|this|that|any|the|only|every)$", before)
        ):
            continue
        value = sum(_WORDS[part] for part in re.split(r"[- ]", word))
        scale = _SCALES.get((match["scale"] or "").lower(), 1.0)
        yield _Said(match.group().strip(), value * scale, scale / 2, rounded=scale > 1)


def _plain_numbers(text: str) -> Iterator[tuple[float, str]]:
    for said in _said(text):
        yield said.value, said.text


def _found(said: _Said, evidence: Evidence) -> bool:
    if any(said.value == free for free in evidence.free):
        return True
    return any(said.is_(value) for value, _ in evidence.numbers)


def _mismatched(clause: str, evidence: Evidence) -> list[str]:
    """A number beside the name of one row that is no number of that row."""
    lowered = clause.lower()
    named = [places for text, places in evidence.texts.items() if _stands(text, lowered)]
    if len(named) != 1:
        return []
    said = list(_said(_ORDINAL.sub(" ", _without_cells(clause, evidence))))
    if len(said) != 1 or said[0].value in evidence.free:
        return []
    owners = [places for value, places in evidence.numbers if said[0].is_(value)]
    if not owners or any(places & named[0] for places in owners):
        return []
    return [said[0].text]


# --- dates -----------------------------------------------------------------------------------


def _days(text: str) -> set[str]:
    found: set[str] = set()
    for kind in (_ISO_DAY, _DAY_MONTH, _MONTH_DAY, _MONTH_YEAR):
        for match in kind.finditer(text):
            day = _iso(kind, match)
            found |= {day, day[:7]}
    return found


def _iso(kind: re.Pattern[str], match: re.Match[str]) -> str:
    parts = match.groups()
    if kind is _ISO_DAY:
        return "-".join(part for part in parts if part)
    if kind is _MONTH_YEAR:
        return f"{parts[1]}-{_month(parts[0]):02}"
    day, month = (parts[0], parts[1]) if kind is _DAY_MONTH else (parts[1], parts[0])
    return f"{parts[2]}-{_month(month):02}-{int(day):02}"


def _month(name: str) -> int:
    return next(n for n, month in enumerate(_MONTHS, 1) if month.startswith(name.lower()[:3]))


def _without_days(text: str, evidence: Evidence, wrong: list[str]) -> str:
    for kind in (_ISO_DAY, _DAY_MONTH, _MONTH_DAY, _MONTH_YEAR):
        found = kind.finditer(text)
        wrong += [each.group() for each in found if _iso(kind, each) not in evidence.days]
        text = kind.sub(" ", text)
    return text


# --- names -----------------------------------------------------------------------------------


def _without_cells(text: str, evidence: Evidence) -> str:
    """The text without what stands in a cell word for word, so `Area 51` is no number."""
    lowered = text.lower()
    for cell in evidence.texts:
        if not cell[0].isnumeric() and cell in lowered:
            text = re.sub(rf"(?<!\w){re.escape(cell)}(?!\w)", " ", text, flags=re.IGNORECASE)
            lowered = text.lower()
    return text


def _stands(cell: str, lowered: str) -> bool:
    if cell not in lowered:
        return False
    return re.search(rf"(?<!\w){re.escape(cell)}(?!\w)", lowered) is not None


def _unknown_names(text: str, evidence: Evidence) -> list[str]:
    """Capitalised words that stand nowhere; a sentence's first word counts unless it is common."""
    skip = function_words("en") | _OPENERS | set(_WORDS)
    unknown = []
    for sentence in _SENTENCE.split(text):
        for match in _NAME.finditer(sentence):
            word = match.group().rstrip(".'’-")
            plain = word.lower().removesuffix("'s").removesuffix("’s")
            if not word[:1].isupper() or plain in skip:
                continue
            parts = tokens(plain)
            if all(part in evidence.words or stem(part) in evidence.stems for part in parts):
                continue
            if plain in _MONTHS and any(day[5:7] == f"{_month(plain):02}" for day in evidence.days):
                continue
            unknown.append(word)
    return unknown
