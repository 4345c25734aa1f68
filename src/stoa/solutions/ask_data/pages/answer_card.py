"""The card of one answer: English, reasoning, chart, rows, the query to edit, and what to do with it."""

from typing import Any

from nicegui import ui

from stoa.contract import PageContext
from stoa.solutions.ask_data.pages.words import PROBLEMS, STEPS, answered_by
from stoa.solutions.ask_data.results import heading, told
from stoa.solutions.ask_data.schema import Answer, Link, ResultTable
from stoa.ui.charts import line_over_time, measured
from stoa.ui.elements import Tag, button, dress, on_click, say, tag, text
from stoa.ui.feedback import chip, dialog_with, notice, working
from stoa.ui.frame import count, took
from stoa.ui.tables import Column, table

_ROWS_SHOWN = 200


def working_card(context: PageContext, question: str) -> "AnswerCard":
    """A card that says how far the answer is."""
    return AnswerCard(context, question)


def finished_card(context: PageContext, answer: Answer, database: str) -> "AnswerCard":
    """A card with its answer."""
    made = AnswerCard(context, answer.question)
    made.finish(answer, database)
    return made


class AnswerCard:
    """One question with its answer, or with the steps towards it."""

    def __init__(self, context: PageContext, question: str) -> None:
        self._context = context
        with tag("section", "", "card", test="answer-card") as self._card:
            tag("h2", question or "Your query", "wrap-anywhere")
            with tag("div", "", "line", test="steps") as self._progress:
                working("The answer is being made")
                self._step = tag("span", "", "soft", role="status")
            self._body = tag("div", "", "stack")

    def step(self, name: str) -> None:
        """Say which step begins."""
        if not self._step.is_deleted:
            self._step.set_text(STEPS.get(name, name))

    def give_up(self) -> None:
        """Nothing will come any more."""
        if not self._card.is_deleted and not self._progress.is_deleted:
            self._progress.delete()

    def finish(self, answer: Answer, database: str) -> None:
        """Show the answer in place of what was there."""
        self.give_up()
        self._body.clear()
        with self._body:
            self._said(answer)
            if answer.sql_answer is not None and answer.sql_answer.rows:
                _chart(answer)
                _rows(answer.sql_answer)
            if answer.sql_code:
                self._query(answer, database)
            self._foot(answer)

    def _said(self, answer: Answer) -> None:
        if answer.problem:
            notice(PROBLEMS[answer.problem], answer.english_answer, tone="warn", test="no-answer")
            return
        tag("p", answer.english_answer, "answer-lead", test="english")
        if answer.reasoning:
            text(answer.reasoning, "soft", test="reasoning")
        if answer.reuse.used:
            chip(f"Reused: {answer.reuse.why}", "live", "history", test="reused").classes("wraps")

    # --- the query ---

    def _query(self, answer: Answer, database: str) -> None:
        with ui.expansion("Query").classes("w-full") as fold:
            dress(fold, test="query")
            editor = ui.textarea(value=answer.sql_code).props("outlined autogrow")
            editor.classes("w-full sql-editor")
            dress(editor, aria_label="SQL", test="sql", spellcheck="false")

            async def run() -> None:
                request = {
                    "database": database,
                    "sql": editor.value or "",
                    "question": answer.question,
                }
                again: Answer = await self._context.call("run_sql", request)
                self.finish(again, database)

            with tag("div", "", "line"):
                button("Run again", run, symbol="play_arrow", test="run-sql")
                if answer.tables:
                    tag("span", f"Reads {', '.join(answer.tables)}", "soft small wrap-anywhere")

    # --- the foot ---

    def _foot(self, answer: Answer) -> None:
        with tag("div", "", "answer-foot"):
            figures = [answered_by(answer.answered_by), took(answer.seconds)]
            if answer.input_tokens or answer.output_tokens:
                figures.append(f"{answer.input_tokens + answer.output_tokens:,} tokens")
            if answer.english_by == "rows":
                figures.append("English written from the rows")
            if answer.repairs:
                figures.append(count(answer.repairs, "repair"))
            tag("span", " · ".join(figures), test="answered-by")
            with tag("span", "", "push line"):
                self._actions(answer)
        with ui.expansion("Steps").classes("soft small w-full"):
            with tag("div", "", "steps", test="step-times"):
                for each in answer.steps:
                    chip(f"{each.name} {took(each.seconds)}")

    def _actions(self, answer: Answer) -> None:
        async def fetch(kind: str) -> None:
            link: Link = await self._context.call("download", {"answer": answer.id, "format": kind})
            ui.download.from_url(link.url, link.name)

        async def keep() -> None:
            await self._context.call("save", {"answer": answer.id})
            say("Saved. You find it under Saved.")

        if answer.sql_answer is not None and answer.sql_answer.rows:
            button("CSV", lambda: fetch("csv"), kind="plain", symbol="download",
                   css="button-small", test="csv")  # fmt: skip
            button("Parquet", lambda: fetch("parquet"), kind="plain", symbol="download",
                   css="button-small", test="parquet")  # fmt: skip
        if not answer.problem:
            button("Save", keep, kind="plain", symbol="bookmark_border", css="button-small",
                   test="save")  # fmt: skip
        self._judgement(answer)

    def _judgement(self, answer: Answer) -> None:
        up = button("", kind="plain", symbol="thumb_up_off_alt", css="button-small",
                    aria_label="Good", test="good")  # fmt: skip
        down = button("", kind="plain", symbol="thumb_down_off_alt", css="button-small",
                      aria_label="Bad", test="bad")  # fmt: skip

        def mark(good: bool) -> None:
            up.props["aria-pressed"] = "true" if good else "false"
            down.props["aria-pressed"] = "false" if good else "true"

        async def judge(good: bool, why: str = "") -> None:
            request = {"answer": answer.id, "good": good, "why": why}
            await self._context.call("feedback", request)
            mark(good)

        async def like() -> None:
            await judge(True)
            say("Thank you.")

        async def ask_why(dialog: ui.dialog) -> None:
            await judge(False)
            text("What was wrong? This query is not reused any more.", "soft")
            why = ui.textarea().props("outlined autogrow maxlength=2000")
            dress(why, aria_label="Reason", test="reason")

            async def send() -> None:
                dialog.close()
                await judge(False, why.value or "")
                say("Thank you. It goes into the report.")

            with tag("div", "", "dialog-actions"):
                button("No reason", dialog.close)
                button("Send", send, kind="primary", test="send-reason")

        on_click(up, like)
        on_click(down, dialog_with("Not right", ask_why))


