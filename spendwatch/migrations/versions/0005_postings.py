"""Which message stands for an alert at a receiver, and which may have been sent unreceipted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from detector.columns import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TRIED_IN_VAIN = "attempts > 0 AND state NOT IN ('sent', 'dropped')"


def upgrade() -> None:
    """Add the table and the columns; whatever was tried in vain is looked up once more."""
    with op.batch_alter_table("notification") as notification:
        notification.add_column(sa.Column("unsure_since", UtcDateTime(), nullable=True))
        notification.add_column(
            sa.Column("revision", sa.Integer(), nullable=False, server_default="0")
        )
        notification.add_column(
            sa.Column("thread_of", sa.String(), nullable=False, server_default="")
        )
        notification.create_index("ix_notification_thread_of", ["thread_of"])
    op.execute(f"UPDATE notification SET unsure_since = claimed_at WHERE {_TRIED_IN_VAIN}")  # noqa: S608 - no data
    op.create_table(
        "posting",
        sa.Column("alert_number", sa.Integer(), nullable=False),
        sa.Column("receiver", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("posted_at", UtcDateTime(), nullable=False),
        sa.Column("edited_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["alert_number"], ["alert.number"]),
        sa.PrimaryKeyConstraint("alert_number", "receiver"),
    )


def downgrade() -> None:
    """Drop the table and the columns."""
    op.drop_table("posting")
    with op.batch_alter_table("notification") as notification:
        notification.drop_index("ix_notification_thread_of")
        notification.drop_column("thread_of")
        notification.drop_column("revision")
        notification.drop_column("unsure_since")
