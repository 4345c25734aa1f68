"""Words: cutting text into tokens, stems, function words. The ground that the rest of the room is on.

Stems come from Snowball (BSD) for the languages it knows; for others a word is its own stem. Function
words are short lists of our own: enough to tell `the` from `leave`, for nine languages.
"""

import re
import threading
import unicodedata
from functools import lru_cache
from typing import Final

import snowballstemmer

_TOKEN = re.compile(
    r"\d+(?:[.,:/]\d+)+%?|\d+%?"  # 1,000 · 3.5 · 12:30 · 40%
    r"|[^\W\d_]+(?:['’][^\W\d_]+)?(?:\d+)?"  # words, don't, PX200
    r"|[\u4e00-\u9fff\u3040-\u30ff]"
)
_ALGORITHMS: Final = {
    "ar": "arabic", "da": "danish", "de": "german", "en": "english", "es": "spanish",
    "fi": "finnish", "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch",
    "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish",
    "tr": "turkish",
}  # fmt: skip
_FUNCTION_WORDS: Final = {
    "en": """a about above after again all also am an and any are as at be because been before being
        between both but by can could did do does doing down during each either few for from further
        get gets give given had has have having he her here hers him his how i if in into is it its itself
        just let many may me might more most much must my no nor not of off on once one only or other
        our ours out over own per please same shall she should so some such tell than that the their
        theirs them then there these they this those through to too under until up upon us very was we
        were what when where which while who whom whose why will with within would you your yours
        don't doesn't didn't isn't aren't wasn't won't can't what's there's it's i'm we're""",
    "de": """aber alle als also am an auch auf aus bei bin bis bist da damit dann das dass dein dem den
        denn der des die dies diese dieser dieses doch dort du durch ein eine einem einen einer eines er
        es etwas euch euer für gegen gibt hat habe haben hatte hier ich ihm ihn ihr ihre im in ist ja
        jede jeder jedes kann kein keine können man mehr mein mich mir mit muss nach nicht noch nun nur
        ob oder ohne sehr sein seine sich sie sind so soll sollen über um und uns unser unter viel viele
        vom von vor wann war waren warum was weil welche welcher welches wem wen wenn wer werden wie wir
        wird wo wurde zu zum zur zwischen""",
    "fr": """à ai au aucun aussi autre aux avec avoir c ce cela ces cet cette ceux chaque combien comme
        comment d dans de des donc du elle elles en entre es est et été être eu eux fait il ils j je l
        la le les leur leurs lui m ma mais me même mes moi mon n ne ni nos notre nous on ont ou où par
        pas peut plus pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se ses si
        soi son sont sous sur t ta te tes toi ton tous tout toute très tu un une vos votre vous y""",
    "es": """a al algo ante antes como con cuál cuáles cuándo cuánto cuántos de del desde donde dónde
        durante e el ella ellas ellos en entre era es esa ese eso esta está están este esto estos fue
        ha hacer han hasta hay la las le les lo los más me mi mis muy nada ni no nos nosotros o otra
        otro para pero por porque puede que qué quién se ser si sí sin sobre son su sus también tan te
        tiene todo todos tu tus un una uno unos y ya yo""",
    "it": """a ad agli ai al alla alle allo anche che chi ci come con cosa cui da dai dal dalla dalle
        degli dei del della delle dello di dove e è ed era gli ha hanno i il in io la le lei li lo loro
        lui ma me mi mia mio nei nel nella nelle no noi non nostro o per perché però più può qual quale
        quali quando quanto quanti quella quello questa questo se sei si sia sono su sua sue sugli sul
        sulla suo suoi tra tu tuo un una uno vi voi""",
    "pt": """a ao aos as até como com da das de dela dele do dos e é ela elas ele eles em entre era essa
        esse esta está este eu foi há isso isto já lhe mais mas me mesmo meu minha muito na nas nem no
        nos nós não o onde os ou para pela pelo pode por porque qual quais quando quanto quantos que
        quem se sem ser seu sua são só também te tem um uma você""",
    "nl": """aan al alle als ben bij daar dan dat de der deze die dit doen door dus een en er ge geen had
        heb hebben heeft hem het hier hij hoe hoeveel hun iets ik in is ja je kan kunnen maar me meer
        men met mij mijn moet na naar niet nog nu of om omdat onder ons ook op over te tegen toch tot u
        uit uw van veel voor waar waarom wanneer want waren was wat we welke wel werd wie wij wil worden
        zal ze zelf zich zij zijn zo zonder zou""",
    "sv": """alla att av blev bli da de dem den denna deras dess det detta dig din du där efter ej eller
        en er ett från för ha hade han har hon hur i icke in inte jag kan man med men min mot mycket när
        något och om oss på samma sedan sig sin ska som så till under upp ut utan vad var varför vem vi
        vid vilka vilken vår är över""",
    "pl": """a aby ale bez bo być było był co czy dla do gdzie go i ich ile im ja jak jako jest jeśli już
        kiedy kto która które który lub ma może na nad nie niż o od on ona oni oraz po pod przez przy
        się są ta tak także tam te tego tej ten to tu w we więc z za ze że""",
}


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers in order; `1,000` is one token."""
    return [match.group().lower().replace("’", "'") for match in _TOKEN.finditer(text)]


def is_number(token: str) -> bool:
    """Whether a token is a figure."""
    return token[0].isdigit()


def content_stems(text: str, language: str = "en") -> list[str]:
    """Stems of the words that carry meaning, and figures in one form, in order."""
    skip = function_words(language)
    return [stem(each, language) for each in tokens(text) if each not in skip]


def function_words(language: str) -> frozenset[str]:
    """The function words of a language, always with the English ones."""
    return _function_words(language if language in _FUNCTION_WORDS else "en")


@lru_cache(maxsize=100_000)
def stem(token: str, language: str = "en") -> str:
    """The stem of a lower-case token without accents; a figure without its thousands separators."""
    if is_number(token):
        return plain_number(token)
    algorithm = _ALGORITHMS.get(language)
    stemmed = token.removesuffix("'s")
    if algorithm is not None:
        with _STEMMER_LOCK:
            stemmed = _stemmer(algorithm).stemWord(stemmed)
    return _without_accents(stemmed)


def plain_number(token: str) -> str:
    """`1,000` → `1000`, `1.000,50` → `1000.50`: the last separator counts as decimal only when it is
    not followed by exactly three digits."""
    digits = token.rstrip("%")
    if ":" in digits or "/" in digits:
        return digits
    parts = digits.replace(",", ".").split(".")
    if len(parts) == 1:
        return digits
    if len(parts[-1]) == 3:
        return "".join(parts)
    return "".join(parts[:-1]) + "." + parts[-1]


_STEMMER_LOCK = threading.Lock()  # a Snowball stemmer holds the word it works on


@lru_cache(maxsize=32)
def _stemmer(algorithm: str) -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer(algorithm)


@lru_cache(maxsize=16)
def _function_words(language: str) -> frozenset[str]:
    own = _FUNCTION_WORDS[language].split()
    return frozenset(own) | frozenset(_FUNCTION_WORDS["en"].split())


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFKD", word)
    return "".join(each for each in decomposed if not unicodedata.combining(each))
