"""The audit log is read by subject, too: the history of one thing."""

from alembic import op

revision = "base_002"
down_revision = "base_001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_audit_event_subject", "audit_event", ["subject"])


def downgrade() -> None:
    op.drop_index("ix_audit_event_subject", "audit_event")
