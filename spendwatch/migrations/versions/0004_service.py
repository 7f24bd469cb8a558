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


def downgrade() -> None:
    """Drop the columns."""
    with op.batch_alter_table("notification") as notification:
        notification.drop_column("first_tried_at")
    with op.batch_alter_table("reply") as reply:
        reply.drop_column("seen")
