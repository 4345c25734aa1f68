"""Members of the workspace and what they may do. For owners."""

from nicegui import ui

from stoa.app.console.visit import Visit
from stoa.base.errors import Conflict, Forbidden
from stoa.base.identity.caller import Role
from stoa.base.identity.people import MemberView
from stoa.ui.elements import button, dress, say, tag, text
from stoa.ui.feedback import confirm, dialog_with
from stoa.ui.frame import ago, avatar, card, page_head

_ROLES = {
    Role.OWNER: "Owner: everything, and who may what",
    Role.EDITOR: "Editor: adds and changes content",
    Role.REVIEWER: "Reviewer: approves and rejects",
    Role.MEMBER: "Member: asks and reads",
}


def owners_only(visit: Visit) -> None:
    """Raises Forbidden for everybody else."""
    if visit.caller.role is not Role.OWNER:
        raise Forbidden("This page is for owners.", hint="Ask an owner of the workspace.")


async def show(visit: Visit) -> None:
    """`/settings/members`"""
    owners_only(visit)
    page = _Members(visit)
    with page_head("Members", "Who works in this workspace, and as what."):
        button(
            "Add a member",
            dialog_with("Add a member", page.ask_for_new),
            kind="primary",
            symbol="person_add",
            test="add-member",
        )
    with card(flush=True):
        page.place = tag("ul", "", "rows", test="members")
    await page.draw()


class _Members:
    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self.place = tag("ul")

    async def draw(self) -> None:
        """Show everyone, as of now."""
        found = await self._visit.platform.accounts.members(await self._visit.check())
        self.place.clear()
        with self.place:
            for member in found:
                self._row(member)

    def _row(self, member: MemberView) -> None:
        with tag("li"):
            avatar(member.name)
            with tag("div", "", "grow"):
                tag("div", member.name, "clip")
                tag("div", f"{member.email} · since {ago(member.joined_at)}", "soft small clip")
            choice = ui.select({role: role.capitalize() for role in Role}, value=member.role)
            choice.props("outlined dense").classes("role-choice")
            dress(choice, aria_label=f"Role of {member.name}", test="role")

            async def change() -> None:
                await self._set(member, Role(choice.value))

            choice.on_value_change(lambda: self._guard(change))

            async def remove() -> None:
                await self._remove(member)

            button(
                "",
                remove,
                kind="plain",
                symbol="person_remove",
                aria_label=f"Remove {member.name}",
            )

    async def _guard(self, change: object) -> None:
        try:
            await change()  # type: ignore[operator]
        except Conflict as error:
            say(str(error), bad=True)
            await self.draw()

    async def _set(self, member: MemberView, role: Role) -> None:
        caller = await self._visit.check()
        await self._visit.platform.accounts.set_member(
            caller, caller.workspace_id, member.user_id, role
        )
        say(f"{member.name} is {role} now.")

    async def _remove(self, member: MemberView) -> None:
        if await confirm(
            f"Remove {member.name}?",
            "They can't open this workspace any more, and their API keys here end. What they added stays.",
            yes="Remove",
        ):
            caller = await self._visit.check()
            await self._visit.platform.accounts.remove_member(
                caller, caller.workspace_id, member.user_id
            )
            await self.draw()

    def ask_for_new(self, dialog: ui.dialog) -> None:
        """The form for a new member."""
        email = ui.input("E-mail").props("outlined type=email autocomplete=off")
        name = ui.input("Name, if they are new to Stoa").props("outlined autocomplete=off")
        role = ui.select(_ROLES, value=Role.MEMBER, label="Role").props("outlined")
        dress(email, test="new-email")
        dress(name, test="new-name")

        async def add() -> None:
            link = await self._add(email.value or "", name.value or "", Role(role.value))
            dialog.close()
            await self.draw()
            if link:
                await self._show_link(link)

        with tag("div", "", "dialog-actions"):
            button("Cancel", dialog.close)
            button("Add", add, kind="primary", test="add")

    async def _add(self, email: str, name: str, role: Role) -> str:
        """Add someone; returns the link with which a new user chooses a password."""
        caller = await self._visit.check()
        accounts = self._visit.platform.accounts
        try:
            user = await accounts.create_user(email, name or email.partition("@")[0], None)
            token = await accounts.password_token(user.id)
        except Conflict:
            user, token = await accounts.user_by_email(email), ""
        await accounts.set_member(caller, caller.workspace_id, user.id, role)
        base = self._visit.platform.settings.resolved_public_url()
        return f"{base}/password/{token}" if token else ""

    async def _show_link(self, link: str) -> None:
        def fill(_dialog: ui.dialog) -> None:
            text(
                "Send this link to the new member. It lets them choose a password, once, within three days."
            )
            with tag("div", "", "secret"):
                tag("code", link, test="invitation")
                button("Copy", lambda: ui.clipboard.write(link), symbol="content_copy")

        await dialog_with("Invitation", fill)()
