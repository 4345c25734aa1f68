"""The English that questions are made of: phrases that work, words that stand for the same thing, fillers.

Word lists of our own, for any database; no name of a table or a column of somebody's data belongs here.
"""

from functools import lru_cache
from typing import Final

import snowballstemmer


def word_set(text: str) -> frozenset[str]:
    """The words of a text that is a list of them."""
    return frozenset(text.split())


# --- phrases that do something. Longer ones win. -----------------------------------------------

OPERATORS: Final[dict[str, tuple[str, ...]]] = {
    "count": (
        "how many", "number of", "count of", "the number of", "total number of", "total count of",
        "amount of people", "count the number of", "count how many", "how many total",
        "counts of", "numbers of", "no of", "# of", "headcount of",
    ),
    "counting": ("count", "number", "counts", "tally"),
    "distinct": ("distinct", "unique", "different", "distinct number of", "unique number of"),
    "avg": ("average", "mean", "avg", "on average", "averaged", "typical"),
    "sum": (
        "total", "sum", "sum of", "combined", "total sum of", "sum up", "add up", "overall", "in total",
        "altogether", "total amount of", "how much", "cumulative", "totals", "summed",
    ),
    "max": ("maximum", "max", "highest", "largest", "biggest", "greatest", "top-most", "peak"),
    "min": ("minimum", "min", "lowest", "smallest", "tiniest"),
    "most": ("most", "the most", "most number of", "highest number of", "largest number of",
             "greatest number of", "maximum number of", "biggest number of", "most frequent",
             "highest count of", "most often", "most frequently", "most common", "most popular"),
    "fewest": ("fewest", "the fewest", "least", "lowest number of", "smallest number of",
               "least number of", "fewest number of", "minimum number of", "lowest count of",
               "least often", "least frequently", "least common", "least popular", "rarest"),
    "top": ("top", "best"),
    "bottom": ("bottom", "worst"),
    "first": ("first", "earliest"),
    "last": ("last", "latest", "most recent", "most recently"),
    "gt": ("more than", "greater than", "higher than", "larger than", "bigger than", "over", "above",
           "exceeding", "exceeds", "exceed", ">", "longer than", "in excess of", "better than", "taller than", "more expensive than",
           "heavier than", "older than", "later than", "bigger then", "more then", "greater then", "upwards of",
           "strictly more than", "beyond"),
    "ge": ("at least", "no less than", "no fewer than", ">=", "≥", "not less than", "minimum of",
           "not below", "not under", "greater than or equal to", "a minimum of", "not fewer than",
           "more than or equal to", "or over"),
    "lt": ("less than", "fewer than", "under", "below", "lower than", "smaller than", "<", "shorter than",
           "cheaper than", "younger than", "less expensive than", "worse than", "earlier than", "lighter than", "less then"),
    "le": ("at most", "no more than", "up to", "<=", "≤", "not more than", "maximum of", "not over",
           "not above", "less than or equal to", "a maximum of", "not exceeding"),
    "or_more": ("or more", "or above", "or higher", "or greater", "and above", "and over", "or later",
                "and up", "or longer", "or better", "plus"),
    "or_less": ("or less", "or fewer", "or below", "or lower", "and below", "and under", "or earlier",
                "or under", "or shorter"),
    "between": ("between", "in the range", "ranging from"),
    "eq": ("equal to", "equals", "exactly", "=", "==", "equal", "precisely", "same as"),
    "is": ("is", "are", "was", "were", "be", "been", "being"),
    "not": ("not", "isn't", "aren't", "wasn't", "weren't", "don't", "doesn't", "didn't", "never", "except",
            "excluding", "other than", "but not", "apart from", "except for", "non", "!=", "<>", "haven't",
            "hasn't", "hadn't", "neither", "outside", "outside of", "exclude", "excludes", "isnt", "arent",
            "dont", "doesnt", "didnt", "besides", "rather than", "cannot", "can't", "have yet to", "nor",
            "not counting", "leaving out", "not including", "but no"),
    "without": ("without", "lacking", "missing", "with no", "have no", "has no", "had no", "having no",
                "without any", "lack", "lacks", "no", "without a", "not any", "zero", "none"),
    "null": ("null", "empty", "blank", "unknown", "unspecified", "not set", "not known", "not specified"),
    "with": ("with", "having", "have", "has", "had", "containing", "contain", "contains", "include",
             "includes", "including", "whose", "that have", "who have"),
    "group": ("per", "for each", "in each", "of each", "by each", "each", "for every", "every", "grouped by",
              "group by", "broken down by", "split by", "across", "across all", "by", "from each", "at each",
              "in every", "of every", "at every", "on each", "within each", "to each", "with each",
              "breakdown by", "respectively for", "group them by", "segmented by", "organized by", "on every"),
    "order": ("order by", "ordered by", "sort by", "sorted by", "order the results by", "sort the results by",
              "ranked by", "rank by", "in order of", "arranged by", "sort", "sorted", "ordered", "rank",
              "ranked", "arrange", "order them by", "sort them by", "order it by", "sort it by",
              "order results by", "sort results by", "order the list by",  "sequenced by", "listed by"),
    "desc": ("descending", "desc", "in descending order", "descending order", "from highest to lowest",
             "highest first", "from most to least", "largest first", "decreasing", "in decreasing order",
             "from high to low", "from largest to smallest", "newest first", "highest to lowest", "in reverse order",
             "most recent first", "latest first", "biggest first", "from best to worst", "from the best to the lowest",
             "from the highest to the lowest", "from newest to oldest", "most first", "reverse alphabetical order",
             "largest to smallest", "newest to oldest", "high to low", "most expensive first", "the other way round"),
    "asc": ("ascending", "asc", "in ascending order", "ascending order", "from lowest to highest", "lowest first",
            "from least to most", "smallest first", "increasing", "in increasing order", "alphabetically",
            "in alphabetical order", "from low to high", "alphabetical order", "alphabetical", "chronologically",
            "in chronological order", "from smallest to largest", "oldest first", "lowest to highest",
            "earliest first", "from oldest to newest", "fewest first", "cheapest first", "low to high",
            "from the lowest to the highest", "smallest to largest", "oldest to newest", "from a to z", "a to z"),
    "percent": ("percentage of", "percent of", "what percentage of", "what percent of", "share of",
                "what share of", "proportion of", "what proportion of", "fraction of", "what fraction of",
                "percentage", "percent", "portion of"),
    "ratio": ("ratio of", "ratio between", "ratio"),
    "starts": ("starting with", "starting with letter", "starts with", "start with", "beginning with", "begins with", "begin with", "starting with the letter",
               "starts with the letter", "start with the letter", "that start with", "begins with the letter",
               "begin with the letter", "beginning with the letter"),
    "ends": ("ends with", "end with", "ending with", "ending in", "ends in", "end in",
             "ends with the letter", "ending with the letter", "end with the letter"),
    "like": ("containing the word", "contains the word", "contain the word", "with the word", "that mention",
             "mentioning", "mentions", "includes the word", "include the word", "including the word",
             "containing the text", "contains the text", "like", "containing the string", "contains the string"),
    "and": ("and", "as well as", "along with", "together with", "&", "and also", "plus also", ",", "but",
            "and their", "and its", "both", "and the"),
    "or": ("or", "either", "and or", "and/or", "or else", "or in", "or from"),
    "return": ("return", "return the", "display", "show", "list", "give", "give me", "show me", "report",
               "include the", "output", "i want", "tell me", "please return"),
    "all": ("all", "any", "all the", "all of the", "every single", "any of the", "entire"),
    "only": ("only", "just", "solely", "exclusively"),
    "from": ("from", "starting"), "to": ("to", "through", "until", "till"), "of": ("of", "of the", "part of", "part of the", "part of any"),
    "in": ("in", "at", "on", "within", "inside", "into", "for", "among", "located in", "based in", "during"),
    "before": ("before", "prior to", "earlier"), "after": ("after", "since", "following", "later"),
    "named": ("named", "called", "titled", "entitled", "name is", "known as"),
    "difference": ("difference between", "difference", "minus", "gap between"),
    "instead": ("instead",), "when": ("when",), "where": ("where",), "who": ("who", "whom"), "which": ("which", "what"),
}  # fmt: skip

