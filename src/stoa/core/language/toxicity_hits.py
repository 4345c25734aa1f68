"""Where a text hurts, and whom: word-list hits read in their context.

The same word is a slap or a shrug by what stands around it. "You are an idiot" aims at the reader, "these
people are idiots" at others, "I'm an idiot" at oneself, "the stupid zipper" at a thing; "not an idiot"
takes it back, "he called me an idiot" reports it, "fucking brilliant" praises. Each hit comes with that
reading; how much it counts is not decided here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stoa.core.language.toxicity_lexicon import Entry, Kind, lexicon
from stoa.core.language.toxicity_text import Token
from stoa.core.language.words import function_words

Aim = Literal["you", "them", "self", "thing", "open"]

_BREAK = re.compile(r"[.!?;\n…]")
_QUOTE = re.compile('["“”«»]')
_BEFORE, _AFTER = 5, 3
YOU = frozenset(
    [
        "you",
        "u",
        "ya",
        "yall",
        "ye",
        "your",
        "ur",
        "yours",
        "you're",
        "youre",
        "youve",
        "you've",
        "you'll",
        "youll",
        "yourself",
        "urself",
        "tu",
        "t'",
        "te",
        "toi",
        "vous",
        "votre",
        "vos",
        "ton",
        "ta",
        "tes",
    ]
)
THEM = frozenset(
    [
        "he",
        "she",
        "they",
        "him",
        "her",
        "them",
        "his",
        "their",
        "theirs",
        "he's",
        "she's",
        "they're",
        "theyre",
        "hes",
        "shes",
        "these",
        "those",
        "who",
        "people",
        "folks",
        "everyone",
        "everybody",
        "anyone",
        "guys",
        "guy",
        "man",
        "men",
        "woman",
        "women",
        "girl",
        "girls",
        "boy",
        "boys",
        "lady",
        "ladies",
        "dude",
        "dudes",
        "person",
        "persons",
        "staff",
        "seller",
        "sellers",
        "manager",
        "owner",
        "owners",
        "driver",
        "drivers",
        "waiter",
        "waitress",
        "cashier",
        "ceo",
        "boss",
        "employee",
        "employees",
        "president",
        "politician",
        "politicians",
        "congress",
        "senator",
        "celebrity",
        "family",
        "nation",
        "il",
        "elle",
        "ils",
        "elles",
        "lui",
        "leur",
        "leurs",
        "eux",
        "gens",
        "mec",
        "mecs",
        "type",
        "types",
        "homme",
        "hommes",
        "femme",
        "femmes",
        "fille",
        "filles",
        "garcon",
        "garcons",
        "vendeur",
        "vendeurs",
        "vendeuse",
        "patron",
        "patronne",
        "gerant",
        "serveur",
        "serveuse",
        "livreur",
        "chauffeur",
        "caissier",
        "caissiere",
        "personnel",
        "employes",
        "famille",
        "ceux",
        "celui",
        "celle",
    ]
)
SELF = frozenset(
    [
        "i",
        "i'm",
        "im",
        "i'd",
        "i've",
        "i'll",
        "me",
        "my",
        "myself",
        "we",
        "us",
        "our",
        "je",
        "j'",
        "moi",
        "me",
        "m'",
        "mon",
        "ma",
        "mes",
        "nous",
    ]
)
THING = frozenset(
    [
        "it",
        "it's",
        "its",
        "this",
        "that",
        "thing",
        "things",
        "product",
        "products",
        "item",
        "items",
        "service",
        "food",
        "coffee",
        "battery",
        "screen",
        "zipper",
        "cable",
        "charger",
        "box",
        "package",
        "delivery",
        "app",
        "website",
        "site",
        "update",
        "software",
        "price",
        "quality",
        "smell",
        "taste",
        "movie",
        "film",
        "book",
        "song",
        "game",
        "room",
        "hotel",
        "bed",
        "shoes",
        "shirt",
        "dress",
        "colour",
        "color",
        "instructions",
        "manual",
        "button",
        "design",
        "weather",
        "idea",
        "question",
        "mistake",
        "way",
        "day",
        "time",
        "stuff",
        "ca",
        "cela",
        "c'",
        "ce",
        "cet",
        "cette",
        "ceci",
        "produit",
        "produits",
        "article",
        "service",
        "repas",
        "plat",
        "cafe",
        "batterie",
        "ecran",
        "fermeture",
        "cable",
        "chargeur",
        "boite",
        "colis",
        "livraison",
        "appli",
        "application",
        "site",
        "logiciel",
        "prix",
        "qualite",
        "odeur",
        "gout",
        "film",
        "livre",
        "chanson",
        "jeu",
        "chambre",
        "hotel",
        "lit",
        "chaussures",
        "chemise",
        "robe",
        "couleur",
        "notice",
        "bouton",
        "idee",
        "question",
        "erreur",
        "temps",
        "truc",
        "chose",
        "choses",
    ]
)
_COPULA = frozenset(
    [
        "am",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "'s",
        "'re",
        "suis",
        "es",
        "est",
        "sommes",
        "etes",
        "sont",
        "etais",
        "etait",
    ]
)
_NOT = frozenset(
    [
        "not",
        "never",
        "no",
        "isn't",
        "isnt",
        "aren't",
        "arent",
        "wasn't",
        "wasnt",
        "don't",
        "dont",
        "doesn't",
        "didn't",
        "hardly",
        "without",
        "n'",
        "ne",
        "pas",
        "jamais",
        "sans",
        "aucun",
        "non",
        "nobody's",
    ]
)
_REPORT = frozenset(
    [
        "called",
        "calls",
        "calling",
        "says",
        "said",
        "yelled",
        "shouted",
        "wrote",
        "named",
        "labelled",
        "word",
        "term",
        "words",
        "insult",
        "insults",
        "insulted",
        "traite",
        "traitee",
        "appelle",
        "dit",
        "disait",
        "ecrit",
        "insulte",
        "insultee",
        "mot",
        "hurle",
    ]
)
_PRAISE = frozenset(
    ["good", "great", "amazing", "awesome", "brilliant", "love", "loved", "loves", "beautiful", "cool", "delicious", "perfect", "best", "fantastic", "incredible", "nice", "excellent", "wonderful", "happy", "funny", "impressive", "fun", "gorgeous", "yes", "well", "right", "sure", "lucky", "proud", "tasty", "fine", "yeah", "bien", "bon", "bonne", "genial", "super", "excellent", "excellente", "top", "parfait", "magnifique", "beau", "belle", "drole", "adore", "formidable", "incroyable", "delicieux", "contente", "content", "fort", "meilleur", "meilleure"]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hit:
    """One word or phrase of the list, read in its place."""

    kind: Kind
    weight: float
    """0..1, lowered where the context takes it back."""
    aim: Aim
    first: int
    last: int
    """Places of its first and last token."""
    disguised: bool = False


def hits_of(text: str, tokens: Sequence[Token]) -> list[Hit]:
    """All hits in order of their first token."""
    words = [token.word for token in tokens]
    clauses = _clauses(text, tokens)
    quoted = _quoted(text, tokens)
    reader = _Reader(words, clauses, quoted)
    book = lexicon()
    found: list[Hit] = []
    for at, token in enumerate(tokens):
        reading, entries = book.look_up(token.word)
        written = reading or token.word
        if reading and (needed := book.clash.get(reading)) and reader.language_near(at) != needed:
            entries = ()
        disguised = bool(reading) and (token.disguised or not token.word.isalpha())
        found += [reader.read(entry, at, at, disguised) for entry in entries]
        if written in book.phrases:
            for kind, language, end in book.phrase_ends(words, at):
                if clauses[end - 1] - clauses[at] <= 0:
                    found.append(reader.read(Entry(kind, 1.0, language), at, end - 1, False))
    return found


def _clauses(text: str, tokens: Sequence[Token]) -> list[int]:
    """The number of each token's sentence."""
    numbers, number, last = [], 0, 0
    for token in tokens:
        if _BREAK.search(text, last, token.start):
            number += 1
        numbers.append(number)
        last = token.end
    return numbers


