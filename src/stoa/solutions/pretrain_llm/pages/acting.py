"""What can be done with a run: stop it, go on with it, hand its model on, judge its checkpoints."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from stoa.contract import PageContext
from stoa.solutions.pretrain_llm.pages.judging import show_scores
from stoa.solutions.pretrain_llm.schema import Exported, RunView
from stoa.ui.elements import button, dress, say, tag, text
from stoa.ui.feedback import confirm, dialog_with

AT_WORK = ("queued", "running")


def actions(context: PageContext, view: RunView, changed: Callable[[], Awaitable[None]]) -> None:
    """Buttons for what makes sense in its state."""
    run = view.run
    if run.recorded:
        return

    async def stop() -> None:
        if await confirm(
            "Stop this run?", "It saves a checkpoint first, and can go on.", yes="Stop"
        ):
            await context.call("stop", {"job": run.job})
            say("It saves and ends.")
            await changed()

    async def resume() -> None:
        await context.start("resume", {"job": run.job})
        say("It goes on from its last whole checkpoint.")
        await changed()

    with tag("div", "", "line"):
        if run.state in AT_WORK:
            button("Stop", stop, kind="danger", symbol="stop", test="stop-run")
            return
        if run.state == "done":
            button("Export", _exporting(context, view), symbol="inventory_2", test="export-run")
        else:
            button("Go on", resume, symbol="play_arrow", test="resume-run")
        button("Evaluate", _evaluating(context, view), symbol="grading", test="evaluate-run")


def _exporting(context: PageContext, view: RunView) -> Callable[[], Awaitable[None]]:
    def fill(dialog: ui.dialog) -> None:
        text("Its Hugging Face folder becomes a version of a model in the registry.", "soft")
        name = ui.input("Model", value=view.run.recipe).props("outlined dense maxlength=80")
        dress(name, test="model-name")

        async def export() -> None:
            made: Exported = await context.call(
                "export", {"job": view.run.job, "model": name.value}
            )
            dialog.close()
            say(f"Registered as version {made.version} of {made.model}.")

        with tag("div", "", "dialog-actions"):
            button("Register", export, kind="primary", test="register")

    return dialog_with("Export the model", fill)


def _evaluating(context: PageContext, view: RunView) -> Callable[[], Awaitable[None]]:
    async def fill(dialog: ui.dialog) -> None:
        await show_scores(context, view.run.job)

    return dialog_with("Evaluate its checkpoints", fill, wide=True)
