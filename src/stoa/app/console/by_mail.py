"""The pages behind the links of letters: `/decide/{approval}/{token}`.

Mail scanners open every link of every letter, and some run scripts. So GET and HEAD show and change
nothing, there is no script, and only the button's POST decides. The link itself proves the person: no
session is needed. A page that refuses says why in words, and says nothing about a question unless the
link is truly for it. It keeps no copy, sends no referrer and asks no other host for anything.
"""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, Response

from stoa.app.callers import SESSION_COOKIE, address_of
from stoa.base.errors import LimitReached, StoaError, TooLarge
from stoa.base.identity.limits import Limits
from stoa.base.secrets import derive_key, load_secret
from stoa.core.flows.by_link import Click, LinkView
from stoa.core.flows.letter_words import entries_of, moment, said
from stoa.core.flows.links import Standing
from stoa.core.flows.questions import TEXT_LIMIT, ApprovalView, pieces
from stoa.dispatch import Dispatcher

PATH = "/decide/{approval_id}/{token}"
_STYLE = (Path(__file__).parent / "by_mail.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}
_SUSPECT = frozenset({Standing.INCOMPLETE, Standing.FORGED, Standing.UNKNOWN})
_STATUS = {
    Standing.READY: 200,
    Standing.DONE: 200,
    Standing.REPEATED: 200,
    Standing.CONTRADICTED: 409,
    Standing.DECIDED: 409,
    Standing.EXPIRED: 410,
    Standing.WITHDRAWN: 410,
    Standing.TOO_OLD: 410,
    Standing.NOT_ASKED: 403,
    Standing.NOT_YOU: 403,
    Standing.FORGED: 403,
    Standing.INCOMPLETE: 400,
    Standing.UNKNOWN: 404,
}
_LARGEST_FORM = 12 * TEXT_LIMIT
"""Bytes: a character outside ASCII takes up to twelve in a form."""
_NOTHING = "Nothing was changed."


def mount_by_mail(app: FastAPI, dispatcher: Dispatcher) -> None:
    """Add the pages to the application."""
    desk = _Desk(dispatcher)
    for methods, answer in ((["GET", "HEAD"], desk.show), (["POST"], desk.decide)):
        app.add_api_route(
            PATH, answer, methods=methods, include_in_schema=False, response_model=None
        )


class _Desk:
    """Shows links, and takes what is confirmed."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        platform = dispatcher.platform
        self._approvals = platform.flows.approvals
        self._accounts = platform.accounts
        own = derive_key(load_secret(platform.settings), "stoa.approval.link.attempts")
        self._limits = Limits(platform.database, own)

    async def show(self, request: Request, approval_id: str, token: str) -> Response:
        """What the link is for, and a button. Changes nothing."""
        view = await self._approvals.look(await self._click(request, approval_id, token))
        return await self._answer(request, view, approval_id, token)

    async def decide(self, request: Request, approval_id: str, token: str) -> Response:
        """Make the choice of the link."""
        click = await self._click(request, approval_id, token)
        seen = await self._approvals.look(click)
        if seen.standing is not Standing.READY:
            return await self._answer(request, seen, approval_id, token)
        editable = seen.approval is not None and seen.approval.editable_text is not None
        try:
            text = await _text_of(request) if editable else None
            view = await self._approvals.confirm(click, text)
        except StoaError as error:
            return _page(error.status, error.message, f"<p>{escape(error.hint)} {_NOTHING}</p>")
        return await self._answer(request, view, approval_id, token)

    async def _click(self, request: Request, approval_id: str, token: str) -> Click:
        return Click(approval_id, token, await self._visitor(request))

    async def _visitor(self, request: Request) -> str | None:
        """Who is signed in in this browser, if anybody."""
        session = request.cookies.get(SESSION_COOKIE)
        try:
            return (await self._accounts.caller_of_session(session)).user_id if session else None
        except StoaError:
            return None

    async def _answer(
        self, request: Request, view: LinkView, approval_id: str, token: str
    ) -> Response:
        if view.standing in _SUSPECT:
            try:
                await self._limits.count(account=None, address=address_of(request))
            except LimitReached as error:
                response = _page(429, "Too many links that don't work", f"<p>{_NOTHING}</p>")
                response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
                return response
        if view.standing is Standing.READY and view.approval is not None:
            action = f"/decide/{quote(approval_id)}/{quote(token)}"
            return _page(200, view.approval.question, _form(view, view.approval, action))
        title, words = _told(view)
        return _page(_STATUS[view.standing], title, f"<p>{escape(words)}</p>{_ways_on(view)}")


def _told(view: LinkView) -> tuple[str, str]:
    """Title and words of the page of a link that offers no button."""
    choice = said(view.choice)
    match view.standing:
        case Standing.DONE:
            return f"Thank you, {view.person}", _thanks(view)
        case Standing.REPEATED:
            return (
                "You have answered this already",
                f"You chose “{choice}” {_when(view)}. {_NOTHING}",
            )
        case Standing.CONTRADICTED:
            before = said(view.mine.choice) if view.mine else ""
            return (
                "You have answered this otherwise",
                f"You chose “{before}” {_when(view)}. This link is for “{choice}”. {_NOTHING}",
            )
        case Standing.DECIDED:
            return "This has been decided", f"{_by_whom(view)} {_NOTHING}"
        case Standing.EXPIRED:
            return "The time to decide is over", f"{_deadline(view)} {_NOTHING}"
        case Standing.WITHDRAWN:
            return (
                "This is not asked any more",
                f"The work that asked was cancelled. {_NOTHING}",
            )
        case Standing.NOT_ASKED:
            return (
                "This is not asked of you any more",
                f"It was put to somebody else, or you may no longer decide it. {_NOTHING}",
            )
        case Standing.NOT_YOU:
            return (
                "This link was sent to somebody else",
                f"You are signed in as another person here. Such a link is for one person only. "
                f"{_NOTHING} What waits for you is in your inbox.",
            )
        case Standing.TOO_OLD:
            return (
                "This link is too old",
                f"Links end after a while. {_NOTHING} If it still waits, it is in your inbox.",
            )
        case Standing.INCOMPLETE:
            return (
                "This link is not complete",
                f"A part of its address is missing; some mail programs break long lines. {_NOTHING} "
                "Copy the whole address from the e-mail.",
            )
        case Standing.FORGED:
            return (
                "This link was not made here",
                f"Its signature is not ours. {_NOTHING} Take the link from the e-mail that Stoa sent.",
            )
    return "This link is not valid here", f"It belongs to no question that waits here. {_NOTHING}"


def _thanks(view: LinkView) -> str:
    approval = view.approval
    if approval is not None and approval.state == "open":
        more = approval.people - len(
            [each for each in approval.votes if view.mine and each.choice == view.mine.choice]
        )
        need = "One more person" if more <= 1 else f"{more} more people"
        return f"Your choice “{said(view.choice)}” is noted. {need} must agree before it counts."
    return f"Your decision “{said(view.choice)}” counts, and the work goes on. You can close this page."


def _when(view: LinkView) -> str:
    return f"on {moment(view.mine.at)}" if view.mine else "before"


def _by_whom(view: LinkView) -> str:
    approval = view.approval
    if approval is None or approval.choice is None or approval.decided_at is None:
        return "Somebody else was faster."
    who = approval.decided_by_name or "Somebody else"
    return f"{who} chose “{said(approval.choice)}” on {moment(approval.decided_at)}."


def _deadline(view: LinkView) -> str:
    deadline = view.approval.deadline if view.approval else None
    return f"It could be decided until {moment(deadline)}." if deadline else ""


def _ways_on(view: LinkView) -> str:
    if view.standing in _SUSPECT or view.standing is Standing.DONE:
        return ""
    return '<p><a class="button" href="/inbox">Open the inbox</a></p>'


def _form(view: LinkView, approval: ApprovalView, action: str) -> str:
    """What is asked, and the button that decides."""
    rows = [f'<p class="soft">Sent to {escape(view.person)}{_until(approval)}</p>']
    for entry in entries_of(approval.context, approval.highlights, limit=TEXT_LIMIT):
        name, marked = escape(entry.name), _marked(entry.parts)
        if entry.short:
            rows.append(f'<p class="line"><span class="soft">{name}:</span> {marked}</p>')
        else:
            rows.append(f'<p class="soft label">{name}</p><div class="quoted">{marked}</div>')
    own = [each for each in approval.highlights if not each.field]
    proposed = approval.proposed_text
    if proposed is not None:
        if own and proposed == approval.editable_text:
            rows.append('<p class="soft label">To look at</p>')
            rows.append(f'<div class="quoted">{_marked(pieces(proposed, own))}</div>')
        rows.append(
            '<label class="soft label" for="text">Text, as it will be used. You can change it.</label>'
            f'<textarea id="text" name="text" rows="{_height(proposed)}" maxlength="{TEXT_LIMIT}">\n{escape(proposed)}</textarea>'
        )
    if approval.people > 1:
        rows.append(f"<p>{_votes(approval)}</p>")
    return (
        f'<form method="post" action="{escape(action)}">{"".join(rows)}'
        f'<p><button class="button first" type="submit">Confirm: {escape(said(view.choice))}</button></p>'
        '<p class="soft">Nothing is decided until you press the button.</p></form>'
    )


def _height(text: str) -> int:
    """Rows of a field that shows most texts whole."""
    return max(4, min(16, sum(1 + len(line) // 60 for line in text.split("\n")) + 1))


def _votes(approval: ApprovalView) -> str:
    told = f"{approval.people} different people must agree. "
    if not approval.votes:
        return told + "Nobody has chosen yet."
    return told + " ".join(
        f"{escape(each.name)} chose “{escape(said(each.choice))}”." for each in approval.votes
    )


def _until(approval: ApprovalView) -> str:
    return f" · please decide by {escape(moment(approval.deadline))}" if approval.deadline else ""


def _marked(parts: Sequence[tuple[str, object | None]]) -> str:
    return "".join(f"<mark>{escape(text)}</mark>" if mark else escape(text) for text, mark in parts)


async def _text_of(request: Request) -> str | None:
    """The field `text` of the form, read within a limit; None where the form has none."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM:
            raise TooLarge("The text is too long.", hint=f"At most {TEXT_LIMIT} characters.")
    values = parse_qs(body.decode("ascii", "replace"), keep_blank_values=True).get("text")
    return values[-1].replace("\r\n", "\n").replace("\0", "") if values else None  # forms send CRLF


def _page(status: int, title: str, body: str) -> HTMLResponse:
    content = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
        f"<title>{escape(title)} · Stoa</title><style>{_STYLE}</style></head>"
        f'<body><main><p class="brand">Stoa</p><h1>{escape(title)}</h1>{body}</main></body></html>'
    )
    return HTMLResponse(content, status_code=status, headers=_HEADERS)
