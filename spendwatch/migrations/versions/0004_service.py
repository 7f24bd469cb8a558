"""What an answer had seen, when a message was first tried; who leads, and which jobs have run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from detector.columns import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and tables; a message that was tried counts from when it was written."""
    with op.batch_alter_table("reply") as reply:
        reply.add_column(sa.Column("seen", sa.JSON(), nullable=True))
    with op.batch_alter_table("notification") as notification:
        notification.add_column(sa.Column("first_tried_at", UtcDateTime(), nullable=True))
    op.execute("UPDATE notification SET first_tried_at = created_at WHERE attempts > 0")
    with op.batch_alter_table("alert") as alert:
        alert.add_column(sa.Column("open_since", UtcDateTime(), nullable=True))
    with op.batch_alter_table("decision") as decision:
        decision.add_column(
            sa.Column("message_key", sa.String(), nullable=False, server_default="")
        )
    op.create_table(
        "leader",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("boot_id", sa.String(), nullable=False),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "job_run",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("job", "day"),
    )


def downgrade() -> None:
    """Drop the tables and columns."""
    op.drop_table("job_run")
    op.drop_table("leader")
    with op.batch_alter_table("decision") as decision:
        decision.drop_column("message_key")
    with op.batch_alter_table("alert") as alert:
        alert.drop_column("open_since")
    with op.batch_alter_table("notification") as notification:
        notification.drop_column("first_tried_at")
    with op.batch_alter_table("reply") as reply:
        reply.drop_column("seen")
