"""How the service finds its Slack account to stand, for whoever looks from another process."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from detector.columns import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "slack_standing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.Column("connected_since", UtcDateTime(), nullable=True),
        sa.Column("deaf_since", UtcDateTime(), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("refused", sa.String(), nullable=False),
        sa.Column("refused_since", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("slack_standing")
