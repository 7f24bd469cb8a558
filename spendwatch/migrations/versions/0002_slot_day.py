"""Which UTC days a source told slots of, and whether all of them are stored and summed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from detector.columns import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SERIES = sa.table("series", sa.column("id", sa.Integer), sa.column("source", sa.String))
USAGE_SLOT = sa.table(
    "usage_slot", sa.column("series_id", sa.Integer), sa.column("start_at", UtcDateTime())
)


def upgrade() -> None:
    """Create the table and fill it: until now a day's slots were stored in one transaction."""
    slot_day = op.create_table(
        "slot_day",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("utc_day", sa.Date(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("summed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source", "utc_day"),
    )
    told = (
        sa.select(SERIES.c.source, USAGE_SLOT.c.start_at)
        .join(USAGE_SLOT, SERIES.c.id == USAGE_SLOT.c.series_id)
        .distinct()
    )
    days = {(row.source, row.start_at.date()) for row in op.get_bind().execute(told)}
    rows = [
        {"source": source, "utc_day": day, "whole": True, "summed": True}
        for source, day in sorted(days)
    ]
    if rows:
        op.bulk_insert(slot_day, rows)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("slot_day")
