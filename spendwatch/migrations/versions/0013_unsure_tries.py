"""After how many tries nobody knew whether a message was sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what may have been sent before was tried so once."""
    with op.batch_alter_table("notification") as table:
        table.add_column(
            sa.Column("unsure_tries", sa.Integer(), nullable=False, server_default="0")
        )
    op.execute(
        "UPDATE notification SET unsure_tries = 1 "
        "WHERE unsure_since IS NOT NULL AND state IN ('sending', 'retry', 'dead')"
    )


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("notification") as table:
        table.drop_column("unsure_tries")
