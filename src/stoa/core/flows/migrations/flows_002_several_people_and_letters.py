"""Approvals: several people, escalation, votes, letters."""

import sqlalchemy as sa
from alembic import op

revision = "flows_002"
down_revision = "flows_001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approval_mail_opt_out",
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user.id"],
            name=op.f("fk_approval_mail_opt_out_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_approval_mail_opt_out_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_id", "user_id", name=op.f("pk_approval_mail_opt_out")),
    )
    with op.batch_alter_table("approval_mail_opt_out", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_approval_mail_opt_out_user_id"), ["user_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_approval_mail_opt_out_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "approval_letter",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("approval_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"],
            ["approval.id"],
            name=op.f("fk_approval_letter_approval_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_approval_letter_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_approval_letter_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_letter")),
        sa.UniqueConstraint(
            "approval_id",
            "user_id",
            "kind",
            name=op.f("uq_approval_letter_approval_id_user_id_kind"),
        ),
    )
    with op.batch_alter_table("approval_letter", schema=None) as batch_op:
        batch_op.create_index(
            "ix_approval_letter_state_next_at", ["state", "next_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_approval_letter_user_id"), ["user_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_approval_letter_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "approval_link",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("approval_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("choice", sa.String(length=80), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"],
            ["approval.id"],
            name=op.f("fk_approval_link_approval_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_approval_link_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_approval_link_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_approval_link")),
    )
    with op.batch_alter_table("approval_link", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_approval_link_approval_id"), ["approval_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_approval_link_user_id"), ["user_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_approval_link_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "approval_vote",
        sa.Column("approval_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("choice", sa.String(length=80), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("way", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"],
            ["approval.id"],
            name=op.f("fk_approval_vote_approval_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_approval_vote_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("approval_id", "user_id", name=op.f("pk_approval_vote")),
    )
    with op.batch_alter_table("approval_vote", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_approval_vote_workspace_id"), ["workspace_id"], unique=False
        )

    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("highlights", sa.JSON(none_as_null=True), server_default="[]", nullable=False)
        )
        batch_op.add_column(sa.Column("people", sa.Integer(), server_default="1", nullable=False))
        batch_op.add_column(
            sa.Column("excluding", sa.JSON(none_as_null=True), server_default="[]", nullable=False)
        )
        batch_op.add_column(sa.Column("reason", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("way", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("default_choice", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("escalate_role", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("escalate_user", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("escalate_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("remind_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False))
        batch_op.drop_index(batch_op.f("ix_approval_state_deadline"))
        batch_op.create_index(
            "ix_approval_inbox", ["workspace_id", "state", "created_at"], unique=False
        )
        batch_op.create_index("ix_approval_state_due_at", ["state", "due_at"], unique=False)
        batch_op.create_index(
            "ix_approval_workspace_id_changed_at", ["workspace_id", "changed_at"], unique=False
        )

    op.execute("UPDATE approval SET changed_at = created_at, due_at = deadline")


def downgrade() -> None:
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.drop_index("ix_approval_workspace_id_changed_at")
        batch_op.drop_index("ix_approval_state_due_at")
        batch_op.drop_index("ix_approval_inbox")
        batch_op.create_index(
            batch_op.f("ix_approval_state_deadline"), ["state", "deadline"], unique=False
        )
        batch_op.drop_column("changed_at")
        batch_op.drop_column("due_at")
        batch_op.drop_column("remind_at")
        batch_op.drop_column("escalated_at")
        batch_op.drop_column("escalate_at")
        batch_op.drop_column("escalate_user")
        batch_op.drop_column("escalate_role")
        batch_op.drop_column("default_choice")
        batch_op.drop_column("way")
        batch_op.drop_column("reason")
        batch_op.drop_column("excluding")
        batch_op.drop_column("people")
        batch_op.drop_column("highlights")

    with op.batch_alter_table("approval_vote", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_approval_vote_workspace_id"))

    op.drop_table("approval_vote")
    with op.batch_alter_table("approval_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_approval_link_workspace_id"))
        batch_op.drop_index(batch_op.f("ix_approval_link_user_id"))
        batch_op.drop_index(batch_op.f("ix_approval_link_approval_id"))

    op.drop_table("approval_link")
    with op.batch_alter_table("approval_letter", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_approval_letter_workspace_id"))
        batch_op.drop_index(batch_op.f("ix_approval_letter_user_id"))
        batch_op.drop_index("ix_approval_letter_state_next_at")

    op.drop_table("approval_letter")
    with op.batch_alter_table("approval_mail_opt_out", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_approval_mail_opt_out_workspace_id"))
        batch_op.drop_index(batch_op.f("ix_approval_mail_opt_out_user_id"))

    op.drop_table("approval_mail_opt_out")
