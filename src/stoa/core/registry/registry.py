"""The registry: datasets, models and endpoints with where they came from, in one database and store.

`platform.registry` is one of these. It trains nothing and serves nothing: whoever does writes down
here what was made, and reads here what to use.
"""

from stoa.base.database import Database
from stoa.base.identity.audit import AuditLog
from stoa.base.objects import Objects
from stoa.base.outbox import Outbox
from stoa.base.settings import Settings
from stoa.core.registry.aliases import Aliases
from stoa.core.registry.announcing import Announcements
from stoa.core.registry.artefacts import Artefacts
from stoa.core.registry.datasets import Datasets
from stoa.core.registry.endpoints import Endpoints
from stoa.core.registry.lineage import Lineage
from stoa.core.registry.versions import Versions


class Registry:
    """The parts of the registry, over one database and one object store."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        objects: Objects,
        audit: AuditLog,
        *,
        events: Outbox | None = None,
    ) -> None:
        said = Announcements(audit, events)
        self.artefacts = Artefacts(database, objects, settings.home.resolve() / "artefacts")
        """Folders of files by the hash of their content."""
        self.datasets = Datasets(database, self.artefacts, said)
        """Named datasets, versioned by content."""
        self.versions = Versions(database, said)
        """Model groups and their versions."""
        self.aliases = Aliases(database, said)
        """Which version is champion, which challenger."""
        self.endpoints = Endpoints(database, audit)
        """What is served under which name."""
        self.lineage = Lineage(database)
        """What was made of what."""
