"""Which language a text is in: py3langid (BSD, 98 languages, 0.1 ms for a sentence, no torch).

The model is loaded at the first call (0.6 s, 5 MB), not at import.
"""

import threading
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

_SAMPLE = 4000
_FEWEST_LETTERS = 12
_SURE = 0.5
_FEWEST_OF_SHORT = 6
_LIKELY = 0.6
_BEYOND_LATIN = 0x250
_EUROPEAN = ("en", "fr", "de", "es", "it", "nl", "pt", "pl", "sv")
_LOCK = threading.Lock()


def detect_language(text: str) -> str:
    """ISO 639-1 code such as `en`; empty where there is too little text to tell.

    Only the first 4,000 characters are looked at.
    """
    sample = text[:_SAMPLE]
    if sum(character.isalpha() for character in sample) < _FEWEST_LETTERS:
        return ""
    return _classified(sample)


def likely_language(text: str) -> str:
    """The most likely of nine languages of Europe, for a few words; empty where even that is a guess.

    For texts that are too short to be told among 98 languages, in Latin letters only.
    """
    letters = [character for character in text[:_SAMPLE] if character.isalpha()]
    if len(letters) < _FEWEST_OF_SHORT or any(ord(each) >= _BEYOND_LATIN for each in letters):
        return ""
    with _LOCK:
        ranked = dict(_identifier().rank(text[:_SAMPLE]))
    among = {name: float(ranked[name]) for name in _EUROPEAN}
    best = max(_EUROPEAN, key=lambda name: among[name])
    return best if among[best] >= _LIKELY * sum(among.values()) else ""


@lru_cache(maxsize=256)  # a question is looked at on every step of its way
def _classified(sample: str) -> str:
    with _LOCK:  # two first calls at once would load it twice
        identifier = _identifier()
    language, probability = identifier.classify(sample)
    return str(language) if probability >= _SURE else ""


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
