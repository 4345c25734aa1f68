"""What two questions must share before the SQL of one may answer the other: the fingerprint.

A question becomes a row of terms, in order: numbers, days, names, negation, comparison, order, aggregate,
grouping, and every other word that isn't empty talk. Two questions are the same only when their rows are
equal. What is thrown away or merged is listed here, and short: `how many` and `number of`, `with` and
`have`, articles, polite words. So a paraphrase in other words is at times not recognised (it costs one
more query), and a question that differs in one word never passes for another. Knows no SQL.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from stoa.core.tables.catalogue import Catalogue
from stoa.solutions.ask_data.semantic.keeping import Kept
from stoa.solutions.ask_data.semantic.periods import period_at
from stoa.solutions.ask_data.semantic.splitting import name_words
from stoa.solutions.ask_data.semantic.stems import word_set
from stoa.solutions.ask_data.semantic.tokens import Token, tokenise
from stoa.solutions.ask_data.semantic.vocabulary import EXACT_SYNONYMS

Sort = Literal[
    "number", "date", "name", "negation", "comparison", "order", "aggregate", "grouping", "word"
]

_PHRASES: Final[dict[tuple[Sort, str], str]] = {
    ("aggregate", "count"): "how many|number of|the number of|count of|the count of|total number of|"
    "the total number of|count the number of|count how many|count",
    ("aggregate", "distinct"): "distinct|unique|different",
    ("aggregate", "average"): "average|the average|mean|avg|average of|mean of",
    ("aggregate", "sum"): "total|sum|sum of|total sum of|the sum of",
    ("aggregate", "percentage"): "percentage of|percent of|what percentage of|what percent of|percentage",
    ("order", "highest"): "maximum|max|highest",
    ("order", "largest"): "largest|biggest",
    ("order", "lowest"): "minimum|min|lowest",
    ("order", "most"): "most|the most|most number of|highest number of|largest number of",
    ("order", "fewest"): "fewest|the fewest|lowest number of|smallest number of|fewest number of",
    ("order", "descending"): "descending|desc|in descending order|descending order|from highest to lowest",
    ("order", "ascending"): "ascending|asc|in ascending order|ascending order|from lowest to highest",
    ("order", "alphabetical"): "alphabetically|in alphabetical order",
    ("order", "by"): "order by|ordered by|sort by|sorted by|order them by|sort them by",
    ("comparison", ">"): "more than|greater than|higher than|over|above|exceeding|>",
    ("comparison", "<"): "less than|fewer than|lower than|under|below|<",
    ("comparison", ">="): "at least|no less than|no fewer than|not less than|>=",
    ("comparison", "<="): "at most|no more than|not more than|<=",
    ("negation", "not"): "not|isn't|aren't|wasn't|weren't|don't|doesn't|didn't|haven't|hasn't|hadn't",
    ("negation", "without"): "without|without any|with no|have no|has no|had no|having no",
    ("negation", "except"): "except|except for|excluding|other than|apart from",
    ("grouping", "per"): "per|by|for each|in each|of each|for every|in every|grouped by|group by|"
    "broken down by|split by",
    ("word", "with"): "with|have|has|had|having",
    ("word", ""): "in the database|in our database|in the system|do we have|are there|is there|"
    "show us|give us|tell us|list all|list all the|show all|show all the|show me all|show me all the|"
    "give me all|give me all the|find all|find all the|get all|get all the|what are all the",
}  # fmt: skip
_READ: Final = {
    tuple(phrase.split()): key for key, phrases in _PHRASES.items() for phrase in phrases.split("|")
}
_LONGEST: Final = max(map(len, _READ))
_SORTS: Final[dict[str, Sort]] = {
    **dict.fromkeys(["no", "never", "none", "neither", "nor", "only", "nobody", "nothing", "excludes", "exclude", "besides"], "negation"),
    **dict.fromkeys(
        ["between", "equal", "exactly", "before", "after", "since", "until", "more", "less", "fewer", "than", "within"],
        "comparison",
    ),
    **dict.fromkeys(
        ["top", "bottom", "first", "last", "latest", "earliest", "newest", "oldest", "best", "worst", "least", "cheapest", "longest", "shortest", "smallest", "greatest", "recent", "reverse"],
        "order",
    ),
    **dict.fromkeys(["each", "every", "month", "week", "year", "quarter", "day", "daily", "weekly", "monthly", "yearly"], "grouping"),
    **dict.fromkeys(["sum", "median", "ratio", "share", "proportion"], "aggregate"),
}  # fmt: skip
_EMPTY: Final = word_set(
    """a an the is are was were be been being do does did there please kindly show list give find get
    display tell return me what which who that can could would you i want know to-know need like we
    our in of for on at located based living live lives placed , ( ) : ! also"""
)
_LEADS: Final = word_set("how which what who list show give find count when where")
_LEANS: Final = word_set("in for during of since before after from at within on")


class Fingerprint(BaseModel):
    """All that must match before a stored SQL may be run again. JSON-able."""

    model_config = ConfigDict(frozen=True)

    terms: tuple[tuple[Sort, str], ...]
    """What was asked, term by term, in order."""
    relative: bool = False
    """A period counts from today (`last month`): its days are in the terms, so another day differs."""

    def of(self, sort: Sort) -> tuple[str, ...]:
        """The terms of one sort, in order."""
        return tuple(text for each, text in self.terms if each == sort)


def same(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether the SQL that answers one question answers the other as well."""
    return bool(one.terms) and one.terms == other.terms


