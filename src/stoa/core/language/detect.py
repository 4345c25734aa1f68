"""Which language a text is in: py3langid (BSD, 98 languages, 0.1 ms for a sentence, no torch).

The model is loaded at the first call (0.6 s, 5 MB), not at import.
"""

import threading
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

_SAMPLE = 4000
_FEWEST_LETTERS = 12
_SURE = 0.5
_LOCK = threading.Lock()


def detect_language(text: str) -> str:
    """ISO 639-1 code such as `en`; empty where there is too little text to tell.

    Only the first 4,000 characters are looked at.
    """
    sample = text[:_SAMPLE]
    if sum(character.isalpha() for character in sample) < _FEWEST_LETTERS:
        return ""
    with _LOCK:  # two first calls at once would load it twice
        identifier = _identifier()
    language, probability = identifier.classify(sample)
    return str(language) if probability >= _SURE else ""


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