# Adjectives in the superlative: what they order by (column words, best first) and which way.
SUPERLATIVES: Final[dict[str, tuple[tuple[str, ...], bool]]] = {
    "cheapest": (("price", "cost", "fee", "fare", "rate", "amount"), False),
    "most expensive": (("price", "cost", "fee", "fare", "rate", "amount"), True),
    "priciest": (("price", "cost", "fee", "fare", "rate"), True),
    "least expensive": (("price", "cost", "fee", "fare", "rate", "amount"), False),
    "costliest": (("cost", "price", "fee"), True),
    "longest": (("length", "duration", "runtime", "minutes", "milliseconds", "seconds", "hours", "pages", "distance"), True),
    "shortest": (("length", "duration", "runtime", "minutes", "milliseconds", "seconds", "hours", "pages", "distance", "height"), False),
    "tallest": (("height",), True),
    "heaviest": (("weight", "mass"), True),
    "lightest": (("weight", "mass"), False),
    "fastest": (("speed", "velocity"), True),
    "slowest": (("speed", "velocity"), False),
    "youngest": (("age", "~birth"), False),
    "oldest": (("age", "~birth", "~founded", "~built", "~hired", "~created", "year", "~published", "~date"), True),
    "newest": (("~created", "~published", "~founded", "~built", "~hired", "~joined", "year", "~date"), True),
    "best paid": (("salary", "wage", "pay", "income"), True),
    "highest paid": (("salary", "wage", "pay", "income"), True),
    "lowest paid": (("salary", "wage", "pay", "income"), False),
    "best rated": (("rating", "score", "stars", "grade"), True),
    "highest rated": (("rating", "score", "stars", "grade"), True),
    "top rated": (("rating", "score", "stars", "grade"), True),
    "worst rated": (("rating", "score", "stars", "grade"), False),
    "lowest rated": (("rating", "score", "stars", "grade"), False),
    "most populous": (("population", "inhabitants"), True),
    "largest": (("size", "area", "population", "capacity", "amount", "total", "bytes", "quantity", "value"), True),
    "biggest": (("size", "area", "population", "capacity", "amount", "total", "bytes", "quantity", "value"), True),
    "smallest": (("size", "area", "population", "capacity", "amount", "total", "bytes", "quantity", "value"), False),
    "highest": (("height", "elevation", "altitude", "amount", "total"), True),
    "lowest": (("height", "elevation", "altitude", "amount", "total"), False),
    "thickest": (("thickness", "pages"), True),
    "deepest": (("depth",), True),
    "richest": (("wealth", "income", "balance", "gdp"), True),
    "hottest": (("temperature",), True),
    "coldest": (("temperature",), False),
}  # fmt: skip