def difference(one: Fingerprint, other: Fingerprint) -> str:
    """In words, what keeps two questions apart; empty where they are the same.

    >>> # "number: 2012 / 2013"
    """
    sorts: tuple[Sort, ...] = (
        "number", "date", "name", "negation", "comparison", "order", "aggregate", "grouping", "word",
    )  # fmt: skip
    for sort in sorts:
        here, there = one.of(sort), other.of(sort)
        if here != there:
            return f"{sort}: {', '.join(here) or 'none'} / {', '.join(there) or 'none'}"
    return "" if same(one, other) else "the order of the words"


def fingerprint(question: str, catalogue: Catalogue, today: date | None = None) -> Fingerprint:
    """The question's terms. Periods that count from today are turned into days, by `today`."""
    tokens = _led(tokenise(question))
    known = _VOCABULARIES.of(catalogue)
    day = today or date.today()
    terms: list[tuple[Sort, str]] = []
    relative = False
    place = 0
    while place < len(tokens):
        phrase = _phrase(tokens, place)
        found = None if phrase else period_at(tokens, place, day)
        if phrase:
            (sort, text), length = phrase
            if text:
                terms.append((sort, text))
            place += length
        elif found:
            period, place = found
            relative = relative or period.relative
            terms.append(("date", f"{period.start or ''}..{period.end or ''}"))
        else:
            term = _term(tokens[place], known)
            if term:
                terms.append(term)
            place += 1
    return Fingerprint(terms=tuple(terms), relative=relative)


def _phrase(tokens: Sequence[Token], place: int) -> tuple[tuple[Sort, str], int] | None:
    for length in range(min(_LONGEST, len(tokens) - place), 0, -1):
        chosen = tokens[place : place + length]
        if any(token.kind == "quoted" or _like_a_name(token) for token in chosen):
            continue
        key = _READ.get(tuple(token.lower for token in chosen))
        if key is None:
            continue
        if key[0] == "comparison" and not _number_follows(tokens, place + length):
            continue
        return key, length
    return None


def _number_follows(tokens: Sequence[Token], place: int) -> bool:
    """`over 5` compares, `over land` doesn't."""
    ahead = tokens[place : place + 2]
    return any(token.number is not None for token in ahead)


def _like_a_name(token: Token) -> bool:
    """`US`, `IT` and `The Who` inside a sentence are names, however common the word."""
    return token.capital or (len(token.text) > 1 and token.text.isupper())


class _Vocabulary:
    """The words of one catalogue: those of its names, and its values."""

    def __init__(self, catalogue: Catalogue) -> None:
        names: set[str] = set()
        self.values: set[str] = set()
        for table in catalogue.tables:
            names.update(name_words(table.name))
            for column in table.columns:
                names.update(name_words(column.name))
                for value in (*(column.values or ()), *column.samples):
                    self.values.update(str(value).lower().split())
        groups: dict[str, set[str]] = {}
        for word, head in EXACT_SYNONYMS.items():
            groups.setdefault(head, set()).add(word)
        self.merged: dict[str, str] = {}
        for head, words in groups.items():
            if len(words & (names | self.values)) < 2:
                self.merged.update(dict.fromkeys(words, head))


_VOCABULARIES: Final = Kept(_Vocabulary)


def _term(token: Token, known: _Vocabulary) -> tuple[Sort, str] | None:
    if token.kind == "quoted":
        return "name", token.lower
    if token.number is not None:
        return "number", f"{token.number:g}" + ("%" if token.text.endswith("%") else "")
    if token.kind == "sign":
        return None if token.lower in _EMPTY else ("word", token.lower)
    if _like_a_name(token):
        singular = known.merged.get(token.singular, token.singular)
        return "name", token.lower if token.singular not in known.merged else singular
    if token.lower in _EMPTY:
        return None
    if token.lower in known.values:
        return "name", token.lower
    sort = _SORTS.get(token.lower) or _SORTS.get(token.singular, "word")
    return sort, known.merged.get(token.singular, token.singular)


def _led(tokens: list[Token]) -> list[Token]:
    """`In Canada, how many …` with its beginning moved to the end."""
    for place, token in enumerate(tokens):
        ahead = tokens[place + 1] if place + 1 < len(tokens) else None
        if token.lower == "," and ahead is not None and ahead.lower in _LEADS:
            if tokens[0].lower in _LEANS and place > 1:
                return [*tokens[place + 1 :], *tokens[:place]]
            break
    return tokens
