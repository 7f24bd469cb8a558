"""Snoozes, held-back news, undone answers, silences, planned events, retries of messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from detector.columns import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; whatever was told until now was told when it last changed."""
    with op.batch_alter_table("alert") as alert:
        alert.add_column(sa.Column("snoozed_until", UtcDateTime(), nullable=True))
        alert.add_column(sa.Column("held", sa.String(), nullable=True))
        alert.add_column(sa.Column("told_at", UtcDateTime(), nullable=True))
        alert.add_column(
            sa.Column("reminded", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.execute("UPDATE alert SET told_at = updated_at")
    with op.batch_alter_table("reply") as reply:
        reply.add_column(sa.Column("until", UtcDateTime(), nullable=True))
        reply.add_column(
            sa.Column("magnitude", sa.BigInteger(), nullable=False, server_default="0")
        )
        reply.add_column(sa.Column("undoes", sa.Integer(), nullable=True))
    with op.batch_alter_table("decision") as decision:
        decision.add_column(sa.Column("detail", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("notification") as notification:
        notification.alter_column("alert_number", existing_type=sa.Integer(), nullable=True)
        notification.add_column(
            sa.Column("attempts", sa.Integer(), nullable=False, server_default="0")
        )
        notification.add_column(sa.Column("acts", sa.JSON(), nullable=False, server_default="[]"))
        notification.add_column(sa.Column("due_at", UtcDateTime(), nullable=True))
    _create_silence()
    _create_planned_event()


def _create_silence() -> None:
    op.create_table(
        "silence",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("severity", sa.String(), nullable=True),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_silence_ends_at", "silence", ["ends_at"])


def _create_planned_event() -> None:
    op.create_table(
        "planned_event",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("ceiling_micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_planned_event_tenant", "planned_event", ["tenant"])


def downgrade() -> None:
    """Take the columns away; messages about many alerts go with them."""
    op.drop_table("planned_event")
    op.drop_table("silence")
    op.execute("DELETE FROM notification WHERE alert_number IS NULL")
    with op.batch_alter_table("notification") as notification:
        notification.drop_column("due_at")
        notification.drop_column("acts")
        notification.drop_column("attempts")
        notification.alter_column("alert_number", existing_type=sa.Integer(), nullable=False)
    with op.batch_alter_table("decision") as decision:
        decision.drop_column("detail")
    with op.batch_alter_table("reply") as reply:
        reply.drop_column("undoes")
        reply.drop_column("magnitude")
        reply.drop_column("until")
    with op.batch_alter_table("alert") as alert:
        alert.drop_column("reminded")
        alert.drop_column("told_at")
        alert.drop_column("held")
        alert.drop_column("snoozed_until")
