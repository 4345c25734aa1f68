"""`stoa admin`: the operator's commands. They work on the data itself, in this process.

Whoever may read the data folder or the database is the operator; there is no other check. Secrets are
printed once, where they are made.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel

from stoa.app.checking import check
from stoa.app.cli.doors import set_up_quietly
from stoa.app.cli.events import events_group
from stoa.app.cli.output import show
from stoa.app.cli.target import Target
from stoa.base.backup import Backup
from stoa.base.errors import InvalidInput, NotFound
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.people import UserView
from stoa.base.settings import Settings
from stoa.contract import Platform
from stoa.core.registry.mlflow_export import MlflowExport
from stoa.wiring import build

T = TypeVar("T")
NOT_KEPT = (
    *("worker", "queues", "application_versions", "dbos_migrations"),
    *("dbos.queues", "dbos.application_versions", "dbos.dbos_migrations"),
    "stoa_index*",
)
"""Tables that say who works now, that a library keeps for itself, or that are derived."""
_ROLES = click.Choice([str(role) for role in Role])


@click.group(help="Workspaces, users, keys, backup, restore, repair.")
def admin() -> None:
    """The operator's commands."""


@admin.group(help="Tenants.")
def workspace() -> None:
    """Tenants."""


@workspace.command("create", help="Make an empty workspace.")
@click.argument("name")
@click.pass_obj
def workspace_create(target: Target, name: str) -> None:
    """Make an empty workspace."""
    _answer(target, lambda platform: platform.accounts.create_workspace(name))


@workspace.command("list", help="Every workspace there is.")
@click.pass_obj
def workspace_list(target: Target) -> None:
    """Every workspace there is."""
    _answer(target, lambda platform: platform.accounts.all_workspaces())


@admin.group(help="People.")
def user() -> None:
    """People."""


@user.command("create", help="Make a user, and print a link with which they choose a password.")
@click.argument("email")
@click.option("--name", required=True, help="As others see it.")
@click.option("--workspace", "workspace_id", help="Make them a member there.")
@click.option("--role", type=_ROLES, default="member", help="As what.  [default: member]")
@click.pass_obj
def user_create(target: Target, email: str, name: str, workspace_id: str, role: str) -> None:
    """Make a user."""

    async def work(platform: Platform) -> dict[str, Any]:
        if workspace_id:
            await _workspace(platform, workspace_id)
        made = await platform.accounts.create_user(email, name, None)
        if workspace_id:
            await platform.accounts.set_member(None, workspace_id, made.id, Role(role))
        return {**made.model_dump(mode="json"), "password_link": await _link(platform, made)}

    _answer(target, work)


@user.command("link", help="Print a link with which a user chooses a new password, once.")
@click.argument("email")
@click.pass_obj
def user_link(target: Target, email: str) -> None:
    """A one-time password link."""

    async def work(platform: Platform) -> dict[str, Any]:
        return {
            "password_link": await _link(platform, await platform.accounts.user_by_email(email))
        }

    _answer(target, work)


@admin.command(
    "export-mlflow", help="Copy a workspace's models to MLflow: https://host or sqlite:////file."
)
@click.argument("workspace_id")
@click.argument("address")
@click.pass_obj
def export_mlflow(target: Target, workspace_id: str, address: str) -> None:
    """Copy a workspace's models to MLflow."""

    async def work(platform: Platform) -> dict[str, Any]:
        caller = await _operator(platform, workspace_id)
        export = MlflowExport(address)
        return {
            group.name: await export.export(
                platform.registry, caller, group.name, partial(platform.jobs.curves, caller)
            )
            for group in await platform.registry.versions.groups(caller)
        }

    _answer(target, work)


@admin.group(help="Who is what in a workspace.")
def member() -> None:
    """Memberships."""


@member.command("list", help="The members of a workspace.")
@click.argument("workspace_id")
@click.pass_obj
def member_list(target: Target, workspace_id: str) -> None:
    """The members of a workspace."""

    async def work(platform: Platform) -> Any:
        return await platform.accounts.members(await _operator(platform, workspace_id))

    _answer(target, work)


@member.command("set", help="Make a user a member, or change the role.")
@click.argument("workspace_id")
@click.argument("email")
@click.argument("role", type=_ROLES)
@click.pass_obj
def member_set(target: Target, workspace_id: str, email: str, role: str) -> None:
    """Make a user a member, or change the role."""

    async def work(platform: Platform) -> Any:
        found = await platform.accounts.user_by_email(email)
        await platform.accounts.set_member(None, workspace_id, found.id, Role(role))
        return await platform.accounts.members(await _operator(platform, workspace_id))

    _answer(target, work)


@member.command("remove", help="Take a user out of a workspace; their keys there end.")
@click.argument("workspace_id")
@click.argument("email")
@click.pass_obj
def member_remove(target: Target, workspace_id: str, email: str) -> None:
    """Take a user out of a workspace."""

    async def work(platform: Platform) -> Any:
        found = await platform.accounts.user_by_email(email)
        await platform.accounts.remove_member(None, workspace_id, found.id)
        return await platform.accounts.members(await _operator(platform, workspace_id))

    _answer(target, work)


@admin.group(help="API keys.")
def key() -> None:
    """API keys."""


