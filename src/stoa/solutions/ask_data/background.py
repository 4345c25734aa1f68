"""Questions answered in the background: submit, then poll or listen, then fetch; and answers as files.

The run keeps only ids. Rows lie in the object store until they expire, and come out to their asker.
"""

import asyncio
from datetime import timedelta

from stoa.base.database import now
from stoa.base.errors import NotFound, TooLarge
from stoa.contract import Call
from stoa.solutions.ask_data.exporting import as_csv, as_parquet
from stoa.solutions.ask_data.flow import ask
from stoa.solutions.ask_data.keeping import stored_answer
from stoa.solutions.ask_data.schema import (
    Answer,
    Ask,
    Download,
    FetchResult,
    Link,
    ResultView,
    Submit,
    Submitted,
)

_LINK_SECONDS = 600
_RUN = "submit"


async def submit(call: Call, request: Submit) -> Submitted:
    """Ask in the background: poll the run or listen to its events, then fetch the answers by `result`.

    After the given seconds it is given up with a message that says so.
    """
    expires_at = now() + timedelta(hours=call.platform.settings.result_hours)
    asked = Ask.model_validate(request.model_dump(exclude={"seconds"}))

    async def answer_all() -> list[str]:
        try:
            async with asyncio.timeout(request.seconds):
                answers = await ask(call, asked)
        except TimeoutError:
            return []
        return [each.id for each in answers.answers]

    ids = await call.step(answer_all)
    return Submitted(
        database=request.database,
        state="done" if ids else "timeout",
        answers=ids,
        message="" if ids else _gave_up(request.seconds),
        expires_at=expires_at,
    )


async def result(call: Call, request: FetchResult) -> ResultView:
    """Fetch the answers of a submitted question by the id of its run, or one answer by its own id."""
    if request.id.startswith("answer_"):
        answer, row = await stored_answer(call, request.id)
        return ResultView(state="done", message="", answers=[answer], expires_at=row.expires_at)
    run = await call.platform.flows.show(call.caller, request.id)
    if (run.solution, run.operation) != ("ask_data", _RUN) or not run.is_open_to(call.caller):
        raise NotFound("There is no such question.", hint="Give the id that submit answered.")
    if run.state in {"failed", "cancelled"}:
        message = str((run.error or {}).get("message", "It was cancelled."))
        state = "failed" if run.state == "failed" else "cancelled"
        return ResultView.model_validate(
            {"state": state, "message": message, "answers": [], "expires_at": None}
        )
    if run.result is None:
        return ResultView(state="running", message=run.message, answers=[], expires_at=None)
    done = Submitted.model_validate(run.result)
    answers: list[Answer] = [(await stored_answer(call, each))[0] for each in done.answers]
    return ResultView(
        state=done.state, message=done.message, answers=answers, expires_at=done.expires_at
    )


async def download(call: Call, request: Download) -> Link:
    """Get an answer's rows as CSV, Parquet or JSON: a link that is good for ten minutes."""
    answer, row = await stored_answer(call, request.answer)
    name = f"{answer.id}.{request.format}"
    key = f"{row.object_key.removesuffix('json')}{request.format}"
    if answer.sql_answer is None:
        raise NotFound("This answer has no rows.", hint="Ask again, or change the query.")
    if request.format != "json":
        write = as_csv if request.format == "csv" else as_parquet
        content = await asyncio.to_thread(write, answer.sql_answer)
        if len(content) > call.platform.files.limit_bytes:
            raise TooLarge("The file would be too large.", hint="Ask for fewer rows.")
        await call.platform.objects.put(key, content)
    link = call.platform.objects.link(key, seconds=_LINK_SECONDS, name=name)
    expires = min(row.expires_at, now() + timedelta(seconds=_LINK_SECONDS))
    return Link(name=name, url=link, expires_at=expires)


def _gave_up(seconds: int) -> str:
    return f"No answer within {seconds} seconds. Ask again, or ask for less."
