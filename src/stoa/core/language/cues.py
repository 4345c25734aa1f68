"""What kind of answer a question asks for, and whether a sentence holds one of that kind.

Who wants a name, when a time, how many a figure. Question words of five languages; the rest of the
world gets no cue, which costs a little ranking and nothing else.
"""

import re
from functools import lru_cache
from typing import Final

_QUESTIONS: Final = {
    "amount": r"how (?:many|much|long|often|far|large|big|old|high|fast|quickly|heavy|tall|deep|wide)|what (?:is|was|are|were) the"
    r" (?:\w+ ){0,2}(?:number|amount|rate|limit|price|cost|percentage|share|maximum|minimum|size|"
    r"total|average|score|accuracy|age|fee|budget|distance|speed|temperature)"
    r"|wie ?viele?|wie (?:lange|oft|hoch|groß)|combien|cuánt[oa]s?|quant[oie]",
    "time": r"when|what (?:time|date|day|year|month)|which (?:day|year|month)|how soon|by when|until when"
    r"|wann|bis wann|quand|cuándo|quando",
    "person": r"who|whom|whose|wer|wem|wen|qui|quién(?:es)?|chi",
    "reason": r"why|what (?:causes?|caused|is the reason)|warum|wieso|weshalb|pourquoi|por qué|perché",
    "place": r"where|wo|wohin|où|dónde|dove",
    "way": r"how (?:do|does|can|should|to|is|are)|wie|comment|cómo|come",
    "meaning": r"what (?:is|are|does) (?!the (?:number|amount))|was (?:ist|sind|bedeutet)"
    r"|qu['’]est|qué (?:es|son)|define|meaning of",
}
_ASKED = {
    kind: re.compile(rf"(?:^|[\s,;(¿])(?:{pattern})\b", re.IGNORECASE)
    for kind, pattern in _QUESTIONS.items()
}
_MONTH = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|januar|februar|märz|mai|juni|juli|oktober|dezember"
)
_NUMBER_WORD = (
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty"
    r"|hundred|thousand|million|billion|half|once|twice|zwei|drei|vier|fünf|deux|trois|dos|tres"
)
_HOLDS = {
    "amount": re.compile(rf"\d|\b(?:{_NUMBER_WORD})\b", re.IGNORECASE),
    "time": re.compile(
        rf"\b(?:1[0-9]|20)\d\d\b|\b\d{{1,2}}[:.]\d\d\b|\b(?:{_MONTH})\b|\b(?:mon|tues|wednes|thurs|fri|"
        r"satur|sun)days?\b|\b\d+\s*(?:days?|weeks?|months?|years?|hours?|minutes?|a\.?m|p\.?m)\b"
        r"|\b(?:daily|weekly|monthly|yearly|annually|quarter|midnight|noon|deadline)\b",
        re.IGNORECASE,
    ),
    "person": re.compile(
        r"(?<=[a-z,;:(|] )[A-Z][a-z]+(?: [A-Z][a-z]+)+|^[A-Z][a-z]+ [A-Z][a-z]+|\b(?:manager|director|"
        r"officer|head of|team|owner|president|chair|author|lead|department|desk|committee|doctor|"
        r"engineer|specialist|supervisor|employees?|staff)\b",
    ),
    "reason": re.compile(
        r"\b(?:because|since|due to|in order to|so that|therefore|reason|caused?|owing to|as a result|"
        r"weil|damit|car|parce|porque)\b",
        re.IGNORECASE,
    ),
    "place": re.compile(
        r"\b(?:in|at|on|under|from|inside|near|building|floor|room|office|address|site|street|portal|"
        r"intranet|located)\b|https?://",
        re.IGNORECASE,
    ),
    "way": re.compile(
        r"\b(?:must|should|by|using|via|through|first|then|open|click|send|submit|fill|call|contact|run|"
        r"enter|select|press|use|ask|log in|apply|request)\b",
        re.IGNORECASE,
    ),
    "meaning": re.compile(
        r"^.{2,60}?\b(?:is|are|means|refers to|denotes|stands for|consists of|was|were)\b|:\s",
        re.IGNORECASE,
    ),
}
_HOW_MANY = re.compile(r"\bhow many (?:more |other )?([a-z]{3,})", re.IGNORECASE)
_A_FIGURE_BUT_NOT_OF_THAT = 0.5
_ORDER = ("amount", "time", "person", "reason", "place", "meaning", "way")


def asked_for(question: str) -> str:
    """`amount`, `time`, `person`, `reason`, `place`, `meaning`, `way`, or empty."""
    return next((kind for kind in _ORDER if _ASKED[kind].search(question)), "")


def cue_score(question: str, sentence: str) -> float:
    """1 where the sentence holds what the question asks for, 0 where it does not, ½ without a cue.

    Who asks "how many days" wants a figure of days: any other figure is worth half.
    """
    kind = asked_for(question)
    if not kind:
        return 0.5
    if not _HOLDS[kind].search(sentence):
        return 0.0
    counted = _HOW_MANY.search(question) if kind == "amount" else None
    if counted is None or _figures_of(counted[1]).search(sentence):
        return 1.0
    return _A_FIGURE_BUT_NOT_OF_THAT


@lru_cache(maxsize=256)
def _figures_of(unit: str) -> re.Pattern[str]:
    """A figure, at most two words, and the unit, in singular or plural."""
    stem = re.escape(unit[:-1] if unit.endswith("s") else unit)
    figure = rf"(?:\d[\d.,]*|{_NUMBER_WORD})"
    return re.compile(rf"\b{figure}(?:\s+\w+){{0,2}}\s+{stem}", re.IGNORECASE)
