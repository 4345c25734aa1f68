"""First tables."""

import sqlalchemy as sa
from alembic import op

revision = "knowledge_001"
down_revision = None
branch_labels = ("knowledge_tables",)
depends_on = "base_tables"


def upgrade() -> None:
    op.create_table(
        "knowledge_document",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("collection", sa.String(length=200), nullable=False),
        sa.Column("object_key", sa.String(length=600), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("replaces", sa.String(length=40), nullable=False),
        sa.Column("media_type", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_knowledge_document_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_document")),
    )
    with op.batch_alter_table("knowledge_document", schema=None) as batch_op:
        batch_op.create_index(
            "ix_knowledge_document_live",
            ["workspace_id", "live", "collection", "space"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_knowledge_document_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "knowledge_page",
        sa.Column("document_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("characters", sa.Integer(), nullable=False),
        sa.Column("tables", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["knowledge_document.id"],
            name=op.f("fk_knowledge_page_document_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_knowledge_page_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("document_id", "number", name=op.f("pk_knowledge_page")),
    )
    with op.batch_alter_table("knowledge_page", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_knowledge_page_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "knowledge_passage",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("document_id", sa.String(length=40), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("last_page", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("windows", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["knowledge_document.id"],
            name=op.f("fk_knowledge_passage_document_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_knowledge_passage_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_passage")),
        sa.UniqueConstraint(
            "document_id", "ordinal", name=op.f("uq_knowledge_passage_document_id_ordinal")
        ),
    )
    with op.batch_alter_table("knowledge_passage", schema=None) as batch_op:
        batch_op.create_index(
            "ix_knowledge_passage_digest", ["document_id", "digest"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_knowledge_passage_workspace_id"), ["workspace_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("knowledge_passage", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_knowledge_passage_workspace_id"))
        batch_op.drop_index("ix_knowledge_passage_digest")

    op.drop_table("knowledge_passage")
    with op.batch_alter_table("knowledge_page", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_knowledge_page_workspace_id"))

    op.drop_table("knowledge_page")
    with op.batch_alter_table("knowledge_document", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_knowledge_document_workspace_id"))
        batch_op.drop_index("ix_knowledge_document_live")

    op.drop_table("knowledge_document")
