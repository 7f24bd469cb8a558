"""How the service last found itself to do its work, and whether a stop was clean."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from detector.columns import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the columns; a stop from before they were there counts as clean."""
    op.create_table(
        "verification",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=False),
        sa.Column("wrong", sa.String(), nullable=False),
        sa.Column("verified_at", UtcDateTime(), nullable=True),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("leader") as leader:
        leader.add_column(sa.Column("ended_at", UtcDateTime(), nullable=True))
        leader.add_column(sa.Column("died_at", UtcDateTime(), nullable=True))
    op.execute("UPDATE leader SET ended_at = heartbeat_at")


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("leader") as leader:
        leader.drop_column("died_at")
        leader.drop_column("ended_at")
    op.drop_table("verification")