# Comparisons that name what they compare: "older than 40", "cheaper than 10", "longer than 300".
COMPARATIVES: Final[dict[str, tuple[str, ...]]] = {
    "older than": ("age",),
    "younger than": ("age",),
    "more expensive than": ("price", "cost", "fee", "fare"),
    "less expensive than": ("price", "cost", "fee", "fare"),
    "cheaper than": ("price", "cost", "fee", "fare"),
    "longer than": ("length", "duration", "runtime", "minutes", "pages"),
    "shorter than": ("length", "duration", "runtime", "minutes", "pages", "height"),
    "heavier than": ("weight", "mass"),
    "lighter than": ("weight", "mass"),
    "taller than": ("height",),
}

# Words that a question may carry without meaning a table, a column or a value. Verbs among them only say
# that two things belong together, whatever these are.
_FILLERS: Final = """
a an the this that these those there their theirs its his her it they them he she we our us me my i
you your please kindly can could would do does did doing done of to for as list show give display
find get fetch tell return retrieve identify name provide report output print select see view want
need know like wanted wish look looking 're 's what's whats what which who whom whose where when how
is are was were be been being am has have had having with in on at from by into via and all any also
then so out up ever currently altogether exist exists existing available recorded stored made make
makes making placed place places placing belong belongs belonging live lives living lived come comes
coming came located based situated work works worked working got gets use used uses using take takes
took taken appear appears appearing occur occurred occurs happen happened own owns owned hold holds
held contain contains involving involved associated related assigned attached linked corresponding
respective records record entries entry rows row data database table results result information info
details detail people person someone anyone everyone things thing values value one ones overall
individual given particular specific certain entire whole serve serves serving served offer offers
offering offered provides provided among both actually really exactly about regarding concerning
write wrote written writes produced produce released received receive receives attend attended
attends visit visited visits went go goes let's lets let together along together's entered noted
lists listed registered seen themselves itself were't inclusive combination combinations pair pairs
issued generated handled processed conducted presented hosted authored featured covered operated
carried he/she him/her teach teaches taught teaching worth enrolled published got taking
"""
FILLERS: Final = frozenset(_FILLERS.split())