def _quoted(text: str, tokens: Sequence[Token]) -> list[bool]:
    """Whether each token stands between quotation marks that are few words apart."""
    marks = [found.start() for found in _QUOTE.finditer(text)]
    inside = [False] * len(tokens)
    at = 0
    for opening, closing in zip(marks[::2], marks[1::2], strict=False):
        if closing - opening > 80:
            continue
        while at < len(tokens) and tokens[at].start < opening:
            at += 1
        while at < len(tokens) and tokens[at].start < closing:
            inside[at] = True
            at += 1
    return inside


class _Reader:
    """Reads hits in the context of one text."""

    def __init__(self, words: list[str], clauses: list[int], quoted: list[bool]) -> None:
        self._words, self._clauses, self._quoted = words, clauses, quoted

    def read(self, entry: Entry, first: int, last: int, disguised: bool) -> Hit:
        before = self._around(first, -_BEFORE)
        after = self._around(last, _AFTER)
        aim = self._aim(entry, before, after)
        weight = entry.weight
        if entry.kind not in ("threat", "wish", "dismissal"):
            if any(word in _NOT for word in before[:3]):
                weight *= 0.5
            if entry.kind in ("profanity", "sexual") and any(
                word in _PRAISE for word in (*after[:2], *before[:1])
            ):
                weight *= 0.4
        if self._quoted[first] or any(word in _REPORT for word in before[:3]):
            weight *= 0.5
        return Hit(entry.kind, weight, aim, first, last, disguised)

    def _around(self, at: int, width: int) -> list[str]:
        """Up to `width` words of the same sentence, nearest first; before where it is negative."""
        step = 1 if width > 0 else -1
        found = []
        for place in range(at + step, at + width + step, step):
            if not 0 <= place < len(self._words) or self._clauses[place] != self._clauses[at]:
                break
            found.append(self._words[place])
        return found

    def _aim(self, entry: Entry, before: list[str], after: list[str]) -> Aim:
        if after and entry.kind in ("contempt", "insult", "beastly", "profanity"):
            if after[0] in THING:
                return "thing"
            if after[0] in THEM:
                return "them"
            if entry.kind == "contempt" and after[0].isalpha() and after[0] not in _LINKING:
                return "you" if "you" in before[:2] or "your" in before[:2] else "thing"
        for word in before:
            if word in YOU:
                return "you"
            if word in THEM:
                return "them"
            if word in SELF:
                return "self"
            if word in THING:
                return "thing"
        if any(word in YOU for word in after):
            return "you"
        if any(word in THEM for word in after):
            return "them"
        return "open"

    def language_near(self, at: int) -> str:
        """`en`, `fr`, or empty: whose function words stand around."""
        near = self._words[max(0, at - 8) : at] + self._words[at + 1 : at + 9]
        french = sum(word in _FRENCH for word in near)
        english = sum(word in _ENGLISH for word in near)
        return "" if french == english else "fr" if french > english else "en"


