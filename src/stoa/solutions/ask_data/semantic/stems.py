"""Words reduced to what they share: the singular, the stem. Knows English and no database."""

from functools import lru_cache
from typing import Final

import snowballstemmer


def word_set(text: str) -> frozenset[str]:
    """The words of a text that is a list of them."""
    return frozenset(text.split())


_stemmer = snowballstemmer.stemmer("english")
_IRREGULAR: Final = {
    "people": "person", "children": "child", "men": "man", "women": "woman", "mice": "mouse",
    "feet": "foot", "geese": "goose", "teeth": "tooth", "criteria": "criterion", "indices": "index",
    "analyses": "analysis", "diagnoses": "diagnosis", "media": "media", "staff": "staff", "data": "data",
    "news": "news", "series": "series", "species": "species", "lives": "life", "wives": "wife",
    "buses": "bus", "statuses": "status", "addresses": "address", "classes": "class", "bonuses": "bonus",
    "movies": "movie", "shoes": "shoe", "cookies": "cookie", "sales": "sale", "prices": "price",
    "courses": "course", "houses": "house", "nurses": "nurse", "purchases": "purchase", "expenses": "expense",
    "warehouses": "warehouse", "leases": "lease", "releases": "release", "licenses": "license",
    "cases": "case", "bases": "base", "phases": "phase", "diseases": "disease", "databases": "database",
    "causes": "cause", "horses": "horse", "universes": "universe", "responses": "response", "axes": "axis",
    "sizes": "size", "prizes": "prize", "zombies": "zombie", "caches": "cache", "aches": "ache",
}  # fmt: skip
_VERBS_STEM: Final = {
    "bought": "buy",
    "sold": "sell",
    "paid": "pay",
    "spent": "spend",
    "made": "make",
}


_OWN_STEMS: Final = frozenset({"rating"})
"""Nouns that are another thing than the verb they come from: a rating is no rate."""


@lru_cache(maxsize=50_000)
def singular(word: str) -> str:
    """The word without its plural ending, nothing else: `shipped` and `shipping` stay two words."""
    word = word.lower()
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is", "'s")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zzes")):
        return word[:-2]
    return word[:-1]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The Snowball stem of the singular."""
    base = singular(word)
    if base in _OWN_STEMS:
        return base
    return str(_stemmer.stemWord(_VERBS_STEM.get(base, base)))


_DERIVING: Final = (
    "ation", "ition", "ement", "ment", "ance", "anc", "enc", "ion", "ure", "ur", "al", "er", "or", "ful", "e", "i", "y",
)  # fmt: skip


_ROOTS: Final = {
    "resolution": "resolv", "admission": "admit", "submission": "submit", "decision": "decid", "reception": "receiv",
    "receipt": "receiv", "renewal": "renew", "subscription": "subscrib", "purchase": "purchas", "enrollment": "enrol", "enrolment": "enrol", "response": "respond", "responded": "respond", "payment": "pay", "sale": "sell",
}  # fmt: skip


@lru_cache(maxsize=50_000)
def root(word: str) -> str:
    """What a verb and the nouns made of it share: `depart` of `departed` and of `departure`.

    Coarser than the stem; of use only where no better reading is left.
    """
    found = _ROOTS.get(word, stem(word))
    for _ in range(2):  # `delivery` has two endings
        fitting = (end for end in _DERIVING if found.endswith(end) and len(found) - len(end) >= 4)
        found = found.removesuffix(next(fitting, ""))
    return found
