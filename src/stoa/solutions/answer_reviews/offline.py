"""What each prompt does without a model: scores from the local classifiers, replies from phrases.

A reply is composed of sentences that we wrote and of words that stand in the review. It invents nothing,
and it does not understand: where it has no phrases for a language, it says so and a person decides.
"""

import re
from functools import lru_cache

from stoa.core.language.sentiment import judge_sentiment
from stoa.core.language.toxicity import judge_toxicity
from stoa.solutions.answer_reviews.asking import (
    PictureInputs,
    PictureOutput,
    ReplyInputs,
    ReplyOutput,
    SentimentInputs,
    SentimentOutput,
    ToxicityInputs,
    ToxicityOutput,
)
from stoa.solutions.answer_reviews.phrases import PHRASES, TOPICS
from stoa.solutions.answer_reviews.schema import PictureVerdict

GLAD, SORRY = 0.25, -0.25
"""Sentiment from which a writer counts as content, and below which as disappointed."""
_MOST_TOPICS = 3
_STARS = 0.5
"""How much the stars count beside the words."""
_NAME = re.compile(r"[^\W\d_][\w'’ .-]{0,60}")


def toxicity(inputs: ToxicityInputs) -> ToxicityOutput:
    """The local classifier's score, and the words it comes from."""
    judged = judge_toxicity(inputs.text)
    quotes = [inputs.text[span.start : span.end] for span in judged.spans[:5]]
    return ToxicityOutput(score=min(1.0, max(0.0, judged.score)), quotes=quotes)


def sentiment(inputs: SentimentInputs) -> SentimentOutput:
    """The local classifier's score with the stars, and the topics that the words belong to."""
    judged = judge_sentiment(inputs.text)
    score = judged.score
    if inputs.rating is not None:
        score = (1 - _STARS) * score + _STARS * (inputs.rating - 3) / 2
    return SentimentOutput(
        score=min(1.0, max(-1.0, score)), topics=topics_of(inputs.text, judged.language)
    )


def topics_of(text: str, language: str) -> list[str]:
    """What a review is about, among what we have words for; in the order of the text."""
    lowered = text.lower()
    found = [
        (match.start(), topic)
        for topic, pattern in _patterns(language)
        if (match := pattern.search(lowered))
    ]
    return [topic for _, topic in sorted(found)[:_MOST_TOPICS]]


def reply(inputs: ReplyInputs) -> ReplyOutput:
    """A greeting, how we take it, what it is about, a closing: from `phrases.py`."""
    language = inputs.language if inputs.language in PHRASES else "en"
    say = PHRASES[language]
    tone = "glad" if inputs.sentiment >= GLAD else "sorry" if inputs.sentiment <= SORRY else "mixed"
    name = inputs.author.strip()
    hello = say["hello"].format(author=name) if _NAME.fullmatch(name) else say["hello_all"]
    product = " ".join(inputs.product.split())
    thanks = say[f"{tone}_about"].format(product=f"“{product}”") if product else say[tone]
    lines = [f"{hello} {thanks}"]
    topics = [each for each in inputs.topics if each in TOPICS.get(language, {})]
    if topics:
        about = {"glad": "liked", "mixed": "noted", "sorry": "blamed"}[tone]
        lines.append(say[about].format(topics=_joined(topics, say["and"])))
    elif tone == "sorry":
        lines.append(say["passed_on"])
    lines.append(say["welcome"] if tone == "glad" else say["tell_us"])
    text = " ".join(lines)
    if inputs.signature:
        text += f"\n\n{inputs.signature}"
    known = inputs.language in PHRASES
    doubt = "" if known else "There are no phrases for the language of this review."
    return ReplyOutput(text=text, language=language, doubt=doubt)


def picture(inputs: PictureInputs) -> PictureOutput:
    """Nobody looks at what a picture shows without a model; so nothing is said about it."""
    del inputs
    return PictureOutput(
        verdict=PictureVerdict.NOT_JUDGED, reason="No model that sees pictures is configured."
    )


def _joined(words: list[str], last: str) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + last + words[-1]


@lru_cache(maxsize=8)
def _patterns(language: str) -> list[tuple[str, re.Pattern[str]]]:
    return [
        (topic, re.compile("|".join(rf"\b{re.escape(word)}" for word in words)))
        for topic, words in TOPICS.get(language, {}).items()
    ]
