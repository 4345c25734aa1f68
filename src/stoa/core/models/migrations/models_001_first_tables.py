"""First tables."""

import sqlalchemy as sa
from alembic import op

revision = "models_001"
down_revision = None
branch_labels = ("models_tables",)
depends_on = "base_tables"


def upgrade() -> None:
    op.create_table(
        "model_call",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=True),
        sa.Column("prompt", sa.String(length=120), nullable=False),
        sa.Column("prompt_version", sa.String(length=12), nullable=False),
        sa.Column("role", sa.String(length=200), nullable=False),
        sa.Column("answered_by", sa.String(length=200), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_model_call_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_call")),
    )
    with op.batch_alter_table("model_call", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_model_call_run_id"), ["run_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_model_call_workspace_id"), ["workspace_id"], unique=False
        )
        batch_op.create_index("ix_model_call_workspace_id_at", ["workspace_id", "at"], unique=False)

    op.create_table(
        "model_hold",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_model_hold_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_hold")),
    )
    with op.batch_alter_table("model_hold", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_model_hold_workspace_id"), ["workspace_id"], unique=False
        )

    op.create_table(
        "model_limit",
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("tokens_per_day", sa.Integer(), nullable=True),
        sa.Column("usd_per_month", sa.Float(), nullable=True),
        sa.Column("rate_clock", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_model_limit_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_model_limit")),
    )
    op.create_table(
        "model_usage",
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.id"],
            name=op.f("fk_model_usage_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_id", "day", name=op.f("pk_model_usage")),
    )


def downgrade() -> None:
    op.drop_table("model_usage")
    op.drop_table("model_limit")
    with op.batch_alter_table("model_hold", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_model_hold_workspace_id"))

    op.drop_table("model_hold")
    with op.batch_alter_table("model_call", schema=None) as batch_op:
        batch_op.drop_index("ix_model_call_workspace_id_at")
        batch_op.drop_index(batch_op.f("ix_model_call_workspace_id"))
        batch_op.drop_index(batch_op.f("ix_model_call_run_id"))

    op.drop_table("model_call")
