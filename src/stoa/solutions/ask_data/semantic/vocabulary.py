"""The words of questions that do nothing by themselves: fillers, verbs, synonyms, classes of nouns.

Word lists of our own, for any database; no name of a table or a column of somebody's data belongs here.
"""

from typing import Final

from stoa.solutions.ask_data.semantic.stems import singular, stem, word_set

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
carried he/she him/her his/her
yet still respectively throughout change changes vary varies differ differs evolve showed shown showing
displayed displaying filed filing caused causing carries carrying supported supporting supports handles handling
underwent undergone contributed contributing obtained acquired acquiring conducts conducting performs performed
performing lasts lasted organised organising organized organizing achieved achieving gave given giving submitted
submitting submits chose chosen fallen breakdown basis anything found send sends sending through via roughly
approximately teach teaches taught teaching worth enrolled published got taking
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
    "hired": ("hire",), "born": ("birth",), "joined": ("join", "joining", "signup", "sign up", "since", "created", "registration"), "founded": ("found", "founding"),
    "paid": ("pay", "payment"), "published": ("publish", "publication"), "shipped": ("ship", "shipping"),
    "delivered": ("deliver", "delivery"), "created": ("create", "creation"), "enrolled": ("enroll", "enrollment"),
    "reviewed": ("review",), "rated": ("rate", "rating"), "booked": ("book", "booking"),
    "released": ("release",), "billed": ("bill", "billing", "invoice"), "invoiced": ("invoice",),
    "employed": ("employ", "employee"), "cost": ("price", "fee", "rate", "charge"), "costs": ("cost", "price", "fee", "rate", "charge"),
    "earn": ("salary", "wage"), "earns": ("salary", "wage"), "earning": ("salary", "wage"),
    "priced": ("price",), "weigh": ("weight",), "weighs": ("weight",), "aged": ("age",),
    "signed up": ("sign up", "signup", "join", "created", "registration"), "logged in": ("login", "log in", "last login"), "registered": ("register", "registration"),
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

NOUNS: Final = frozenset({"cost", "costs", "worth", "buy", "sell"})
"""Among the verbs: words that are as often a part of a name."""

PAST: Final = word_set(
    """sent made paid bought sold spent left won lost gave took wrote built held met ran began born read hit shut
    caught taught drew drove flew grew rose fell got lent"""
)
"""What was done, where the verb does not end as others do."""

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
