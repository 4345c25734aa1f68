"""`stoa admin events`: what happened in a workspace, who is told, and sending again.

Like the operator's other commands it works on the data itself; servers and workers find what it
changes when they look next.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from stoa.app.cli.target import Target
from stoa.base.errors import InvalidInput
from stoa.base.identity.caller import Caller
from stoa.contract import Platform
from stoa.core.events.binding import read_events
from stoa.core.events.tables import DeliveryState

Answer = Callable[[Target, Callable[[Platform], Awaitable[Any]]], None]
Operator = Callable[[Platform, str], Awaitable[Caller]]
_TYPE = click.option("--type", "types", multiple=True, help="Only these; * for any characters.")
_LIMIT = click.option(
    "--limit", type=click.IntRange(1, 200), default=50, help="At most.  [default: 50]"
)


def events_group(answer: Answer, operator: Operator) -> click.Group:
    """The commands.

    Args:
        answer: carries work out on a house and prints what it returns.
        operator: acts as the owner of a workspace.
    """

    @click.group(help="What happened, who is told, and sending again.")
    def events() -> None:
        """Events."""

    _add_log(events, answer, operator)
    _add_webhooks(events, answer, operator)
    return events


def _add_log(events: click.Group, answer: Answer, operator: Operator) -> None:
    @events.command("list", help="The event log of a workspace, newest first.")
    @click.argument("workspace_id")
    @_TYPE
    @_LIMIT
    @click.pass_obj
    def show_all(target: Target, workspace_id: str, types: tuple[str, ...], limit: int) -> None:
        async def work(platform: Platform) -> Any:
            caller = await operator(platform, workspace_id)
            return await platform.events.log.list(caller, types=types, limit=limit)

        answer(target, work)

    @events.command("publish", help="Send in CloudEvents: a file of one in JSON, or of a batch.")
    @click.argument("workspace_id")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.pass_obj
    def publish(target: Target, workspace_id: str, file: Path) -> None:
        body = file.read_bytes()

        async def work(platform: Platform) -> Any:
            found = read_events({"content-type": _kind(body)}, body)
            caller = await operator(platform, workspace_id)
            fresh = await platform.events.receive_all(caller.workspace_id, found)
            return {"accepted": fresh, "duplicates": len(found) - fresh}

        answer(target, work)

    @events.command("dead", help="Dead letters of a workspace.")
    @click.argument("workspace_id")
    @_LIMIT
    @click.pass_obj
    def dead(target: Target, workspace_id: str, limit: int) -> None:
        async def work(platform: Platform) -> Any:
            caller = await operator(platform, workspace_id)
            found = await platform.events.log.deliveries(
                caller, state=DeliveryState.DEAD, limit=limit
            )
            return [*found]

        answer(target, work)

    @events.command("replay", help="Send dead letters again, or the events named.")
    @click.argument("workspace_id")
    @click.argument("event_ids", nargs=-1)
    @click.option("--webhook", help="Only to this one.")
    @click.pass_obj
    def replay(
        target: Target, workspace_id: str, event_ids: tuple[str, ...], webhook: str | None
    ) -> None:
        async def work(platform: Platform) -> Any:
            caller = await operator(platform, workspace_id)
            chosen = event_ids or None
            return {
                "deliveries": await platform.events.log.replay(
                    caller, consumer=webhook, event_ids=chosen
                )
            }

        answer(target, work)

    @events.command("prune", help="Forget events of all workspaces that are not on their way.")
    @click.option("--days", type=click.IntRange(1), required=True, help="That are older.")
    @click.pass_obj
    def prune(target: Target, days: int) -> None:
        async def work(platform: Platform) -> Any:
            return {"events": await platform.events.prune(timedelta(days=days))}

        answer(target, work)


def _add_webhooks(events: click.Group, answer: Answer, operator: Operator) -> None:
    @events.group(help="Who is told.")
    def webhook() -> None:
        """Webhooks."""

    @webhook.command("add", help="Tell an address; prints the secret, this once.")
    @click.argument("workspace_id")
    @click.argument("url")
    @_TYPE
    @click.option("--title", default="", help="To tell webhooks apart.")
    @click.pass_obj
    def add(
        target: Target, workspace_id: str, url: str, types: tuple[str, ...], title: str
    ) -> None:
        async def work(platform: Platform) -> Any:
            caller = await operator(platform, workspace_id)
            view, secret = await platform.events.subscriptions.add(
                caller, url=url, types=types or ("*",), title=title
            )
            return {**view.model_dump(mode="json"), "secret": secret}

        answer(target, work)

    @webhook.command("list", help="The webhooks of a workspace.")
    @click.argument("workspace_id")
    @click.pass_obj
    def show_all(target: Target, workspace_id: str) -> None:
        async def work(platform: Platform) -> Any:
            return await platform.events.subscriptions.list(await operator(platform, workspace_id))

        answer(target, work)

    @webhook.command("secret", help="Replace the secret; for a day the one before signs too.")
    @click.argument("workspace_id")
    @click.argument("webhook_id")
    @click.pass_obj
    def secret(target: Target, workspace_id: str, webhook_id: str) -> None:
        async def work(platform: Platform) -> Any:
            caller = await operator(platform, workspace_id)
            return {"secret": await platform.events.subscriptions.rotate(caller, webhook_id)}

        answer(target, work)

    @webhook.command("remove", help="Tell it nothing more.")
    @click.argument("workspace_id")
    @click.argument("webhook_id")
    @click.pass_obj
    def remove(target: Target, workspace_id: str, webhook_id: str) -> None:
        async def work(platform: Platform) -> Any:
            caller = await operator(platform, workspace_id)
            await platform.events.subscriptions.remove(caller, webhook_id)
            return await platform.events.subscriptions.list(caller)

        answer(target, work)


def _kind(body: bytes) -> str:
    try:
        batch = isinstance(json.loads(body), list)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The file is not JSON.", hint="Give CloudEvents in JSON.") from error
    return f"application/cloudevents{'-batch' if batch else ''}+json"