def _chart(answer: Answer) -> None:
    if answer.chart is None or answer.sql_answer is None:
        return
    names = [column.name for column in answer.sql_answer.columns]
    label, value = names.index(answer.chart.label), names.index(answer.chart.value)
    rows = answer.sql_answer.rows
    if answer.chart.kind == "line":
        rows = sorted(rows, key=lambda row: str(row[label]))
    points = [
        (str(row[label]) if answer.chart.kind == "line" else told(row[label]), float(number))
        for row in rows
        if isinstance(number := row[value], int | float)
    ]
    title = f"{heading(answer.chart.value)} by {heading(answer.chart.label)}"
    if answer.chart.kind == "line":
        line_over_time(points, label=title)
    else:
        measured(points, unit="", label=title)


def _rows(found: ResultTable) -> Tag:
    columns = [
        Column(
            str(place),
            heading(column.name) or f"column {place + 1}",
            number=_is_number(found, place),
        )
        for place, column in enumerate(found.columns)
    ]
    rows: list[dict[str, Any]] = [
        {"id": str(number), **{str(place): value for place, value in enumerate(row)}}
        for number, row in enumerate(found.rows[:_ROWS_SHOWN])
    ]
    with tag("div", "", "stack-tight", test="rows") as place_of_rows:
        with tag("div", "", "scroll-x"):
            table(columns, rows, label="Rows", page_size=10)
        more = " at least" if found.truncated else ""
        shown = f", the first {_ROWS_SHOWN} here" if len(found.rows) > _ROWS_SHOWN else ""
        tag("span", f"{more} {count(len(found.rows), 'row')}{shown}".strip(), "soft small")
    return place_of_rows


def _is_number(found: ResultTable, place: int) -> bool:
    values = [row[place] for row in found.rows]
    return all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)
