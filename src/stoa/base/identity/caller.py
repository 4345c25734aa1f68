"""Who is calling: the one value that every face makes and every check reads.

It knows nothing of passwords, keys or sessions; those prove a caller, this only says who it is.
"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person is in a workspace. Sets, not a ladder: an operation names the roles it takes."""

    OWNER = "owner"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    MEMBER = "member"


EVERYONE = frozenset(Role)
REVIEWERS = frozenset({Role.OWNER, Role.EDITOR, Role.REVIEWER})
EDITORS = frozenset({Role.OWNER, Role.EDITOR})
OWNERS = frozenset({Role.OWNER})


@dataclass(frozen=True)
class Caller:
    """A person, an API key, or Stoa itself acting for a workspace.

    `scopes` narrows an API key to `solution`, `solution.operation` or `v1`; None means no narrowing.
    """

    workspace_id: str
    user_id: str
    role: Role
    name: str = ""
    scopes: frozenset[str] | None = None

    def may(self, scope: str) -> bool:
        """Whether `scope` (`ask_docs.ask`, `v1`) is within what this caller's key allows."""
        if self.scopes is None:
            return True
        return scope in self.scopes or scope.split(".", maxsplit=1)[0] in self.scopes
