"""Use that has a tenant is kept by its API, beside use without one: the share of each API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rename the table and add the columns; what was kept so far has no tenant."""
    op.drop_index("ix_unattributed_use_day", "unattributed_use")
    op.rename_table("unattributed_use", "use_by_ids")
    with op.batch_alter_table("use_by_ids") as use_by_ids:
        use_by_ids.add_column(sa.Column("stated_micro_usd", sa.BigInteger(), nullable=True))
        use_by_ids.add_column(
            sa.Column("attributed", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.create_index("ix_use_by_ids_day", "use_by_ids", ["day", "source"])


def downgrade() -> None:
    """Forget use that has a tenant, and drop the columns."""
    op.execute("DELETE FROM use_by_ids WHERE attributed")
    op.drop_index("ix_use_by_ids_day", "use_by_ids")
    with op.batch_alter_table("use_by_ids") as use_by_ids:
        use_by_ids.drop_column("attributed")
        use_by_ids.drop_column("stated_micro_usd")
    op.rename_table("use_by_ids", "unattributed_use")
    op.create_index("ix_unattributed_use_day", "unattributed_use", ["day", "source"])
