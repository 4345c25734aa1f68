"""What pretrain_llm keeps in the SQL database: runs that were trained elsewhere. All else is jobs'."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow


class ImportedRunRow(WorkspaceRow, Row):
    """A run folder that was trained outside of Stoa, or came with the sample."""

    __tablename__ = "pretrain_llm_imported_run"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "artefact_id"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(120))
    artefact_id: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]
