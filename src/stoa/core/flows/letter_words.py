"""What a letter about a question says, as text and as HTML: the same in both.

The HTML carries its style with it and asks nobody for anything, so a mail reader shows it whole, in
light and in dark. Everything that came with the question is escaped in the one and quoted in the other,
so that nothing of it can pass for a choice of ours.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from stoa.base.mail import Message
from stoa.core.flows.questions import Highlight, pieces
from stoa.core.flows.tables import ApprovalRow, Run

_FOLDER = Path(__file__).parent
_TEXT_LIMIT = 4_000
_SHORT = 120
_MOST_ENTRIES = 20
_HTML = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
_TEXT = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)  # noqa: S701 - plain text


def _quoted(text: str) -> str:
    """Each line marked as somebody else's words."""
    return "\n".join(f"> {line}".rstrip() for line in text.strip("\n").splitlines())


_TEXT.filters["quoted"] = _quoted


@dataclass(frozen=True)
class Wording:
    """Everything a letter is made of."""

    row: ApprovalRow
    run: Run
    to: str
    to_name: str
    reminder: bool
    links: list[tuple[str, str]]
    """Choices and their addresses."""
    links_end: datetime
    inbox: str
    message_id: str


@dataclass(frozen=True)
class Entry:
    """Something that is shown with a question: its name, and its text in marked and other pieces."""

    name: str
    parts: list[tuple[str, Highlight | None]]
    short: bool


def compose(wording: Wording) -> Message:
    """The letter as a message."""
    row = wording.row
    values = {
        "question": row.question,
        "reminder": wording.reminder,
        "name": wording.to_name,
        "source": f"{wording.run.solution}: {wording.run.operation.replace('_', ' ')}",
        "people": row.people,
        "entries": _entries(row),
        "links": [(said(choice), address) for choice, address in wording.links],
        "deadline": moment(row.deadline) if row.deadline else "",
        "default": said(row.default_choice) if row.default_choice else "",
        "editable": row.editable_text is not None,
        "links_end": moment(wording.links_end),
        "inbox": wording.inbox,
    }
    prefix = "Reminder: " if wording.reminder else ""
    return Message(
        to=wording.to,
        to_name=wording.to_name,
        subject=f"{prefix}{row.question}",
        text=_template(_TEXT, "letter.txt").render(values),
        html=_template(_HTML, "letter.html").render(values),
        message_id=wording.message_id,
    )


def said(choice: str) -> str:
    """A choice in words: `send_as_is` is `Send as is`."""
    words = choice.replace("_", " ")
    return words[:1].upper() + words[1:]


def moment(at: datetime) -> str:
    """A time that reads the same everywhere."""
    return at.astimezone(UTC).strftime("%-d %B %Y, %H:%M UTC")


def _template(environment: jinja2.Environment, name: str) -> jinja2.Template:
    return environment.from_string((_FOLDER / name).read_text(encoding="utf-8"))


def entries_of(
    context: Mapping[str, Any], highlights: Sequence[Highlight], *, limit: int
) -> list[Entry]:
    """The context as readable texts with their marked parts, short ones first.

    Args:
        limit: characters of one text, after which it is cut.
    """
    found = [
        _entry(
            said(name), _plain(value), [each for each in highlights if each.field == name], limit
        )
        for name, value in list(context.items())[:_MOST_ENTRIES]
    ]
    return sorted(found, key=lambda entry: not entry.short)


def _entries(row: ApprovalRow) -> list[Entry]:
    """The context, then the text to edit, not longer than a letter takes."""
    highlights = [Highlight.model_validate(each) for each in row.highlights]
    found = entries_of(row.context, highlights, limit=_TEXT_LIMIT)
    if row.editable_text is not None:
        own = [each for each in highlights if not each.field]
        text = _entry("Text, as it will be used", row.editable_text, own, _TEXT_LIMIT)
        found.append(replace(text, short=False))
    return found


def _entry(name: str, text: str, highlights: Sequence[Highlight], limit: int) -> Entry:
    cut = text if len(text) <= limit else text[:limit] + " …"
    return Entry(
        name, pieces(cut, highlights), short=len(text) <= _SHORT and len(text.splitlines()) < 2
    )


def _plain(value: Any) -> str:
    match value:
        case str():
            return value
        case None:
            return "—"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
        case Mapping() | list():
            return json.dumps(value, ensure_ascii=False, indent=2)
    return str(value)