@key.command("create", help="Make a key that acts as a member; its secret is shown this once.")
@click.argument("workspace_id")
@click.argument("email")
@click.option("--name", required=True, help="To tell keys apart.")
@click.option("--role", type=_ROLES, help="What the key is.  [default: as the member]")
@click.option("--scope", "scopes", multiple=True, help="solution, solution.operation, v1 or admin.")
@click.option("--expires", type=click.DateTime(), help="UTC.  [default: when revoked]")
@click.pass_obj
def key_create(target: Target, /, workspace_id: str, email: str, **given: Any) -> None:
    """Make a key."""

    async def work(platform: Platform) -> dict[str, Any]:
        caller = await _member(platform, workspace_id, email)
        view, secret = await platform.accounts.create_key(
            caller,
            given["name"],
            scopes=given["scopes"] or None,
            role=Role(given["role"]) if given["role"] else caller.role,
            expires_at=_utc(given["expires"]),
        )
        return {**view.model_dump(mode="json"), "secret": secret}

    _answer(target, work)


@key.command("list", help="The keys of a workspace.")
@click.argument("workspace_id")
@click.pass_obj
def key_list(target: Target, workspace_id: str) -> None:
    """The keys of a workspace."""

    async def work(platform: Platform) -> Any:
        return await platform.accounts.keys(await _operator(platform, workspace_id))

    _answer(target, work)


@key.command("revoke", help="End a key at once.")
@click.argument("workspace_id")
@click.argument("key_id")
@click.pass_obj
def key_revoke(target: Target, workspace_id: str, key_id: str) -> None:
    """End a key at once."""

    async def work(platform: Platform) -> Any:
        caller = await _operator(platform, workspace_id)
        await platform.accounts.revoke_key(caller, key_id)
        return await platform.accounts.keys(caller)

    _answer(target, work)


@admin.command("backup", help="Write database and objects, of one moment, to one file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup_command(target: Target, file: Path) -> None:
    """Write a backup; work may go on meanwhile."""
    _answer(target, lambda platform: _backup(platform).create(file.resolve()))


@admin.command("restore", help="Bring a backup back into an empty installation.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def restore_command(target: Target, file: Path) -> None:
    """Restore, and index anew what the index is derived from."""
    path = file.resolve()

    async def work(platform: Platform) -> dict[str, Any]:
        await platform.flows.launch(works=False)  # makes the tables of durable work
        await platform.flows.close()
        restored = await _backup(platform).restore(path)
        indexed = await platform.knowledge.rebuild(everything=True)
        return {**restored.model_dump(mode="json", exclude={"rebuild"}), "indexed": indexed}

    _answer(target, work)


@admin.command("rebuild-index", help="Index documents anew from the database.")
@click.option("--all", "everything", is_flag=True, help="Also those that are up to date.")
@click.pass_obj
def rebuild_index(target: Target, everything: bool) -> None:
    """Index documents anew."""

    async def work(platform: Platform) -> dict[str, Any]:
        return {"documents": await platform.knowledge.rebuild(everything=everything)}

    _answer(target, work)


@admin.command("check", help="Whether what belongs together is together. Changes nothing.")
@click.pass_obj
def check_command(target: Target) -> None:
    """Exits with 1 where something is not as it should be."""
    health = _carry_out(check)
    show(health.model_dump(mode="json"), as_json=target.as_json)
    if health.findings:
        raise click.exceptions.Exit(1)


def _backup(platform: Platform) -> Backup:
    return Backup(platform.database, platform.objects, ignored=NOT_KEPT)


def _answer(target: Target, work: Callable[[Platform], Awaitable[Any]]) -> None:
    found = _carry_out(work)
    show(_plain(found), as_json=target.as_json)


def _carry_out(work: Callable[[Platform], Awaitable[T]]) -> T:
    """Do the work on a house that is built but not launched: no runs are taken up."""
    settings = Settings.load()
    set_up_quietly(settings)
    platform = build(settings).platform

    async def run() -> T:
        try:
            return await work(platform)
        finally:
            await platform.knowledge.close()
            await platform.models.close()

    try:
        return asyncio.run(run())
    finally:
        platform.database.close()


async def _workspace(platform: Platform, workspace_id: str) -> None:
    known = await platform.accounts.all_workspaces()
    if workspace_id not in {each.id for each in known}:
        raise NotFound(
            f"There is no workspace {workspace_id}.", hint="See: stoa admin workspace list"
        )


async def _operator(platform: Platform, workspace_id: str) -> Caller:
    await _workspace(platform, workspace_id)
    return Caller(workspace_id, "operator", Role.OWNER, "Operator")


async def _member(platform: Platform, workspace_id: str, email: str) -> Caller:
    found = await platform.accounts.user_by_email(email)
    for each in await platform.accounts.workspaces(found.id):
        if each.id == workspace_id and each.role is not None:
            return Caller(each.id, found.id, each.role, found.name)
    raise InvalidInput(
        f"{email} is no member of {workspace_id}.", hint="See: stoa admin member set --help"
    )


async def _link(platform: Platform, who: UserView) -> str:
    token = await platform.accounts.password_token(who.id)
    return f"{platform.settings.resolved_public_url()}/password/{token}"


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)


def _plain(found: Any) -> Any:
    if isinstance(found, BaseModel):
        return found.model_dump(mode="json")
    if isinstance(found, list):
        return [_plain(each) for each in found]
    return found


admin.add_command(events_group(_answer, _operator))
