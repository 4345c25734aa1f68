"""Whether a sentence may stand: its quotes are in the passages, and they say what it says.

Quotes are compared word for word; white space, quotation marks and hyphens at line ends may differ,
and what is kept is the passage's own spelling. Figures and names of the sentence must stand in the
passages it cites. Knows no model and no store.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from stoa.core.language.detect import detect_language
from stoa.core.language.words import content_stems, is_number, plain_number, tokens
from stoa.solutions.ask_docs.answering import DraftSentence

Support = Literal["supported", "weak"]
_FEWEST_LETTERS = 3
_WELL_SHARED = 0.5
_NAME = re.compile(r"(?<=[^\s.!?:»\"“])\s+([A-ZÄÖÜÉ][\w'’-]+)")
_NOT = re.compile(
    r"\b(?:not|no|never|none|nobody|without|cannot|neither|nor|nicht|kein\w*|nie|ohne|pas|jamais|sans|"
    r"nunca|sin)\b|n['’]t\b",
    re.IGNORECASE,
)
_ALIKE = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "’": "'", "‘": "'", "–": "-", "—": "-",
     "‑": "-", "\u00a0": " ", "\u202f": " "}
)  # fmt: skip
_NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        [
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
            "twenty",
        ]
    )
}


@dataclass(frozen=True)
class Quote:
    """Words that stand in passage number `passage`, exactly as they stand there."""

    passage: int
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Checked:
    """A sentence that may stand, with its proven quotes."""

    text: str
    quotes: list[Quote]
    support: Support


def check_sentence(
    draft: DraftSentence, passages: Mapping[int, str], *, context: str = ""
) -> Checked | None:
    """Check a drafted sentence against the passages it cites; None where it may not stand.

    Args:
        draft: the sentence with its citations.
        passages: text by number, of everything that was retrieved.
        context: what the sentence may also name without a quote: the question, titles, headings.
    """
    text = draft.text.strip()
    quotes = [
        quote
        for citation in draft.citations
        if citation.passage in passages
        for quote in find_quotes(citation.quote, citation.passage, passages[citation.passage])
    ]
    if not text or not quotes:
        return None
    cited = "\n".join(passages[number] for number in {quote.passage for quote in quotes})
    if not _figures(text) <= _figures(cited) | _figures(context):
        return None
    if not _names_stand(text, f"{cited}\n{context}"):
        return None
    support = _support(text, quotes, cited)
    return Checked(text, quotes, support) if support else None


def find_quotes(quote: str, number: int, text: str) -> list[Quote]:
    """The quote in a passage, in the passage's spelling; its parts where it leaves words out with `…`.

    Empty where one part does not stand there, or where the quote is too short to prove anything.
    """
    found: list[Quote] = []
    for part in re.split(r"\s*(?:\[?(?:\.{3,}|…)\]?)\s*", quote):
        bare = part.strip().strip("\"'“”„«»")
        if not bare:
            continue
        place = _find(bare, text) or _find(bare.rstrip(".,;:!?"), text)
        if place is None:
            return []
        found.append(Quote(number, *place, text[place[0] : place[1]]))
    proving = sum(character.isalnum() for each in found for character in each.text)
    return found if proving >= _FEWEST_LETTERS else []


def _find(quote: str, text: str) -> tuple[int, int] | None:
    """Where a quote stands in a text, blind to white space, kinds of quotation marks and case."""
    if quote and (exact := text.find(quote)) >= 0:
        return exact, exact + len(quote)
    wanted, _ = _plain(quote)
    having, places = _plain(text)
    at = having.find(wanted) if wanted else -1
    return None if at < 0 else (places[at], places[at + len(wanted) - 1] + 1)


def _plain(text: str) -> tuple[str, list[int]]:
    """A text in one spelling, and where each of its characters stands in the original."""
    characters: list[str] = []
    places: list[int] = []
    joined = re.compile(r"(?<=\w)[-\u00ad]\s*\n\s*(?=[a-zäöüß])|\u00ad")
    gaps = [match.span() for match in joined.finditer(text)]
    position = 0
    for start, end in [*gaps, (len(text), len(text))]:
        for place in range(position, start):
            character = text[place].translate(_ALIKE)
            if character.isspace():
                if not characters or characters[-1] == " ":
                    continue
                character = " "
            folded = character.lower()
            characters.append(folded if len(folded) == 1 else character)
            places.append(place)
        position = end
    while characters and characters[-1] == " ":
        characters.pop()
        places.pop()
    return "".join(characters), places


def _figures(text: str) -> set[str]:
    words = tokens(text)
    figures = {plain_number(each) for each in words if is_number(each)}
    return figures | {_NUMBER_WORDS[each] for each in words if each in _NUMBER_WORDS}


def _names_stand(text: str, cited: str) -> bool:
    """Whether every capitalised word inside the sentence stands in what it cites, in any case.

    German writes all nouns so; there a word also stands where its stem does.
    """
    language = detect_language(text) or "en"
    there = set(tokens(cited))
    stems = set(content_stems(cited, language))
    for name in _NAME.findall(text):
        words = tokens(name)
        known = all(word in there or word.removesuffix("'s") in there for word in words)
        if not known and language != "de" and not set(content_stems(name, language)) <= stems:
            return False
    return True


def _support(text: str, quotes: list[Quote], cited: str) -> Support | None:
    """How well the quotes carry the sentence: by the words they share, and by saying `not` alike."""
    language = detect_language(text) or "en"
    said = set(content_stems(text, language))
    quoted = " ".join(quote.text for quote in quotes)
    if not said or not said - set(content_stems(quoted, language)):
        return "supported" if bool(_NOT.search(text)) == bool(_NOT.search(quoted)) else "weak"
    shared = len(said & set(content_stems(quoted, language))) / len(said)
    around = len(said & set(content_stems(cited, language))) / len(said)
    same_language = (detect_language(cited) or language) == language
    if around == 0 and same_language:
        return None
    negates = bool(_NOT.search(text)) != bool(_NOT.search(quoted))
    return "supported" if (shared + around) / 2 >= _WELL_SHARED and not negates else "weak"