# Verbs and adjectives that may be a column or a value of the database, and else carry no weight of
# their own: "ordered", "bought" name the table that records it.
VERBS: Final[dict[str, tuple[str, ...]]] = {
    "bought": ("buy", "purchase", "order", "sale", "invoice"), "buy": ("purchase", "order", "sale", "invoice"),
    "buys": ("buy", "purchase", "order", "sale", "invoice"),
    "purchased": ("purchase", "buy", "order", "sale", "invoice"), "sold": ("sell", "sale", "order", "invoice"),
    "sell": ("sale", "order"), "sells": ("sell", "sale", "order"), "ordered": ("order",),
    "borrowed": ("borrow", "loan", "checkout", "rental"), "rented": ("rent", "rental", "lease"),
    "hired": ("hire",), "born": ("birth",), "joined": ("join", "joining"), "founded": ("found", "founding"),
    "paid": ("pay", "payment"), "published": ("publish", "publication"), "shipped": ("ship", "shipping"),
    "delivered": ("deliver", "delivery"), "created": ("create", "creation"), "enrolled": ("enroll", "enrollment"),
    "reviewed": ("review",), "rated": ("rate", "rating"), "booked": ("book", "booking"),
    "released": ("release",), "billed": ("bill", "billing", "invoice"), "invoiced": ("invoice",),
    "employed": ("employ", "employee"), "cost": ("price",), "costs": ("cost", "price"),
    "earn": ("salary", "wage"), "earns": ("salary", "wage"), "earning": ("salary", "wage"),
    "priced": ("price",), "weigh": ("weight",), "weighs": ("weight",), "aged": ("age",),
    "signed up": ("sign up", "signup", "join", "created"), "registered": ("register", "registration"),
    "opened": ("open", "opening"), "closed": ("close",), "started": ("start",), "ended": ("end",),
    "returned": ("return",), "built": ("build", "built"), "lasting": ("duration", "length"),
    "admitted": ("admission", "admit"), "prescribed": ("prescription",), "treated": ("treatment",),
    "scheduled": ("schedule",), "taught": ("teach",), "cancelled": ("cancelled", "canceled"),
    "canceled": ("canceled", "cancelled"), "spent": ("spend",), "manufactured": ("manufacture",),
    "issued": ("issue",), "reported": ("report",), "worth": ("value", "price", "amount"),
}  # fmt: skip

