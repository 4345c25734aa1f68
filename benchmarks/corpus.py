"""Documents to measure with: PDFs of invented prose, made here, the same for the same seed."""

import random
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer

SUBJECTS = [
    "The harbour office",
    "Each depot",
    "A night crew",
    "The audit team",
    "Every vendor",
    "The pump house",
    "A duty manager",
    "The archive",
    "One field engineer",
    "The night ferry",
    "Our supplier",
    "The control room",
]
VERBS = [
    "records",
    "delivers",
    "inspects",
    "repairs",
    "reports",
    "stores",
    "approves",
    "measures",
    "replaces",
    "schedules",
    "invoices",
    "tests",
]
THINGS = [
    "spare valves",
    "travel claims",
    "cooling units",
    "lease contracts",
    "turbine blades",
    "badge readers",
    "fire doors",
    "fuel samples",
    "server racks",
    "safety helmets",
    "water meters",
    "customs papers",
    "ledger entries",
    "signal lamps",
]
WHENS = [
    "before noon",
    "every second week",
    "after a storm",
    "within three days",
    "at the end of a quarter",
    "during the night shift",
    "without delay",
    "under rule {n}",
    "in building {n}",
    "for at most {n} euros",
]


SYLLABLES = [
    "bar",
    "cal",
    "dor",
    "fen",
    "gil",
    "hal",
    "jor",
    "kem",
    "lun",
    "mir",
    "nor",
    "pel",
    "quin",
    "ras",
    "sol",
    "tav",
    "ul",
    "ven",
    "wex",
    "yor",
    "zan",
]


def name(dice: random.Random) -> str:
    """One of some 9,000 invented place names: prose has rare words as well as common ones."""
    return "".join(dice.choice(SYLLABLES) for _ in range(3)).title()


def sentence(dice: random.Random) -> str:
    """One invented sentence."""
    when = dice.choice(WHENS).format(n=dice.randint(2, 999))
    what = f"{dice.choice(THINGS)} for {name(dice)} and {dice.choice(THINGS)}"
    return f"{dice.choice(SUBJECTS)} in {name(dice)} {dice.choice(VERBS)} {what} {when}."


def paragraph(dice: random.Random, sentences: int = 6) -> str:
    """Some sentences in a row."""
    return " ".join(sentence(dice) for _ in range(sentences))


def text_pdf(path: Path, *, pages: int, seed: int) -> Path:
    """A PDF of about 2,500 characters a page, with headings."""
    dice = random.Random(seed)
    styles = getSampleStyleSheet()
    story = []
    for number in range(1, pages + 1):
        story.append(Paragraph(f"{number}. {dice.choice(THINGS).title()}", styles["Heading2"]))
        for _ in range(6):
            story += [Paragraph(paragraph(dice), styles["BodyText"]), Spacer(1, 6)]
        story.append(PageBreak())
    SimpleDocTemplate(str(path), pagesize=A4).build(story)
    return path
