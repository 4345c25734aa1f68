"""Words that several tabs of the page use for the same thing."""

from collections import Counter
from collections.abc import Sequence

from stoa.core.knowledge.documents import PageReport
from stoa.solutions.ask_docs.schema import DocumentView, Person
from stoa.ui.frame import count

SAMPLE_QUESTIONS = (
    "By when must carried-over leave be taken?",
    "What do I do when the VPN fails with error 809?",
    "How long are backups of file shares kept?",
)
"""Questions that the sample documents answer; a test asks them."""

PRINCIPALS = {
    "everyone": "Everyone in the workspace",
    "role:owner": "Owners",
    "role:editor": "Editors",
    "role:reviewer": "Reviewers",
    "role:member": "Members",
}


def answered_by(name: str) -> str:
    """Who answered, as a person says it."""
    return "Offline twin, word for word" if name == "offline" else f"Answered by {name}"


def accounting(document: DocumentView, pages: Sequence[PageReport] = ()) -> str:
    """The page accounting in one line: `12 pages: 11 indexed, 1 reported: blank`."""
    line = f"{count(document.pages, 'page')}: {document.indexed:,} indexed"
    if not document.reported:
        return line
    reasons = Counter(each.reason or "no reason" for each in pages if each.status == "reported")
    told = ", ".join(
        reason if len(reasons) == 1 else f"{reason} ({times})"
        for reason, times in reasons.most_common()
    )
    return f"{line}, {document.reported:,} reported" + (f": {told}" if told else "")


def principals(people: Sequence[Person]) -> dict[str, str]:
    """Who may be named, in words."""
    return PRINCIPALS | {f"user:{each.id}": each.name for each in people}