_SYNONYMS: Final = """
customer client buyer shopper purchaser consumer user
employee worker staffer personnel staff
movie film
song track
city town
country nation
phone telephone
email mail
salary wage pay
doctor physician
product article good
author writer
supplier vendor
quantity qty unit piece
company firm business organisation organization corporation enterprise
department dept division
student pupil
teacher instructor professor
car vehicle automobile
bill invoice
currency ccy
transaction tx txn
account acct
number no num nbr
description desc
address addr
manager mgr boss supervisor
store shop
gender sex
language lang
zip postal postcode
amount amt
average avg
maximum max
minimum min
customer cust
employee emp
product prod
department dep
order ord
date dt
year yr
category cat
reference ref
latitude lat
longitude lng lon
percentage pct
price cost
price fee
revenue sales turnover income
rating score stars grade
category type kind genre
photo picture image
birthday birthdate dob
job position role occupation
title name
cuisine food
flat apartment
airport airfield
airline carrier
illness disease
medicine drug medication
booking reservation
member subscriber
appointment consultation
ticket pass
sport discipline
university college
paper publication
journal magazine
user member
worker labourer
length duration
street road
state province
ward unit
surname lastname
firstname forename
location place
patient case
weight mass
status state
loan borrowing
"""
# Those among them that may stand for one another even where a wrong answer would be given.
_EXACT_SYNONYMS: Final = """
customer client
movie film
city town
country nation
phone telephone
doctor physician
author writer
supplier vendor
organisation organization
car automobile
qty quantity
airline carrier
"""

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
    return str(_stemmer.stemWord(_VERBS_STEM.get(base, base)))


def _groups(lines: str) -> dict[str, frozenset[str]]:
    near: dict[str, set[str]] = {}
    for line in lines.strip().splitlines():
        words = {stem(each) for each in line.split()}
        for each in words:
            near.setdefault(each, set()).update(words - {each})
    return {word: frozenset(others) for word, others in near.items()}


SYNONYMS: Final = _groups(_SYNONYMS)
"""Stem → stems that may mean the same thing in a database."""

EXACT_SYNONYMS: Final = {
    singular(word): singular(line.split()[0])
    for line in _EXACT_SYNONYMS.strip().splitlines()
    for word in line.split()
}
"""Word → the one word that its group is known by, for words that always mean the same."""

NUMBER_WORDS: Final = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1000, "million": 1_000_000,
    "dozen": 12, "twice": 2, "once": 1,
}  # fmt: skip
ORDINALS: Final = {
    "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "second": 2, "third": 3, "fourth": 4, "fifth": 5,
}  # fmt: skip
MONTHS: Final = {
    name: number
    for number, names in enumerate(
        ("january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul",
         "august aug", "september sep sept", "october oct", "november nov", "december dec"), 1)
    for name in names.split()
}  # fmt: skip
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

NOUNS: Final = frozenset({"cost", "costs", "worth", "buy", "sell"})
"""Among the verbs: words that are as often a part of a name."""

PLACES: Final = word_set(
    "city town country state province region county place location village nation district"
)
"""Columns that say where something is."""

QUANTITIES: Final = word_set(
    """quantity qty unit piece page credit seat goal point population share item view like vote ticket copy
    passenger guest night hour minute day visitor download click bed stock count employee player"""
)
"""Words in the name of a number that says how many there are of something."""

PERSONS: Final = word_set(
    """customer client member patient employee user student author doctor driver person staff worker
    teacher player artist contact owner buyer seller guest passenger citizen reader writer visitor manager
    instructor professor nurse agent supplier subscriber participant candidate applicant tenant"""
)
"""Tables that `who` may mean."""

SALES: Final = word_set("bought buy buys purchased sold sell sells ordered")
"""Verbs of selling: what is counted after them is what was sold."""
