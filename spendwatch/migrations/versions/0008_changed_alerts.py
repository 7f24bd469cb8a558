"""Which alerts have changed just now, found without reading all of them."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_alert_updated_at", "alert", ["updated_at"])


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("ix_alert_updated_at", "alert")