_LINKING = frozenset(
    [
        "and",
        "or",
        "but",
        "to",
        "of",
        "in",
        "on",
        "at",
        "for",
        "with",
        "as",
        "that",
        "is",
        "are",
        "was",
        "were",
        "if",
        "so",
        "because",
        "you",
        "u",
        "he",
        "she",
        "they",
        "it",
        "i",
        "we",
        "et",
        "ou",
        "mais",
        "a",
        "de",
        "dans",
        "sur",
        "pour",
        "avec",
        "que",
        "qui",
        "est",
        "sont",
        "si",
        "car",
        "parce",
        "tu",
        "vous",
        "il",
        "elle",
        "ils",
        "je",
        "nous",
    ]
)
_ENGLISH = function_words("en") - frozenset(["a", "me", "on", "an", "as", "is", "in", "or"])
_FRENCH = frozenset(
    [
        "au",
        "aux",
        "avec",
        "ce",
        "cet",
        "cette",
        "ces",
        "c'",
        "d'",
        "dans",
        "de",
        "des",
        "du",
        "elle",
        "elles",
        "en",
        "es",
        "est",
        "et",
        "etait",
        "eux",
        "il",
        "ils",
        "j'",
        "je",
        "l'",
        "la",
        "le",
        "les",
        "leur",
        "leurs",
        "lui",
        "m'",
        "ma",
        "mais",
        "meme",
        "mes",
        "moi",
        "mon",
        "n'",
        "ne",
        "ni",
        "nos",
        "notre",
        "nous",
        "ou",
        "par",
        "pas",
        "plus",
        "pour",
        "pourquoi",
        "qu'",
        "que",
        "quel",
        "quelle",
        "qui",
        "quoi",
        "sa",
        "sans",
        "ses",
        "si",
        "soi",
        "son",
        "sont",
        "sous",
        "sur",
        "t'",
        "ta",
        "te",
        "tes",
        "toi",
        "ton",
        "tous",
        "tout",
        "toute",
        "tres",
        "tu",
        "un",
        "une",
        "vos",
        "votre",
        "vous",
        "y",
        "ca",
        "suis",
        "espece",
        "pauvre",
        "bande",
        "sale",
        "gros",
        "fils",
        "ta",
        "gueule",
    ]
)
