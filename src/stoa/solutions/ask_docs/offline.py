"""What the prompts of ask_docs do without a model: rules and ranking. They copy; they do not invent.

`answer` copies whole sentences out of passages, so an instruction that stands in a document can at
most be quoted, never followed.
"""

import re
from typing import Final

from stoa.core.language.answers import choose_answer
from stoa.core.language.detect import detect_language
from stoa.core.language.words import content_stems, tokens
from stoa.solutions.ask_docs.answering import (
    AnswerInputs,
    DraftAnswer,
    DraftCitation,
    DraftSentence,
    Exchange,
    Understanding,
    UnderstandInputs,
)
from stoa.solutions.ask_docs.phrases import Phrase, phrase

_GREETINGS: Final = {
    "en": "hello hi hey hiya howdy greetings good morning good afternoon good evening good day",
    "de": "hallo moin servus guten morgen guten tag guten abend grüß gott",
    "fr": "bonjour bonsoir salut coucou",
    "es": "hola buenos días buenas tardes buenas noches",
}
_THANKS: Final = {
    "en": "thanks thank you cheers great perfect",
    "de": "danke vielen dank schön",
    "fr": "merci beaucoup",
    "es": "gracias muchas",
}
_GOODBYES: Final = {
    "en": "bye goodbye see you later",
    "de": "tschüss auf wiedersehen",
    "fr": "au revoir adieu à bientôt",
    "es": "adiós hasta luego",
}
_FILLERS = frozenset(
    [
        "there",
        "everyone",
        "all",
        "team",
        "stoa",
        "so",
        "very",
        "much",
        "a",
        "lot",
        "again",
        "everybody",
        "for",
        "the",
        "help",
        "your",
    ]
)
_OPEN_WORDS = frozenset(
    [
        "help",
        "problem",
        "question",
        "something",
        "anything",
        "everything",
        "information",
        "info",
        "stuff",
        "things",
        "thing",
        "issue",
        "document",
        "documents",
        "docs",
        "know",
        "tell",
        "explain",
        "more",
        "ask",
        "need",
        "want",
        "please",
        "hilfe",
        "frage",
        "problem",
        "dokument",
        "dokumente",
        "etwas",
        "alles",
        "aide",
        "question",
        "quelque",
        "chose",
        "ayuda",
        "pregunta",
        "algo",
        "todo",
    ]
)
_POINTS_BACK = re.compile(
    r"\b(it|its|they|them|their|theirs|this|that|these|those|he|him|his|she|her|there|same|such)\b"
    r"|\b(davon|dafür|darüber|dabei|deren|dessen|il|elle|ils|elles|cela|eso|esto|ello)\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"^(and|but|or|so|also|then|what about|how about|what if|why|why not|how so|how come|really|und|aber"
    r"|was ist mit|warum|wieso|et|mais|pourquoi|y|pero|por qué)\b",
    re.IGNORECASE,
)
_OWN_WORDS_ENOUGH = 5


def understand(inputs: UnderstandInputs) -> Understanding:
    """Tell greetings, too open messages and questions apart; join a follow-up with its subject."""
    social = _social(inputs.message)
    if social is not None:
        name, language = social
        return Understanding(kind="greeting", reply=phrase(name, language))
    meant = content_stems(inputs.message, detect_language(inputs.message) or "en")
    own = [each for each in meant if each not in _OPEN_STEMS]
    leans_back = bool(inputs.history) and (len(own) <= 1 or _points_back(inputs.message))
    if not own and not leans_back:
        titles = ", ".join(inputs.titles)
        language = detect_language(inputs.message)
        asks: Phrase = "clarify_titles" if titles else "clarify"
        reply = phrase(asks, language, titles=titles)
        return Understanding(kind="clarify", reply=reply)
    if leans_back and len(own) < _OWN_WORDS_ENOUGH:
        return Understanding(kind="question", standalone=_joined(inputs.message, inputs.history))
    return Understanding(kind="question", standalone=inputs.message)


def answer(inputs: AnswerInputs) -> DraftAnswer:
    """The sentences that support an answer best, copied whole, each citing the passage it stands in."""
    sentences = []
    shown = ""
    within = [each for each in inputs.candidates if 0 <= each.passage < len(inputs.passages)]
    for choice in choose_answer(inputs.question, within, passages=len(inputs.passages)):
        found = choice.candidate
        number = inputs.passages[found.passage].number
        quotes = [found.lead, found.text] if found.lead else [found.text]
        said = [found.text] if found.lead == shown else quotes  # rows of one table: its header once
        if found.kind in ("prose", "item"):
            said = [" ".join(each.split()) for each in said]  # lines as the page broke them
        shown = found.lead
        sentences.append(
            DraftSentence(
                text="\n".join(said),
                citations=[DraftCitation(passage=number, quote=quote) for quote in quotes],
            )
        )
    return DraftAnswer(sentences=sentences)


def _social(message: str) -> tuple[Phrase, str] | None:
    """Which greeting, thanks or goodbye a message is, and in which language; None: it is more."""
    words = tokens(message)
    if not words or len(words) > 8:
        return None
    kinds: tuple[tuple[Phrase, dict[str, str]], ...] = (
        ("goodbye", _GOODBYES),
        ("thanks", _THANKS),
        ("greeting", _GREETINGS),
    )
    for name, by_language in kinds:
        for language, known in by_language.items():
            said = set(known.split())
            if words[0] in said and set(words) <= said | _FILLERS | _all_social():
                return name, language
    return None


def _all_social() -> set[str]:
    texts = (*_GREETINGS.values(), *_THANKS.values(), *_GOODBYES.values())
    return {word for text in texts for word in text.split()}


def _points_back(message: str) -> bool:
    """Whether a message has words that stand for something said before."""
    return bool(_POINTS_BACK.search(message) or _GOES_ON.search(message.strip()))


def _joined(message: str, history: list[Exchange]) -> str:
    """The message with the question it goes on from: copied, not rephrased."""
    return f"{history[-1].question.rstrip()} {message.strip()}"


_OPEN_STEMS = frozenset(stem for word in _OPEN_WORDS for stem in content_stems(word)) | _OPEN_WORDS
