"""A day's costs as arrays beside its rows, and the triggers that remove them with any change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from detector.vector_triggers import create_triggers, drop_triggers

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, empty: vectors are made when a day is judged."""
    op.create_table(
        "day_vector",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("series_ids", sa.LargeBinary(), nullable=False),
        sa.Column("cost", sa.LargeBinary(), nullable=False),
        sa.Column("prompt", sa.LargeBinary(), nullable=False),
        sa.Column("completion", sa.LargeBinary(), nullable=False),
        sa.Column("cached", sa.LargeBinary(), nullable=False),
        sa.Column("flags", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    for statement in create_triggers(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Drop the triggers and the table; the rows say the same."""
    for statement in drop_triggers(op.get_bind().dialect.name):
        op.execute(statement)
    op.drop_table("day_vector")
