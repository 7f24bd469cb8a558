"""Copies for several people of one receiver, who of them gets none, and alerts told further up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from detector.columns import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table; what was sent before had no copies."""
    with op.batch_alter_table("notification") as table:
        table.add_column(sa.Column("recipient", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("part_of", sa.String(), nullable=False, server_default=""))
        table.create_index("ix_notification_part_of", ["part_of"])
    with op.batch_alter_table("alert") as table:
        table.add_column(
            sa.Column("escalated", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.create_table(
        "recipient",
        sa.Column("receiver", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("receiver", "address"),
    )


def downgrade() -> None:
    """Take them back."""
    op.drop_table("recipient")
    with op.batch_alter_table("alert") as table:
        table.drop_column("escalated")
    with op.batch_alter_table("notification") as table:
        table.drop_index("ix_notification_part_of")
        table.drop_column("part_of")
        table.drop_column("recipient")
