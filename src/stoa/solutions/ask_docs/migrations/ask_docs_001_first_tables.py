"""First tables."""

import sqlalchemy as sa
from alembic import op

revision = "ask_docs_001"
down_revision = None
branch_labels = ("ask_docs_tables",)
depends_on = "base_tables"


def upgrade() -> None:
    op.create_table(
        "ask_docs_collection",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("readers", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("writers", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("review", sa.Boolean(), nullable=False),
        sa.Column("review_days", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_ask_docs_collection_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask_docs_collection")),
        sa.UniqueConstraint(
            "workspace_id", "name", name=op.f("uq_ask_docs_collection_workspace_id_name")
        ),
    )
    with op.batch_alter_table("ask_docs_collection", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ask_docs_collection_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "ask_docs_conversation",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_ask_docs_conversation_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask_docs_conversation")),
    )
    with op.batch_alter_table("ask_docs_conversation", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ask_docs_conversation_last_at"), ["last_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_ask_docs_conversation_user_id"), ["user_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_ask_docs_conversation_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "ask_docs_memory",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("idle_minutes", sa.Integer(), nullable=False),
        sa.Column("log_days", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_ask_docs_memory_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask_docs_memory")),
        sa.UniqueConstraint("workspace_id", name=op.f("uq_ask_docs_memory_workspace_id")),
    )
    with op.batch_alter_table("ask_docs_memory", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ask_docs_memory_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "ask_docs_question",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("user_name", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("answered_by", sa.String(length=200), nullable=False),
        sa.Column("steps", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("helpful", sa.Boolean(), nullable=True),
        sa.Column("note", sa.String(length=2000), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_ask_docs_question_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask_docs_question")),
    )
    with op.batch_alter_table("ask_docs_question", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ask_docs_question_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_ask_docs_question_user_id"), ["user_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_ask_docs_question_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "ask_docs_document",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("collection_id", sa.String(length=40), nullable=False),
        sa.Column("lineage", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("searchable", sa.Boolean(), nullable=False),
        sa.Column("file_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("reference", sa.String(length=2000), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("live_sha256", sa.String(length=64), nullable=True),
        sa.Column("media_type", sa.String(length=120), nullable=False),
        sa.Column("language", sa.String(length=12), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("indexed", sa.Integer(), nullable=False),
        sa.Column("reported", sa.Integer(), nullable=False),
        sa.Column("passages", sa.Integer(), nullable=False),
        sa.Column("embedded", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(length=1000), nullable=False),
        sa.Column("hint", sa.String(length=1000), nullable=False),
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.Column("source_key", sa.String(length=2000), nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("added_by", sa.String(length=40), nullable=False),
        sa.Column("added_by_name", sa.String(length=200), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("review_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["ask_docs_collection.id"],
            name=op.f("fk_ask_docs_document_collection_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_ask_docs_document_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask_docs_document")),
        sa.UniqueConstraint(
            "collection_id",
            "live_sha256",
            name=op.f("uq_ask_docs_document_collection_id_live_sha256"),
        ),
    )
    with op.batch_alter_table("ask_docs_document", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ask_docs_document_changed_at"), ["changed_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_ask_docs_document_collection_id"), ["collection_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_ask_docs_document_file_id"), ["file_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ask_docs_document_lineage"), ["lineage"], unique=False)
        batch_op.create_index(
            "ix_ask_docs_document_source", ["source_id", "source_key"], unique=False
        )
        batch_op.create_index("ix_ask_docs_document_state", ["workspace_id", "state"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_ask_docs_document_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "ask_docs_source",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("collection_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("location", sa.String(length=2000), nullable=False),
        sa.Column("branch", sa.String(length=200), nullable=False),
        sa.Column("every_minutes", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("problem", sa.String(length=1000), nullable=False),
        sa.Column("hint", sa.String(length=1000), nullable=False),
        sa.Column("added_by", sa.String(length=40), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["ask_docs_collection.id"],
            name=op.f("fk_ask_docs_source_collection_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_ask_docs_source_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask_docs_source")),
    )
    with op.batch_alter_table("ask_docs_source", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ask_docs_source_collection_id"), ["collection_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_ask_docs_source_next_at"), ["next_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_ask_docs_source_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "ask_docs_turn",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["ask_docs_conversation.id"],
            name=op.f("fk_ask_docs_turn_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_ask_docs_turn_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask_docs_turn")),
    )
    with op.batch_alter_table("ask_docs_turn", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ask_docs_turn_conversation_id"), ["conversation_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_ask_docs_turn_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "ask_docs_life_event",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("by_name", sa.String(length=200), nullable=False),
        sa.Column("note", sa.String(length=2000), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["ask_docs_document.id"],
            name=op.f("fk_ask_docs_life_event_document_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_ask_docs_life_event_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask_docs_life_event")),
    )
    with op.batch_alter_table("ask_docs_life_event", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ask_docs_life_event_document_id"), ["document_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_ask_docs_life_event_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "ask_docs_turn_document",
        sa.Column("turn_id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["turn_id"],
            ["ask_docs_turn.id"],
            name=op.f("fk_ask_docs_turn_document_turn_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_ask_docs_turn_document_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("turn_id", "document_id", name=op.f("pk_ask_docs_turn_document")),
    )
    with op.batch_alter_table("ask_docs_turn_document", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ask_docs_turn_document_document_id"), ["document_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_ask_docs_turn_document_workspace_id"), ["workspace_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("ask_docs_turn_document", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ask_docs_turn_document_workspace_id"))
        batch_op.drop_index(batch_op.f("ix_ask_docs_turn_document_document_id"))

    op.drop_table("ask_docs_turn_document")
    with op.batch_alter_table("ask_docs_life_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ask_docs_life_event_workspace_id"))
        batch_op.drop_index(batch_op.f("ix_ask_docs_life_event_document_id"))

    op.drop_table("ask_docs_life_event")
    with op.batch_alter_table("ask_docs_turn", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ask_docs_turn_workspace_id"))
        batch_op.drop_index(batch_op.f("ix_ask_docs_turn_conversation_id"))

    op.drop_table("ask_docs_turn")
    with op.batch_alter_table("ask_docs_source", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ask_docs_source_workspace_id"))
        batch_op.drop_index(batch_op.f("ix_ask_docs_source_next_at"))
        batch_op.drop_index(batch_op.f("ix_ask_docs_source_collection_id"))

    op.drop_table("ask_docs_source")
    with op.batch_alter_table("ask_docs_document", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ask_docs_document_workspace_id"))
        batch_op.drop_index("ix_ask_docs_document_state")
        batch_op.drop_index("ix_ask_docs_document_source")
        batch_op.drop_index(batch_op.f("ix_ask_docs_document_lineage"))
        batch_op.drop_index(batch_op.f("ix_ask_docs_document_file_id"))
        batch_op.drop_index(batch_op.f("ix_ask_docs_document_collection_id"))
        batch_op.drop_index(batch_op.f("ix_ask_docs_document_changed_at"))

    op.drop_table("ask_docs_document")
    with op.batch_alter_table("ask_docs_question", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ask_docs_question_workspace_id"))
        batch_op.drop_index(batch_op.f("ix_ask_docs_question_user_id"))
        batch_op.drop_index(batch_op.f("ix_ask_docs_question_at"))

    op.drop_table("ask_docs_question")
    with op.batch_alter_table("ask_docs_memory", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ask_docs_memory_workspace_id"))

    op.drop_table("ask_docs_memory")
    with op.batch_alter_table("ask_docs_conversation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ask_docs_conversation_workspace_id"))
        batch_op.drop_index(batch_op.f("ix_ask_docs_conversation_user_id"))
        batch_op.drop_index(batch_op.f("ix_ask_docs_conversation_last_at"))

    op.drop_table("ask_docs_conversation")
    with op.batch_alter_table("ask_docs_collection", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ask_docs_collection_workspace_id"))

    op.drop_table("ask_docs_collection")
