"""Who may read events, publish them, and say where they go: owners and editors, and keys with the scope."""

from stoa.base.errors import Forbidden
from stoa.base.identity.caller import EDITORS, Caller

READ = "events.read"
PUBLISH = "events.publish"
MANAGE = "events.manage"


def admit(caller: Caller, scope: str) -> None:
    """Raises Forbidden where the role or the key's scope does not allow it."""
    if caller.role not in EDITORS:
        raise Forbidden(
            f"Events are for owners and editors; you are {caller.role}.",
            hint="Ask an owner of the workspace for the role.",
        )
    if not caller.may(scope):
        raise Forbidden(
            "This key may not do that with events.",
            hint=f"Ask an owner for a key with the scope events, or {scope}.",
        )
