"""Stretches of time in words: `in March 2020`, `last 30 days`, `Q1 2023`, `2012`.

Reads tokens and says from which day to which, so that nothing after it needs today's date. Knows no
database.
"""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from stoa.solutions.ask_data.semantic.lexicon import MONTHS, ORDINALS
from stoa.solutions.ask_data.semantic.meaning import Unit
from stoa.solutions.ask_data.semantic.tokens import Token

_UNITS: Final[dict[str, Unit]] = {
    "day": "day", "days": "day", "week": "week", "weeks": "week", "month": "month", "months": "month",
    "quarter": "quarter", "quarters": "quarter", "year": "year", "years": "year",
}  # fmt: skip
_LAST: Final = frozenset({"last", "past", "previous", "preceding", "recent"})
_NEXT: Final = frozenset({"next", "coming", "upcoming", "following"})
_LEAVING_OUT: Final = (
    "excluding",
    "exclusive of",
    "not including",
    "not counting",
    "without",
    "except",
)
_FIRST_YEAR, _LAST_YEAR = 1500, 2199


@dataclass(frozen=True)
class Period:
    """Days from `start` up to and without `end`; either may be open. `text`: as it was asked."""

    start: date | None
    end: date | None
    text: str
    relative: bool = False
    """Counted from today, so that it means other days tomorrow."""
    bare_year: bool = False
    """Only a number, which may be something else than a year."""
    unit: Unit | None = None
    """Of `the last 8 weeks`: week."""


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a shorter month."""
    place = day.year * 12 + day.month - 1 + months
    year, month = place // 12, place % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def period_at(tokens: Sequence[Token], place: int, today: date) -> tuple[Period, int] | None:
    """The period that begins at this token, with the place after it; None where none does."""
    for reader in (_exact_day, _half, _quarter, _month, _rolling, _calendar, _near, _decade, _year):
        found = reader(tokens, place, today)
        if found is not None:
            start, end, after, relative = found
            text = " ".join(token.text for token in tokens[place:after])
            bare = reader is _year
            unit = _UNITS.get(tokens[after - 1].lower) if reader is _rolling else None
            found_period = Period(start, end, text, relative, bare, unit)
            return _whole_units(found_period, tokens, after, today)
    return None


_CURRENT: Final = ("this", "current", "ongoing", "present")


def _whole_units(
    period: Period, tokens: Sequence[Token], after: int, today: date
) -> tuple[Period, int]:
    """`the last 8 weeks excluding the current week`: whole ones, this one left out."""
    start = after + any(token.text in "(," for token in tokens[after : after + 1])
    words = [token.lower for token in tokens[start : start + 5]]
    lead = next((n for n in (1, 2) if " ".join(words[:n]) in _LEAVING_OUT), 0)
    lead += bool(lead) and words[lead : lead + 1] == ["the"]
    left_out = lead and len(words) > lead + 1 and words[lead] in _CURRENT
    unit = _UNITS.get(words[lead + 1]) if left_out else None
    if unit is None or period.start is None or not period.relative:
        return period, after
    end, done = _floor(today, unit), start + lead + 2
    if period.unit is None:
        return replace(period, end=min(period.end or end, end)), done
    return replace(period, start=_floor(period.start, unit), end=end), done


_Found = tuple[date | None, date | None, int, bool] | None


def _at(tokens: Sequence[Token], place: int) -> Token | None:
    return tokens[place] if 0 <= place < len(tokens) else None


def _skip(tokens: Sequence[Token], place: int, words: str) -> int:
    token = _at(tokens, place)
    return place + 1 if token is not None and token.lower in words.split() else place


def _year_at(tokens: Sequence[Token], place: int) -> int | None:
    token = _at(tokens, place)
    if (
        token is None
        or token.kind != "number"
        or not token.text.isdecimal()
        or len(token.text) != 4
    ):
        return None
    return int(token.text) if _FIRST_YEAR <= int(token.text) <= _LAST_YEAR else None


def _ordinal(token: Token | None) -> int | None:
    if token is None:
        return None
    lower = token.lower.rstrip(",")
    if lower == "first":
        return 1
    if lower in ORDINALS:
        return ORDINALS[lower]
    digits = lower[:-2] if lower[-2:] in ("st", "nd", "rd", "th") else lower
    return int(digits) if digits.isdecimal() and len(digits) <= 2 else None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _one_day(day: date | None, after: int, relative: bool = False) -> _Found:
    return (day, day + timedelta(days=1), after, relative) if day else None


def _exact_day(tokens: Sequence[Token], place: int, today: date) -> _Found:
    token = tokens[place]
    if token.kind == "day":
        year, month, day = (int(part) for part in token.text.split("-"))
        return _one_day(_day(year, month, day), place + 1)
    if token.lower in MONTHS:  # March 5, 2020
        ordinal = _ordinal(_at(tokens, place + 1))
        after = _skip(tokens, place + 2, ", of")
        year_found = _year_at(tokens, after)
        if ordinal and year_found:
            return _one_day(_day(year_found, MONTHS[token.lower], ordinal), after + 1)
    after = _skip(tokens, place, "the")
    ordinal = _ordinal(_at(tokens, after))
    if ordinal:  # 5 March 2020, the 5th of March 2020
        named = _skip(tokens, after + 1, "of")
        month_token = _at(tokens, named)
        year_place = _skip(tokens, named + 1, ",")
        year_found = _year_at(tokens, year_place)
        if month_token and month_token.lower in MONTHS and year_found:
            return _one_day(_day(year_found, MONTHS[month_token.lower], ordinal), year_place + 1)
    return None


def _quarter(tokens: Sequence[Token], place: int, today: date) -> _Found:
    at = _skip(tokens, place, "the")
    token = _at(tokens, at)
    if token is None:
        return None
    number: int | None = None
    after = at + 1
    if len(token.lower) == 2 and token.lower[0] == "q" and token.lower[1] in "1234":
        number = int(token.lower[1])
    elif (following := _at(tokens, after)) and following.lower == "quarter":
        number = _ordinal(token) if token.lower != "last" else None
        after += 1
    elif (
        token.lower == "quarter"
        and (following := _at(tokens, after))
        and following.number in (1, 2, 3, 4)
    ):
        number = int(following.number)
        after += 1
    year_place = _skip(tokens, after, "of in ,")
    year = _year_at(tokens, year_place)
    if number is None or number > 4 or year is None:
        return None
    start = date(year, number * 3 - 2, 1)
    return start, add_months(start, 3), year_place + 1, False


def _half(tokens: Sequence[Token], place: int, today: date) -> _Found:
    """first half of 2023, H2 2023."""
    at = _skip(tokens, place, "the")
    token, following = _at(tokens, at), _at(tokens, at + 1)
    number = {"h1": 1, "h2": 2}.get(token.lower) if token else None
    after = at + 1
    if number is None and following is not None and following.lower == "half":
        number, after = _ordinal(token), at + 2
    year_place = _skip(tokens, after, "of in ,")
    year = _year_at(tokens, year_place)
    if number not in (1, 2) or year is None:
        return None
    start = date(year, number * 6 - 5, 1)
    return start, add_months(start, 6), year_place + 1, False


def _month(tokens: Sequence[Token], place: int, today: date) -> _Found:
    if tokens[place].lower not in MONTHS:
        return None
    after = _skip(tokens, place + 1, "of in ,")
    year = _year_at(tokens, after)
    if year is None:
        return None
    start = date(year, MONTHS[tokens[place].lower], 1)
    return start, add_months(start, 1), after + 1, False


def _rolling(tokens: Sequence[Token], place: int, today: date) -> _Found:
    """last 30 days, past month, next two weeks: counted from today, today included."""
    at = _skip(tokens, place, "the")
    way = _at(tokens, at)
    if way is None or way.lower not in _LAST | _NEXT:
        return None
    number_token = _at(tokens, at + 1)
    number = 1 if number_token is None or number_token.number is None else int(number_token.number)
    at += 1 if number_token is None or number_token.number is None else 2
    unit_token = _at(tokens, at)
    unit = _UNITS.get(unit_token.lower) if unit_token else None
    counted = number_token is not None and number_token.number is not None
    if unit is None or number > 5000 or not (counted or way.lower == "past"):
        return None
    tomorrow = today + timedelta(days=1)
    if way.lower in _NEXT:
        return today, _shifted(today, unit, number) + timedelta(days=1), at + 1, True
    return _shifted(today, unit, -number), tomorrow, at + 1, True


def _shifted(day: date, unit: str, number: int) -> date:
    if unit in ("day", "week"):
        return day + timedelta(days=number * (7 if unit == "week" else 1))
    return add_months(day, number * {"month": 1, "quarter": 3, "year": 12}[unit])


def _calendar(tokens: Sequence[Token], place: int, today: date) -> _Found:
    """last month, this year, next week: whole calendar units."""
    at = _skip(tokens, place, "the")
    way, unit_token = _at(tokens, at), _at(tokens, at + 1)
    unit = _UNITS.get(unit_token.lower) if unit_token else None
    if way is None or unit is None:
        return None
    if way.lower in ("this", "current"):
        shift = 0
    elif way.lower in ("last", "previous"):
        shift = -1
    elif way.lower == "next":
        shift = 1
    else:
        return None
    start = _shifted(_floor(today, unit), unit, shift)
    return start, _shifted(start, unit, 1), at + 2, True


def _floor(day: date, unit: str) -> date:
    match unit:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case "year":
            return date(day.year, 1, 1)
    return day


def _near(tokens: Sequence[Token], place: int, today: date) -> _Found:
    shift = {"today": 0, "yesterday": -1, "tomorrow": 1}.get(tokens[place].lower)
    return None if shift is None else _one_day(today + timedelta(days=shift), place + 1, True)


def _decade(tokens: Sequence[Token], place: int, today: date) -> _Found:
    at = _skip(tokens, place, "the")
    token = _at(tokens, at)
    if token is None or len(token.lower) != 5 or not token.lower.endswith("0s"):
        return None
    digits = token.lower[:4]
    if not digits.isdecimal():
        return None
    return date(int(digits), 1, 1), date(int(digits) + 10, 1, 1), at + 1, False


def _year(tokens: Sequence[Token], place: int, today: date) -> _Found:
    at = _skip(tokens, place, "the")
    at = _skip(tokens, at, "year")
    year = _year_at(tokens, at)
    return (date(year, 1, 1), date(year + 1, 1, 1), at + 1, False) if year else None
