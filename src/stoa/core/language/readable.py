"""Whether a text is in a language that the local classifiers can read, English or French; and honestly, if not.

First a count of function words (0.01 ms), which also sees two languages in one text; where there are none,
`detect.py`. Too short to tell is taken as readable: the word lists of both languages are tried anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stoa.core.language.detect import detect_language
from stoa.core.language.toxicity_text import LONGEST, Token
from stoa.core.language.words import function_words

READ = ("en", "fr")
_SHARE = 0.12
"""Share of function words from which a text is that language's."""
_CERTAIN = 0.35
"""Share from which that is not doubted: Spanish, too, has a few words of French."""
_FEWEST_LETTERS = 20
_ENGLISH = function_words("en")
_FRENCH = (function_words("fr") - _ENGLISH) | frozenset(
    [
        "c'",
        "d'",
        "j'",
        "l'",
        "m'",
        "n'",
        "qu'",
        "s'",
        "t'",
        "ca",
        "suis",
        "etait",
        "tres",
        "meme",
        "ete",
        "etes",
        "a",
        "on",
    ]
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text was read."""

    language: str
    sure: bool
    note: str = ""


def reading_of(text: str, tokens: Sequence[Token], *, known: int = 0) -> Reading:
    """The language of a text, and whether the word lists know it.

    `known`: how many of its words they do know; that settles it where the text is too short for a guess.
    """
    if len(text) > LONGEST:
        return Reading(
            _counted(tokens)[0], False, f"Only the first {LONGEST:,} characters were read."
        )
    found, share = _counted(tokens)
    letters = sum(len(token.word) for token in tokens)
    if share >= _CERTAIN or (found and letters < 2 * _FEWEST_LETTERS):
        return Reading(found, True)
    if letters < _FEWEST_LETTERS:
        return _script(text)
    language = detect_language(text)
    if language in READ or (not language and (known or found)):
        return Reading(found or language, True)
    if not language:
        return Reading("", False, "The language can't be told.")
    return Reading(language, False, f"The language '{language}' is not one this classifier reads.")


def _script(text: str) -> Reading:
    """Too short for a guess: readable unless most letters are of another script."""
    letters = [each for each in text if each.isalpha()]
    foreign = sum(ord(each) > 0x24F for each in letters)
    if letters and foreign > len(letters) / 2:
        return Reading("", False, "The letters are of a script this classifier does not read.")
    return Reading("", True)


def _counted(tokens: Sequence[Token]) -> tuple[str, float]:
    """The language whose function words are most, and their share; none below a small share."""
    words = [token.word for token in tokens[:400]]
    english = sum(word in _ENGLISH for word in words)
    french = sum(word in _FRENCH for word in words)
    most = max(english, french)
    if most == 0 or most < _SHARE * len(words):
        return "", 0.0
    return ("en" if english >= french else "fr"), most / len(words)
