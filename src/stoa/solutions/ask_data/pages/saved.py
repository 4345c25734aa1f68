"""Saved: questions to ask again with one press, one's own and those that others share."""

from stoa.contract import PageContext
from stoa.solutions.ask_data.pages.answer_card import finished_card
from stoa.solutions.ask_data.schema import Answer, ListSaved, Saved, SavedView
from stoa.ui.elements import button, say, tag
from stoa.ui.feedback import chip, confirm, empty_state
from stoa.ui.frame import ago, card


async def show_saved(context: PageContext) -> None:
    """The tab."""
    place = tag("div", "", "stack", test="saved")
    answers = tag("div", "", "stack")

    async def draw() -> None:
        found: Saved = await context.call("saved", ListSaved())
        place.clear()
        with place:
            if not found.saved:
                empty_state(
                    "Nothing saved yet",
                    "Save an answer, and its query runs again here with one press.",
                    symbol="bookmark_border",
                )
                return
            with card(flush=True), tag("ul", "", "rows"):
                for each in found.saved:
                    _line(each)

    def _line(view: SavedView) -> None:
        async def run() -> None:
            request = {"database": view.database, "sql": view.sql_code, "question": view.question}
            answer: Answer = await context.call("run_sql", request)
            answers.clear()
            with answers:
                finished_card(context, answer, view.database)

        async def forget() -> None:
            if await confirm("Remove this question?", f"“{view.name}”", yes="Remove"):
                await context.call("forget", {"id": view.id})
                say("Removed.")
                await draw()

        with tag("li", "", "", test="saved-line"):
            with tag("div", "", "grow"):
                tag("div", view.name, "wrap-anywhere strong")
                tag("div", f"{view.database} · {ago(view.saved_at)}", "soft small")
            if view.shared:
                chip("Shared", "live")
            button("Run", run, symbol="play_arrow", css="button-small", test="run-saved")
            if view.mine:
                button("", forget, kind="plain", symbol="delete", css="button-small",
                       aria_label=f"Remove {view.name}", test="forget")  # fmt: skip

    await draw()
