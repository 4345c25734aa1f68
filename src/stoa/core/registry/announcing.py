"""What the registry tells: an audit line and an event, in the transaction of the change.

The types of the data are what subscribers and reacting operations are given. It decides nothing.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.base.outbox import Outbox

SOURCE: Final = "/stoa/registry"
DATASET_ADDED: Final = "stoa.dataset.added"
MODEL_REGISTERED: Final = "stoa.model.registered"
MODEL_DECIDED: Final = "stoa.model.decided"
ALIAS_MOVED: Final = "stoa.model.alias_moved"


class DatasetAdded(BaseModel):
    """Data of `stoa.dataset.added`: a new version of a dataset is there."""

    dataset_id: str
    name: str
    version: int
    path: str
    """Address of the files, or `artefact:…` where they are in our own store."""
    partition: str
    digest: str


class ModelRegistered(BaseModel):
    """Data of `stoa.model.registered`."""

    version_id: str
    group: str
    version: int
    status: str


class ModelDecided(BaseModel):
    """Data of `stoa.model.decided`: a version was approved or rejected."""

    version_id: str
    group: str
    version: int
    status: str
    reason: str
    by: str


class AliasMoved(BaseModel):
    """Data of `stoa.model.alias_moved`. `version_id` None: the alias is gone."""

    group: str
    alias: str
    version_id: str | None
    previous_id: str | None
    reason: str


@dataclass(frozen=True)
class Announcements:
    """The audit log and the events."""

    audit: AuditLog
    events: Outbox | None

    def say(
        self, session: Session, caller: Caller, type_: str, subject: str, data: BaseModel
    ) -> None:
        """Write both, so that they are kept with the change or not at all."""
        plain = data.model_dump(mode="json")
        self.audit.record(session, caller, type_.removeprefix("stoa."), subject, **plain)
        if self.events is not None:
            self.events.add(
                session,
                workspace=caller.workspace_id,
                type=type_,
                source=SOURCE,
                subject=subject,
                data=plain,
            )
