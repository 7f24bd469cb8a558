"""How far a watched source can be believed, and which days were judged as history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from detector.columns import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; every day judged so far was judged for people to hear of."""
    with op.batch_alter_table("judged_day") as judged_day:
        judged_day.add_column(
            sa.Column("silently", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.create_table(
        "api_day",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("api", sa.String(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("calls_without_tokens", sa.BigInteger(), nullable=False),
        sa.Column("rows_without_call", sa.BigInteger(), nullable=False),
        sa.Column("streamed_calls", sa.BigInteger(), nullable=False),
        sa.Column("cached_known_calls", sa.BigInteger(), nullable=False),
        sa.Column("newest_at", UtcDateTime(), nullable=True),
        sa.Column("ingested_at", UtcDateTime(), nullable=True),
        sa.Column("fullest_dimension", sa.String(), nullable=False),
        sa.Column("dimension_values", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "day", "api"),
    )
    op.create_table(
        "unattributed_use",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("ids", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_unattributed_use_day", "unattributed_use", ["day", "source"])
    op.create_table(
        "watermark",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("seen_until", UtcDateTime(), nullable=False),
        sa.Column("ingested_at", UtcDateTime(), nullable=True),
        sa.Column("late_days", sa.String(), nullable=False),
        sa.Column("remarks", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )


def downgrade() -> None:
    """Drop the tables and the column."""
    op.drop_table("watermark")
    op.drop_index("ix_unattributed_use_day", "unattributed_use")
    op.drop_table("unattributed_use")
    op.drop_table("api_day")
    with op.batch_alter_table("judged_day") as judged_day:
        judged_day.drop_column("silently")
