"""People of workspace_a as rows, so that letters find their addresses."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import Membership, User

WORKSPACE = "workspace_a"
NAMES = {
    "alice": Role.OWNER,
    "rex": Role.REVIEWER,
    "rita": Role.REVIEWER,
    "ed": Role.EDITOR,
    "mia": Role.MEMBER,
}


@dataclass(frozen=True)
class People:
    """Callers by name."""

    alice: Caller
    rex: Caller
    rita: Caller
    ed: Caller
    mia: Caller


def settle(database: Database) -> People:
    """Make everybody a user and a member."""

    def work(session: Session) -> None:
        for name, role in NAMES.items():
            user = f"user_{name}"
            session.add(
                User(id=user, email=f"{name}@example.org", name=name.title(), created_at=now())
            )
            session.flush()
            session.add(
                Membership(
                    id=f"member_{name}",
                    workspace_id=WORKSPACE,
                    user_id=user,
                    role=role,
                    created_at=now(),
                )
            )

    database.write_now(work, workspace=EVERY_WORKSPACE)
    return People(
        **{
            name: Caller(WORKSPACE, f"user_{name}", role, name.title())
            for name, role in NAMES.items()
        }
    )


def leave(database: Database, who: Caller) -> None:
    """Take somebody's membership away."""
    database.write_now(
        lambda s: s.execute(sa.delete(Membership).where(Membership.user_id == who.user_id)),
        workspace=EVERY_WORKSPACE,
    )
