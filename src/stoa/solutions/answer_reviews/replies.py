"""What may stand in a reply: a look at a model's words before they go out under the company's name.

It does not judge style. It finds what a reply must never hold of its own accord, so that a person looks:
an address to click, a number to call, a promise of money, a talk about instructions. Knows no model.
"""

import re

from stoa.solutions.answer_reviews.schema import ChannelSettings, Submit

LONGEST = 2_000
"""Characters of a reply that goes out without a person."""
_ADDRESS = re.compile(
    r"https?://|www\.|\b[\w.+-]+@[\w-]+\.\w|\b[\w-]+\.(?:com|net|org|fr|io|ru)\b", re.I
)
_NUMBER = re.compile(r"(?:\+|\b00|\b0)\d(?:[\s./-]?\d){6,}")
_MONEY = re.compile(
    r"[€$£]\s?\d|\d\s?(?:€|\$|£|%)|\b(?:refund|reimburs|voucher|discount|compensat|free of charge"
    r"|rembours|bon d[’']achat|remise|dédommag|gratuit)",
    re.IGNORECASE,
)
_ABOUT_ITSELF = re.compile(
    r"\b(?:language model|as an ai|my instructions|system prompt|toxicity)\b|HARMFUL_CONTENT|NEW_REVIEW"
    r"|\b(?:modèle de langage|en tant qu[’']ia|mes instructions)\b",
    re.IGNORECASE,
)


def doubt_about(reply: str, request: Submit, settings: ChannelSettings) -> str:
    """Why a person should see a reply first; empty where nothing speaks against it.

    Words of the signature are the company's own and pass.
    """
    own = reply.replace(settings.signature, "") if settings.signature else reply
    if len(reply) > LONGEST:
        return "The reply is longer than replies are."
    if _ADDRESS.search(own):
        return "The reply holds an address."
    if _NUMBER.search(own):
        return "The reply holds a telephone number."
    if _MONEY.search(own.replace(request.product, "") if request.product else own):
        return "The reply speaks of money."
    if _ABOUT_ITSELF.search(own):
        return "The reply speaks of itself."
    return ""
